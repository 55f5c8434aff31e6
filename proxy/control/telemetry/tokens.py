"""Metrics of streams and of what language models say: times of tokens, their numbers, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from proxy.control.telemetry.forms import DURATIONS, counter, floats, histogram
from proxy.stats.totals import Totals

ARM = ("route", "version", "role")


def of_tokens(board: Totals) -> Iterator[Metric]:
    """The families, each with its rows."""
    firsts = [(key, first) for key, (first, _) in board.tokens.items()]
    text = "Seconds from the assignment of a leg to the first token, or message, of a stream."
    yield histogram("penumbra_time_to_first_token_seconds", text, ARM, firsts, DURATIONS)
    gaps = [(key, gap) for key, (_, gap) in board.tokens.items()]
    yield histogram(
        "penumbra_token_gap_seconds", "Seconds between two tokens, or messages, of a stream.", ARM, gaps, DURATIONS
    )
    text = "Messages of analysed streams by gRPC that held an answer."
    yield counter("penumbra_stream_messages", text, ARM, floats(board.messages.items()))
    used = floats(board.usage.items())
    text = "Tokens of analysed answers, as their servers count them: input, output, and of these cached, reasoning."
    yield counter("penumbra_tokens", text, (*ARM, "kind"), used)
    text = "Cost of analysed answers that tell their tokens, by the prices of their versions."
    yield counter("penumbra_cost", text, (*ARM, "currency"), list(board.costs.items()))
    text = "Analysed answers of language models that tell no tokens (absent), or what can be none (values)."
    yield counter("penumbra_untold_tokens", text, (*ARM, "reason"), floats(board.untold.items()))
