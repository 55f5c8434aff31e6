"""The stories of exchanges, joined from the records of their legs: who answered, in whose place, and the copies.

1. A leg that answered the client, or after which none did, carries the request's path (`contracts.record`).
2. A canary or baseline that failed without it waits for the leg in its place. When a bound of `contracts.leg_join` ends
   the wait, it stands for itself: the client did not wait, or the record of the other leg was dropped.
3. Copies (shadow, noise) are no part of what the client saw. Where somebody asks for them (spans), a copy that is
   faster than the answer waits for it, and one that is slower finds the story that was told, until all have come.
4. What waits has no bodies: those of a few thousand records are a gigabyte, and no story needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from msgspec import Struct, field

from proxy.contracts.failure import FAILURES
from proxy.contracts.leg_join import ExchangeKey, LegJoin, WorkerRun
from proxy.contracts.record import Record, without_bodies
from proxy.contracts.table import COPY_ROLES, Role

RESCUED_ROLES: frozenset[Role] = frozenset(("canary", "baseline"))
"""Roles of legs that a leg of the primary may replace."""

UNKNOWN = -1
"""Copies of an exchange whose number was not reported."""


class ExchangeStory(Struct, frozen=True):
    """One exchange as its client saw it."""

    key: ExchangeKey
    leg: Record
    """The leg that answered the client, or that failed last."""
    canary: Record | None = None
    """The canary, or baseline, that failed before it."""
    copies: tuple[Record, ...] = ()
    """The copies that finished earlier."""
    awaited: int = 0
    """Copies that are still to come; `UNKNOWN` where their number was not reported."""

    @property
    def started(self) -> float:
        """Unix time of the first leg's begin."""
        return min(self.leg.started, self.canary.started) if self.canary else self.leg.started

    @property
    def status(self) -> int:
        """The status that the client got; where an answer broke off in the middle it may have got the version's. That
        of a call is the one of HTTP which means the same, whatever its client asked by."""
        failure = FAILURES.get(self.leg.failure)
        return failure.status if failure and not self.leg.status else self.leg.status

    @property
    def failed(self) -> bool:
        """Whether a version failed in it, also when the client did not notice."""
        return bool(self.leg.failure) or self.status >= 500 or self.canary is not None or self.leg.role == "rescue"


class Joined(Struct):
    """Exchanges that a batch of records completed."""

    stories: list[ExchangeStory] = field(default_factory=list)
    """Exchanges that were answered, or given up by every leg."""
    copies: list[tuple[ExchangeKey, Record]] = field(default_factory=list)
    """Copies of exchanges whose story is told already."""
    closed: list[ExchangeKey] = field(default_factory=list)
    """Exchanges of which no further copy will be told."""
    orphaned: int = 0
    """Copies whose answer was never reported, or too long ago."""


class _Waiting(Struct):
    """The legs of one exchange that wait."""

    since: float
    """Monotonic seconds of the first arrival."""
    canary: Record | None = None
    copies: tuple[Record, ...] = ()
    awaited: int | None = None
    """Copies to come after the answer; None before it."""


class Stories:
    """Joins the records of all workers."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: LegJoin[_Waiting] = LegJoin()

    def wait(self, seconds: float) -> None:
        """For how long legs wait for each other from now on."""
        self._waiting.max_wait = seconds

    def take(self, records: Iterable[Record], source: WorkerRun, now: float, *, copies: bool = False) -> Joined:
        """Joins a batch of one worker; with `copies` also those, for spans."""
        joined = Joined()
        for leg in records:
            key = source, leg.exchange
            if leg.role in COPY_ROLES:
                if copies:
                    self._copy(key, leg, now, joined)
            elif leg.role in RESCUED_ROLES and not leg.path:
                self._hold(key, now, joined).canary = without_bodies(leg)
            else:
                self._answer(key, leg, now, copies, joined)
        self._give_up(self._waiting.expire(now), joined)
        return joined

    def overdue(self, now: float) -> Joined:
        """Exchanges that waited too long."""
        return self.take((), (0, ""), now)

    def rest(self) -> Joined:
        """All exchanges that wait; no more come after them."""
        return self.overdue(inf)

    @property
    def crowded(self) -> int:
        """Exchanges that were given up because too many waited."""
        return self._waiting.ended["crowded"]

    def _hold(self, key: ExchangeKey, now: float, joined: Joined) -> _Waiting:
        held = self._waiting.get(key)
        if held is None:
            held = _Waiting(now)
            self._give_up(self._waiting.hold(key, held), joined)
        return held

    def _copy(self, key: ExchangeKey, copy: Record, now: float, joined: Joined) -> None:
        held = self._hold(key, now, joined)
        if held.awaited is None:
            held.copies += (without_bodies(copy),)
            return
        joined.copies.append((key, copy))
        held.awaited -= held.awaited > 0
        if held.awaited == 0:
            del self._waiting[key]
            joined.closed.append(key)

    def _answer(self, key: ExchangeKey, leg: Record, now: float, copies: bool, joined: Joined) -> None:
        held = self._waiting.pop(key, None)
        early = held.copies if held else ()
        awaited = (UNKNOWN if leg.copies < 0 else max(leg.copies - len(early), 0)) if copies else 0
        joined.stories.append(ExchangeStory(key, leg, held.canary if held else None, early, awaited))
        if awaited:
            self._hold(key, now, joined).awaited = awaited

    def _give_up(self, ended: Iterable[tuple[ExchangeKey, _Waiting]], joined: Joined) -> None:
        for key, held in ended:
            if held.awaited is not None:
                joined.closed.append(key)
            elif held.canary is not None:
                joined.stories.append(ExchangeStory(key, held.canary, None, held.copies))
            else:
                joined.orphaned += len(held.copies)
