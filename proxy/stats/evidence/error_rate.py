"""Error evidence of one candidate against its primary, from the exact counts in ticks.

Bad legs pass through sticky de-duplication (`sticky_dedup`); the events that are left are tested as a rate of bad
events (`bad_event_rate`), tempered by the overdispersion of the primary's.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignedArm
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.evidence.sticky_dedup import StickyDedup
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful


class ErrorBaseline(Stateful):
    """A route's failures whatever is judged: the overdispersion φ of its primary, and the sticky keys that failed.

    It outlives candidates, so a new one meets a φ that was learnt before it came.
    """

    __slots__ = ("dispersion", "sticky")
    CONFIGURATION = ("sticky",)

    def __init__(self) -> None:
        self.dispersion, self.sticky = Overdispersion(), StickyDedup()

    def events(self, arm: ArmTick, now: float) -> int:
        """Nearly independent bad events of an arm."""
        return self.sticky.update(arm.outcomes().get("failed", 0), arm.keys.get("failed", ()), now)

    def update(self, arms: Iterable[EventCounts], now: float) -> None:
        """Learns φ from the primary's arms of a look."""
        for arm in arms:
            if not arm.whose.candidate:
                self.dispersion.update(arm.events, arm.n, now)


class ErrorRate(Stateful):
    """`error_rate` of a candidate: `max_ratio` against the primary, `max` absolute."""

    __slots__ = ("_baseline", "_rate")
    CONFIGURATION = ("_baseline",)

    METRIC = "error_rate"

    def __init__(self, limit: Limit, alpha: AlphaShare, baseline: ErrorBaseline) -> None:
        self._baseline = baseline
        self._rate = BadEventRate(self.METRIC, limit, alpha, baseline.dispersion)

    def update(self, arms: Iterable[AssignedArm], now: float) -> None:
        """Adds the arms of one tick. A primary that was alone at the time is no comparison, but φ is learnt from it."""
        counts = [
            EventCounts(whose, arm.counted(), arm.outcomes().get("failed", 0), self._baseline.events(arm, now))
            for arm, whose in arms
        ]
        self._rate.update([each for each in counts if each.whose.candidate or each.whose.share > 0.0])
        self._baseline.update(counts, now)

    def get(self) -> list[Evidence]:
        """A line of evidence for each configured limit."""
        return self._rate.get()
