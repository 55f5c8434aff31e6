"""Legs of one client request brought together, in whatever order they arrive.

The reference is what the primary said (role primary or rescue); copies are shadows, and the noise copy that the primary
itself answered. Legs meet on (source, exchange). Whatever never meets is counted, by reason; nothing waits longer than
`PATIENCE`, and at most `CAPACITY` exchanges wait.
"""

from __future__ import annotations

from collections import Counter, deque

from msgspec import Struct

from proxy.contracts.observation import Observation

CAPACITY = 4096
"""Exchanges that wait for their other legs; when full the oldest goes and its copies count as unpaired. About 8 MB."""

PATIENCE = 60.0
"""Seconds that a leg waits; longer than any leg lives with default timeouts."""

REFERENCES = frozenset(("primary", "rescue"))
COPIES = frozenset(("shadow", "noise"))


class Waiting(Struct, gc=False):
    """The legs of one exchange that have arrived; how its copies differ is noted where there is noise."""

    since: float
    reference: Observation | None = None
    copies: tuple[Observation, ...] = ()
    noise: bool | None = None
    shadows: tuple[tuple[str, bool], ...] = ()


Key = tuple[tuple[int, str], int]
NONE: list[tuple[Observation, Observation]] = []


class Pairing:
    """Brings the legs of an exchange together, in whatever order they arrive. `unpaired` counts copies that never met
    their reference by (route, version, reason): `late` or `crowded`."""

    __slots__ = ("_capacity", "_order", "_waiting", "unpaired")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: dict[Key, Waiting] = {}
        # A dict that is emptied from its front is slow to iterate, so the order of arrival is kept beside it.
        self._order: deque[Key] = deque()
        self._capacity = capacity
        self.unpaired: Counter[tuple[str, str, str]] = Counter()

    def update(self, seen: Observation, now: float) -> list[tuple[Observation, Observation]]:
        """The pairs (reference, copy) that `seen` completes."""
        role = seen.role
        if role in COPIES:
            waiting = self._place((seen.source, seen.exchange), now)
            if waiting.reference is not None:
                return [(waiting.reference, seen)]
            waiting.copies += (seen,)
        elif role in REFERENCES:
            waiting = self._place((seen.source, seen.exchange), now)
            waiting.reference = seen
            if waiting.copies:
                pairs = [(seen, copy) for copy in waiting.copies]
                waiting.copies = ()
                return pairs
        return NONE

    def beside_noise(self, copy: Observation, differs: bool) -> list[tuple[str, bool, bool]]:
        """Notes that `copy` differs from its reference, or not; what that completes: (version of the shadow, it
        differs, the noise copy of the same request differs)."""
        waiting = self._waiting.get((copy.source, copy.exchange))
        if waiting is None:
            return []
        if copy.role == "shadow":
            waiting.shadows += ((copy.version, differs),)
            return [] if waiting.noise is None else [(copy.version, differs, waiting.noise)]
        waiting.noise = differs
        return [(version, shadow, differs) for version, shadow in waiting.shadows]

    def expire(self, now: float) -> None:
        """Gives up on what waited too long."""
        while self._order and now - self._waiting[self._order[0]].since >= PATIENCE:
            self._give_up("late")

    def _place(self, key: Key, now: float) -> Waiting:
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._order) >= self._capacity:
                self._give_up("crowded")
            waiting = self._waiting[key] = Waiting(now)
            self._order.append(key)
        return waiting

    def _give_up(self, reason: str) -> None:
        left = self._waiting.pop(self._order.popleft())
        for copy in left.copies:
            self.unpaired[copy.route, copy.version, reason] += 1
