"""Evidence on the outcomes of one candidate's legs against its primary's, from the exact counts in ticks.

One class for the rates of a scorecard that ticks feed; the table of outcomes says which outcome each counts
(`contracts.outcome`). Bad legs pass through sticky de-duplication (`sticky_dedup`); the events that are left are tested
as a rate of bad events (`bad_event_rate`), tempered by the overdispersion of the primary's.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.metrics import OUTCOME_METRICS
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignedArm
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.evidence.sticky_dedup import StickyDedup
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful

LIVE_ONLY = frozenset({"abandonment_rate"})
"""Metrics of live legs alone: nobody waits for a copy, so nobody abandons one."""


class RateHistory(Stateful):
    """A route's bad legs of one kind, whatever is judged: the overdispersion φ of its primary, and the sticky keys.

    It outlives candidates, so a new one meets a φ that was learnt before it came.
    """

    __slots__ = ("dispersion", "sticky")
    CONFIGURATION = ("sticky",)

    def __init__(self) -> None:
        self.dispersion, self.sticky = Overdispersion(), StickyDedup()

    def update(self, arms: Iterable[EventCounts], now: float) -> None:
        """Learns φ from the primary's arms of a look."""
        for arm in arms:
            if not arm.whose.candidate:
                self.dispersion.update(arm.events, arm.n, now)


class OutcomeRate(Stateful):
    """A rate of one outcome of a candidate: `max_ratio` and `max_increase` against the primary, `max` absolute."""

    __slots__ = ("_copies", "_history", "_live_only", "_outcome", "_rate")
    CONFIGURATION = ("_history", "_live_only", "_outcome")

    def __init__(self, metric: str, limit: Limit, alpha: AlphaShare, history: RateHistory) -> None:
        self._history, self._live_only = history, metric in LIVE_ONLY
        self._outcome = OUTCOME_METRICS[metric]
        self._rate = BadEventRate(metric, limit, alpha, history.dispersion)
        self._copies = False

    def update(self, arms: Iterable[AssignedArm], now: float) -> None:
        """Adds the arms of one tick. A primary that was alone at the time is no comparison, but φ is learnt from it."""
        arms = list(map(_live, arms)) if self._live_only else list(arms)
        judged = [arm for arm in arms if not self._live_only or arm.whose.role != "shadow"]
        if len(judged) < len(arms) or any(arm.whose.candidate for arm in judged):
            self._copies = not any(arm.whose.candidate for arm in judged)
        counts = [self._counts(arm, now) for arm in judged]
        self._rate.update([each for each in counts if each.whose.candidate or each.whose.share > 0.0])
        self._history.update(counts, now)

    def _counts(self, assigned: AssignedArm, now: float) -> EventCounts:
        arm, whose = assigned
        bad = arm.outcomes().get(self._outcome, 0)
        events = self._history.sticky.update(bad, arm.keys.get(self._outcome, ()), now) if bad else 0
        return EventCounts(whose, arm.counted(), bad, events)

    def get(self) -> list[Evidence]:
        """One for each configured limit."""
        found = self._rate.get()
        return [replace(each, moot=True, note=_COPIES) if self._copies and not each.n else each for each in found]


_COPIES = "not judged: nobody abandons a copy"


def _live(arm: AssignedArm) -> AssignedArm:
    return arm._replace(whose=arm.whose._replace(share=arm.whose.live_share))
