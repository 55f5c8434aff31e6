"""Evidence on answers of a successful status that are none: `invalid_rate` of a candidate against its primary's.

From analysed bodies, which may be a sample: sampling is by exchange and blind to what the answer holds, so both arms
are thinned alike. Sticky de-duplication and overdispersion are those of the other outcomes (`outcome_rate`).

Records come in batches, and a copy ends after the answer that it stands beside, so the arms of one batch are not of the
same requests. A look therefore waits for answers of both arms, and the candidate's share is that of the answers
themselves: which of them are bad is exchangeable between the arms, whatever the order in which records came.

Records may also come before the tick that tells of the first copies, or of the candidate's part: the primary's answers
of the last seconds before the candidate's first one (`EARLY_SECONDS`) are therefore kept, and count beside it.

Answers that nobody looked at are no evidence (`looked_at`): a line that rests on none is undecided until there is one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from proxy.contracts.evidence import Evidence
from proxy.contracts.settings import Limit
from proxy.stats.counts.content import ContentCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignedArm, Assignment, AssignmentShares
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.evidence.looked_at import LookedAt
from proxy.stats.evidence.outcome_rate import RateHistory
from proxy.stats.evidence.shown_counts import ShownCounts
from proxy.stats.state import Stateful

MAX_WAITING_ANSWERS = 256
"""The candidate's answers that wait for one of the primary's; then they are judged by their assigned share."""

EARLY_SECONDS = 5.0
"""Time that the primary's answers are kept which came before anything of a candidate is known."""
MAX_EARLY = 256
"""Batches of such answers that are kept, the newest."""


class InvalidRate(Stateful):
    """`invalid_rate` of a candidate: `max_ratio` and `max_increase` against the primary, `max` absolute.

    `read`: whether bodies of the route's protocol are read at all.
    """

    __slots__ = ("_answers", "_early", "_history", "_looked_at", "_rate", "_read", "_waiting")
    CONFIGURATION = ("_early", "_history", "_read", "_waiting")

    METRIC = "invalid_rate"

    def __init__(self, limit: Limit, alpha: AlphaShare, history: RateHistory, *, read: bool = True) -> None:
        self._history, self._read = history, read
        self._answers: ShownCounts[str] = ShownCounts()
        self._looked_at = LookedAt()
        self._waiting: dict[Assignment, EventCounts] = {}
        self._early: deque[tuple[float, Assignment, ContentCounts]] = deque(maxlen=MAX_EARLY)
        self._rate = BadEventRate(self.METRIC, limit, alpha, history.dispersion)

    def on_arms(self, arms: Iterable[AssignedArm]) -> None:
        """Counts all answers of a successful status in one tick, of which those that are analysed may be a sample."""
        self._answers.update([({"n": arm.outcomes().get("good", 0)}, whose) for arm, whose in arms])

    def update(self, counted: Iterable[ContentCounts], shares: AssignmentShares, now: float) -> None:
        """Adds analysed answers of all arms of one batch."""
        for each in counted:
            whose = shares.get(each.version, each.role, each.share)
            if whose is None:
                continue
            if whose.candidate or whose.share > 0.0:
                self._add(whose, each, now)
            else:
                self._early.append((now, whose, each))
        if self._early and any(whose.candidate for whose in self._waiting):
            for came, whose, each in self._early:
                if now - came <= EARLY_SECONDS:
                    self._add(whose, each, now)
            self._early.clear()
        arms = self._look()
        if arms:
            self._waiting.clear()
            self._rate.update(arms)
            self._history.update(arms, now)

    def _add(self, whose: Assignment, counted: ContentCounts, now: float) -> None:
        self._looked_at.update(counted, candidate=whose.candidate)
        counts = self._counts(whose, counted, now)
        before = self._waiting.get(whose, EventCounts(whose, 0, 0, 0))
        self._waiting[whose] = EventCounts(whose, *(x + y for x, y in zip(before[1:], counts[1:], strict=True)))

    def _look(self) -> list[EventCounts]:
        """The arms of a look, at the share of their answers; empty while one of the two has none."""
        arms = list(self._waiting.values())
        mine = sum(arm.n for arm in arms if arm.whose.candidate)
        theirs = sum(arm.n for arm in arms if not arm.whose.candidate)
        if mine and theirs:
            share = mine / (mine + theirs)
            return [arm._replace(whose=arm.whose._replace(share=share)) for arm in arms]
        alone = any(arm.whose.share >= 1.0 for arm in arms)
        return arms if alone or mine > MAX_WAITING_ANSWERS else []

    def _counts(self, whose: Assignment, counted: ContentCounts, now: float) -> EventCounts:
        keys = [key for key in counted.keys if key]
        events = self._history.sticky.update(counted.bad, keys, now) if counted.bad else 0
        return EventCounts(whose, counted.n, counted.bad, events)

    def get(self) -> list[Evidence]:
        """One for each configured limit; n are analysed answers, lost those that were not looked at, beyond the part of
        the primary's that were not either; all of them while none counts."""
        return [self._shown(line) for line in self._rate.get()]

    def _shown(self, line: Evidence) -> Evidence:
        line = replace(line, answers=self._answers.mine.get("n", 0))
        if not self._read:
            return replace(line, moot=True, note=_OPAQUE)
        if line.n:
            return replace(line, lost=self._looked_at.lost())
        if self._looked_at.moot:
            return replace(line, moot=True, note=_DARK)
        pending = max(line.answers, self._looked_at.came)
        if self._looked_at.seen:
            return replace(line, lost=pending, note=_ALONE)
        return replace(line, lost=pending, note=f"none of {pending:,} answers is looked at" if pending else "")


_OPAQUE = "not judged: bodies of this protocol are not read"
_ALONE = "no answer of the primary beside its own is looked at yet"
_DARK = "not judged: neither its answers nor the primary's can be read"
