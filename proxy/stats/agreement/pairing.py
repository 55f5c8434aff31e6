"""Legs of one client request brought together, in whatever order they arrive.

The reference is what the primary said (role primary or rescue); copies are shadows, and the noise copy that the primary
itself answered. Legs meet in a `contracts.leg_join`, which has the bounds. An exchange with one copy is done when both
have met; one with several stays, because a noise copy is looked at beside each of the others. Copies of what a canary
answered have no reference and are let go. Copies that never meet a reference are counted, by the bound that ended their
wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from proxy.contracts.leg_join import MAX_EXCHANGES, ExchangeKey, LegJoin, Loss
from proxy.contracts.observation import Observation

REFERENCES = frozenset(("primary", "rescue"))
COPIES = frozenset(("shadow", "noise"))


class ExchangeLegs(Struct, gc=False):
    """The legs of one exchange that have arrived; how its copies differ is noted where there is noise. `alone`: so many
    copies are still to come, and there is no reference for them."""

    since: float
    reference: Observation | None = None
    copies: tuple[Observation, ...] = ()
    noise: bool | None = None
    shadows: tuple[tuple[str, bool], ...] = ()
    alone: int = 0


Pair = tuple[Observation, Observation]
NONE: list[Pair] = []


class Pairing:
    """Brings the legs of an exchange together, in whatever order they arrive. `unpaired` counts copies that never met
    their reference by (route, version, reason): `late` or `crowded`."""

    __slots__ = ("_waiting", "unpaired")

    def __init__(self, capacity: int = MAX_EXCHANGES) -> None:
        self._waiting: LegJoin[ExchangeLegs] = LegJoin(capacity)
        self.unpaired: Counter[tuple[str, str, str]] = Counter()

    def update(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        """The pairs (reference, copy) that `legs`, all of one role, complete."""
        role = legs[0].role
        if role in COPIES:
            return self._add_copies(legs, now)
        if role in REFERENCES:
            return self._add_references(legs, now)
        self._add_canaries(legs, now)
        return NONE

    def _add_copies(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        pairs, waiting = [], self._waiting
        for seen in legs:
            key = seen.source, seen.exchange
            known = waiting.get(key) or self._place(key, now)
            reference = known.reference
            if reference is None:
                self._keep(key, known, seen)
                continue
            pairs.append((reference, seen))
            if reference.copies == 1:
                del waiting[key]
        return pairs

    def _keep(self, key: ExchangeKey, known: ExchangeLegs, copy: Observation) -> None:
        if not known.alone:
            known.copies += (copy,)
            return
        known.alone -= 1
        if not known.alone:
            del self._waiting[key]

    def _add_canaries(self, legs: Sequence[Observation], now: float) -> None:
        """Where the canary had the last word, the primary said nothing that copies could be compared with."""
        for seen in legs:
            if seen.copies <= 0:
                continue
            key = seen.source, seen.exchange
            known = self._waiting.get(key)
            missing = seen.copies - (len(known.copies) if known else 0)
            if missing <= 0:
                del self._waiting[key]
                continue
            known = known or self._place(key, now)
            known.copies, known.alone = (), missing

    def _add_references(self, legs: Sequence[Observation], now: float) -> list[Pair]:
        pairs, waiting = [], self._waiting
        for seen in legs:
            if seen.copies == 0:
                continue
            key = seen.source, seen.exchange
            known = waiting.get(key) or self._place(key, now)
            known.reference, copies = seen, known.copies
            if copies:
                known.copies = ()
                pairs += [(seen, copy) for copy in copies]
                if seen.copies == 1:
                    del waiting[key]
        return pairs

    def noise_pairs(self, copy: Observation, differs: bool) -> list[tuple[str, bool, bool]]:
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
        self._give_up(self._waiting.expire(now), "late")

    def _place(self, key: ExchangeKey, now: float) -> ExchangeLegs:
        waiting = ExchangeLegs(now)
        self._give_up(self._waiting.hold(key, waiting), "crowded")
        return waiting

    def _give_up(self, lost: Iterable[tuple[ExchangeKey, ExchangeLegs]], reason: Loss) -> None:
        for _, left in lost:
            for copy in left.copies:
                self.unpaired[copy.route, copy.version, reason] += 1
