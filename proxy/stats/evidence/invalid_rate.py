"""Evidence on answers of a successful status that are none: `invalid_rate` of a candidate against its primary's.

From analysed bodies, which may be a sample: sampling is by exchange and blind to what the answer holds, so both arms
are thinned alike. Sticky de-duplication and overdispersion are those of the other outcomes (`outcome_rate`).
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.counts.content import ContentCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment, AssignmentShares
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.evidence.outcome_rate import RateBaseline
from proxy.stats.state import Stateful


class InvalidRate(Stateful):
    """`invalid_rate` of a candidate: `max_ratio` and `max_increase` against the primary, `max` absolute."""

    __slots__ = ("_baseline", "_rate")
    CONFIGURATION = ("_baseline",)

    METRIC = "invalid_rate"

    def __init__(self, limit: Limit, alpha: AlphaShare, baseline: RateBaseline) -> None:
        self._baseline = baseline
        self._rate = BadEventRate(self.METRIC, limit, alpha, baseline.dispersion)

    def update(self, counted: Iterable[ContentCounts], shares: AssignmentShares, now: float) -> None:
        """Adds analysed answers of all arms of one batch."""
        assigned = [(shares.get(each.version, each.role, each.share), each) for each in counted]
        counts = [self._counts(whose, each, now) for whose, each in assigned if whose is not None]
        self._rate.update([each for each in counts if each.whose.candidate or each.whose.share > 0.0])
        self._baseline.update(counts, now)

    def _counts(self, whose: Assignment, counted: ContentCounts, now: float) -> EventCounts:
        keys = [key for key in counted.keys if key]
        events = self._baseline.sticky.update(counted.bad, keys, now) if counted.bad else 0
        return EventCounts(whose, counted.n, counted.bad, events)

    def get(self) -> list[Evidence]:
        """One for each configured limit; n are analysed answers."""
        return self._rate.get()
