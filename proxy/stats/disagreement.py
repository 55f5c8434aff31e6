"""Disagreement evidence of a shadow against its primary: paired answers to the same request, against a budget."""

from __future__ import annotations

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.rate import RateLimit
from proxy.stats.terms import Terms


class Disagreement:
    """`disagreement` of a candidate: `max` is the part of the pairs that may differ."""

    __slots__ = ("_absolute", "_disagreed", "_pairs", "_terms")

    def __init__(self, limit: Limit, terms: Terms) -> None:
        self._terms = terms
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._pairs = self._disagreed = 0

    def update(self, disagreed: int, pairs: int) -> None:
        """Counts pairs, and those that disagree."""
        self._pairs += pairs
        self._disagreed += disagreed
        if self._absolute:
            self._absolute.update(disagreed, pairs)

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        test = self._absolute
        if test is None:
            return []
        return [
            Evidence(
                "disagreement",
                self._terms.version,
                self._disagreed / self._pairs if self._pairs else None,
                None,
                self._pairs,
                self._pairs,
                log_breach=float(test.log_breach) - self._terms.spend,
                log_pass=float(test.log_pass),
                needed=test.needed(self._terms.alpha),
                limit="max",
            )
        ]
