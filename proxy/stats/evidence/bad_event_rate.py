"""Evidence on a metric that is a rate of bad events, each limit by its own sequential test.

`max_ratio` against the primary: a conditional test of two event rates (`stats.sequential.rate_ratio`). `max`: a
Bernoulli mean against a constant (`stats.sequential.rate_limit`). Log increments of both are divided by the
overdispersion factor φ of the primary's bad events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare, LogEvidence
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.shown_counts import Figure, ShownCounts
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.sequential.rate_limit import RateLimit
from proxy.stats.sequential.rate_ratio import RateRatio
from proxy.stats.state import Stateful


class EventCounts(NamedTuple):
    """The counts that one arm brought to a look."""

    whose: Assignment
    n: int
    """Observations: legs or rows."""
    bad: int
    """Bad ones of them."""
    events: int
    """Nearly independent events among the bad ones."""


class BadEventRate(Stateful):
    """A rate of a candidate. `dispersion` is learnt by whoever knows the primary, after the look."""

    __slots__ = ("_absolute", "_alpha", "_dispersion", "_metric", "_ratio", "_shown")
    CONFIGURATION = ("_alpha", "_dispersion", "_metric")

    def __init__(self, metric: str, limit: Limit, alpha: AlphaShare, dispersion: Overdispersion) -> None:
        self._metric, self._alpha, self._dispersion = metric, alpha, dispersion
        self._ratio = None if limit.max_ratio is None else RateRatio(limit.max_ratio)
        self._absolute = None if limit.max is None else RateLimit(limit.max)
        self._shown: ShownCounts[str] = ShownCounts()

    def update(self, arms: list[EventCounts]) -> None:
        """Adds all arms of one look."""
        phi = self._dispersion.get()
        self._shown.update(({"n": arm.n, "bad": arm.bad, "events": arm.events}, arm.whose) for arm in arms)
        for arm in arms:
            mine, theirs = (arm.events, 0) if arm.whose.candidate else (0, arm.events)
            if self._ratio and arm.events:
                self._ratio.update(arm.whose.share, mine, theirs, phi)
            if self._absolute and arm.whose.candidate and arm.n:
                self._absolute.update(arm.events, arm.n, phi)
        if self._ratio:
            self._ratio.settle()

    def get(self) -> list[Evidence]:
        """A line of evidence for each configured limit."""
        lines, alpha, phi = [], self._alpha.alpha, float(self._dispersion.get())
        if self._ratio:
            lines.append(self._on("max_ratio", self._ratio, self._ratio.needed(*self._events(), alpha, phi)))
        if self._absolute:
            lines.append(self._on("max", self._absolute, self._absolute.needed(alpha, phi)))
        return lines

    def _events(self) -> tuple[tuple[int, int], tuple[int, int]]:
        mine, theirs = ((side.get("events", 0), side.get("n", 0)) for side in (self._shown.mine, self._shown.theirs))
        return mine, theirs

    def _on(self, limit: str, test: RateRatio | RateLimit, needed: int | None) -> Evidence:
        phi = float(self._dispersion.get())
        concluded = LogEvidence(float(test.log_breach), float(test.log_pass), needed, phi)
        return self._alpha.evidence(self._metric, limit, self._shown.get(_rate), concluded)


def _rate(counts: Mapping[str, int]) -> Figure:
    n = counts.get("n", 0)
    return (counts["bad"] / n if n else None), n
