"""Disagreement evidence of a shadow against its primary: paired answers to the same request, against a budget."""

from __future__ import annotations

from math import log

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.rate import RateLimit


class Disagreement:
    """`disagreement` of a candidate: `max` is the part of the pairs that may differ."""

    __slots__ = ("_absolute", "_alpha", "_disagreed", "_pairs", "_spend", "_version")

    def __init__(self, version: str, limit: Limit, false_alarm: float, tests: int) -> None:
        self._version = version
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._spend, self._alpha = log(tests), false_alarm / tests
        self._pairs = self._disagreed = 0

    def update(self, disagreed: bool) -> None:
        """Counts one pair."""
        self._pairs += 1
        self._disagreed += disagreed
        if self._absolute:
            self._absolute.update(int(disagreed), 1)

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        test = self._absolute
        if test is None:
            return []
        return [
            Evidence(
                "disagreement",
                self._version,
                self._disagreed / self._pairs if self._pairs else None,
                None,
                self._pairs,
                self._pairs,
                log_breach=float(test.log_breach) - self._spend,
                log_pass=float(test.log_pass),
                needed=test.needed(self._alpha),
                limit="max",
            )
        ]
