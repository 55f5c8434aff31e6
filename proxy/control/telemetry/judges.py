"""Metrics of the judges of texts."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.telemetry.forms import DURATIONS, counter, floats, gauge, histogram
from proxy.stats.counts.judge_calls import JudgeCalls


class JudgeCollector(Collector):
    """What judges were asked."""

    def __init__(self, calls: JudgeCalls) -> None:
        self._calls = calls

    def collect(self) -> Iterator[Metric]:
        calls = self._calls
        text = (
            "Pairs of texts for a judge: scored, cached, no_budget, or no score (timeout, status, answer, unreachable)."
        )
        yield counter("penumbra_judge_requests", text, ("route", "outcome"), floats(calls.requests.items()))
        text = "Seconds that calls of a judge took, with a score or without."
        yield histogram("penumbra_judge_request_duration_seconds", text, ("route",), calls.durations.items(), DURATIONS)
        text = "Part of a judge's budget that the calls of the last minute were; routes of one judge share it."
        yield gauge("penumbra_judge_budget_used_ratio", text, ("route",), calls.used.items())
