"""Measures of single answers of language models that lines of a scorecard rank: times, and numbers of tokens."""

from __future__ import annotations

from collections.abc import Callable

from proxy.contracts.observation import Observation


def time_to_first_token(leg: Observation) -> float | None:
    """Seconds to the first token of a stream; None: it is none, or that is not known."""
    return None if leg.text is None else leg.text.first_token


def output_tokens(leg: Observation) -> float | None:
    """Tokens of the answer, as its server counts them."""
    return None if leg.usage is None or leg.usage.output is None else float(leg.usage.output)


def time_per_output_token(leg: Observation) -> float | None:
    """Seconds for each token: of a stream after its first one, of any other answer of the whole time. Where a stream
    does not say how many tokens it had, its pieces count."""
    first, tokens = time_to_first_token(leg), output_tokens(leg)
    if first is None:
        return leg.total / tokens if tokens else None
    if tokens is None:
        gaps = leg.text.gaps if leg.text is not None else ()
        return sum(gaps) / len(gaps) if gaps else None
    return (leg.total - first) / (tokens - 1) if tokens > 1 else None


MEASURES: dict[str, Callable[[Observation], float | None]] = {
    "time_to_first_token": time_to_first_token,
    "output_tokens": output_tokens,
    "time_per_output_token": time_per_output_token,
}
"""Metric to its measure; None: the answer has none."""
