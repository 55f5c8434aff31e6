"""Error evidence of one candidate against its primary, from the exact counts in ticks."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Side
from proxy.stats.evidence.bad_event_rate import BadEventRate, Part
from proxy.stats.evidence.sticky_dedup import StickyDedup
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.state import Stateful


class ErrorBaseline(Stateful):
    """What is known of a route's failures whatever is judged: burstiness of its primary, and who failed already.

    It outlives candidates, so a new one meets a φ that was learnt before it came.
    """

    __slots__ = ("dispersion", "sticky")
    CONFIGURATION = ("sticky",)

    def __init__(self) -> None:
        self.dispersion, self.sticky = Overdispersion(), StickyDedup()

    def events(self, arm: ArmTick, now: float) -> int:
        """Nearly independent bad events of an arm."""
        return self.sticky.count(arm.bad, arm.failed_keys, now)

    def update(self, parts: Iterable[Part], now: float) -> None:
        """Takes in what the primary's arms brought to a look."""
        for part in parts:
            if not part.candidate:
                self.dispersion.update(part.events, part.n, now)


class ErrorRate(Stateful):
    """`error_rate` of a candidate: `max_ratio` against the primary, `max` absolute."""

    __slots__ = ("_baseline", "_rate")
    CONFIGURATION = ("_baseline",)

    def __init__(self, limit: Limit, terms: AlphaShare, baseline: ErrorBaseline) -> None:
        self._baseline = baseline
        self._rate = BadEventRate("error_rate", limit, terms, baseline.dispersion)

    def update(self, sides: Iterable[Side], now: float) -> None:
        """The arms of one tick. A primary that was alone at the time is no comparison, but teaches its habits."""
        parts = [
            Part(candidate, arm.role, share, arm.finished, arm.bad, self._baseline.events(arm, now))
            for arm, candidate, share in sides
        ]
        self._rate.update([part for part in parts if part.candidate or part.share > 0.0])
        self._baseline.update(parts, now)

    def evidence(self) -> list[Evidence]:
        """One for each configured limit."""
        return self._rate.evidence()
