"""Records → exchanges as clients saw them: which leg answered, and in whose place.

Rules:
- a leg that answered the client, or after which none did, carries the request's path (`contracts.record`);
- a canary that failed without it waits for the leg in its place: `PATIENCE` seconds, or until `MOST` others wait. Then
  it stands for itself: the client did not wait, or the record of that leg was dropped;
- copies (shadow, noise) are no part of what the client saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from msgspec import Struct

from proxy.contracts.failure import FAILURES
from proxy.contracts.record import Record
from proxy.contracts.table import Role

Source = tuple[int, str]
Key = tuple[Source, int]
"""Worker, incarnation and number of an exchange: the same for all of its legs."""

COPIES: frozenset[Role] = frozenset(("shadow", "noise"))

PATIENCE = 60.0
"""A rescue that takes longer is an exchange of its own in the log, with role `rescue`."""
MOST = 4096
"""Failed canaries that wait: tens of seconds of a canary that is dead, at its usual share; about 5 MB."""


class Exchange(Struct):
    """`leg` answered the client or failed last; `canary` is the one that failed before it."""

    key: Key
    leg: Record
    canary: Record | None = None

    @property
    def started(self) -> float:
        """Unix time of the first leg's begin."""
        return min(self.leg.started, self.canary.started) if self.canary else self.leg.started

    @property
    def status(self) -> int:
        """What the client was told; where an answer broke off in the middle it may have been told the version's."""
        failure = FAILURES.get(self.leg.failure)
        return failure.status if failure and not self.leg.status else self.leg.status

    @property
    def failed(self) -> bool:
        """Whether a version failed in it, also when the client did not notice."""
        return bool(self.leg.failure) or self.leg.status >= 500 or self.canary is not None or self.leg.role == "rescue"


class Exchanges:
    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Key, tuple[Record, float]] = {}

    def take(self, records: Iterable[Record], source: Source, now: float) -> list[Exchange]:
        """The exchanges that a batch of one worker completes."""
        done = [
            Exchange(key := (source, leg.exchange), leg, self._before(key))
            for leg in records
            if leg.role not in COPIES and not self._waits(leg, source, now)
        ]
        return done + self.overdue(now) if self._waiting else done

    def overdue(self, now: float) -> list[Exchange]:
        """Those that have waited long enough, and the oldest of too many."""
        over = []
        while self._waiting:
            key, (leg, since) = next(iter(self._waiting.items()))
            if len(self._waiting) <= MOST and now - since < PATIENCE:
                break
            del self._waiting[key]
            over.append(Exchange(key, leg))
        return over

    def rest(self) -> list[Exchange]:
        """All that wait; nothing comes after them."""
        return self.overdue(inf)

    def _waits(self, leg: Record, source: Source, now: float) -> bool:
        if leg.role != "canary" or leg.path:
            return False
        self._waiting[source, leg.exchange] = leg, now
        return True

    def _before(self, key: Key) -> Record | None:
        found = self._waiting.pop(key, None)
        return None if found is None else found[0]
