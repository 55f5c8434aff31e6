"""Measures of single answers of language models that lines of a scorecard rank: times, numbers of tokens, cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from proxy.contracts.histogram import Buckets, bucket
from proxy.contracts.metrics import METRICS
from proxy.contracts.observation import Observation
from proxy.contracts.price import Price
from proxy.contracts.table import Role

Measure = Callable[[Observation], float | None]
"""What is measured of an answer, in the unit of its metric, or one over it (`Metric.inverse`); None: the answer has no
such thing."""


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


def cost_by(prices: Mapping[str, Price]) -> Measure:
    """The cost of an answer by the prices of the versions, as `Price.cost` has it."""

    def cost(leg: Observation) -> float | None:
        price = prices.get(leg.version)
        if price is None or leg.usage is None:
            return None
        return price.cost(leg.usage, silent=leg.text is None)

    return cost


def measures(prices: Mapping[str, Price]) -> dict[str, Measure]:
    """Metric to its measure."""
    return {
        "time_to_first_token": time_to_first_token,
        "output_tokens": output_tokens,
        "time_per_output_token": time_per_output_token,
        "tokens_per_second": time_per_output_token,
        "cost": cost_by(prices),
    }


MEASURED = tuple(measures({}))
"""The metrics that are measured of single answers."""

OF_USAGE = ("output_tokens", "cost")
"""Those that need what a server tells of its tokens: an answer that does not tell is none of theirs, and may hide what
it cost."""


class MeasuredAnswers(NamedTuple):
    """Answers of one arm by one of `MEASURED`."""

    version: str
    role: Role
    share: float
    """The arm's part of live traffic (of copies, for a shadow) when the requests were assigned, 0 to 1."""
    metric: str
    values: Buckets
    """Answers by log bucket of the measure, as `place_of` has it."""
    unread: int = 0
    """Further answers, that have no such thing."""


def place_of(metric: str, value: float) -> int:
    """The log bucket of a measure."""
    return bucket(value * METRICS[metric].finer)


def measured(leg: Observation, by: Mapping[str, Measure]) -> list[MeasuredAnswers]:
    """A leg by each of some measures."""
    found = []
    for metric, measure in by.items():
        value = measure(leg)
        values = {} if value is None else {place_of(metric, value): 1}
        found.append(MeasuredAnswers(leg.version, leg.role, leg.share, metric, values, int(value is None)))
    return found
