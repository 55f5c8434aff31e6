"""The copies and live legs of one batch of records brought together by exchange, where both are alike.

Most legs meet in the batch that they came with. They need not be held, weighed and let go one by one, as those that
wait for a later batch are: what has not met when the batch is over (`rest`) is left to whoever holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.leg_join import ExchangeKey
from proxy.contracts.observation import Observation
from proxy.contracts.table import COPY_ROLES, Role


class AlikePairs(Struct, frozen=True):
    """Live legs and their copies, pair by pair: the places of each among its own."""

    live: AlikeLegs
    live_places: list[int]
    copies: AlikeLegs
    copy_places: list[int]

    def __len__(self) -> int:
        return len(self.copy_places)

    @property
    def arm(self) -> tuple[str, str, Role]:
        """Route, version and role of the copies."""
        return self.copies.route, self.copies.version, self.copies.role

    def pair(self, at: int) -> tuple[Observation, Observation]:
        """A leg and its copy by themselves."""
        return self.live.leg(self.live_places[at]), self.copies.leg(self.copy_places[at])

    def keys(self, places: Sequence[int]) -> list[ExchangeKey]:
        """The exchanges of some pairs."""
        source, records, mine = self.copies.source, self.copies.records, self.copy_places
        return [(source, records[mine[at]].exchange) for at in places]


class _Open(Struct):
    # Legs that have not met, by exchange.
    legs: AlikeLegs
    places: dict[int, int]


class AlikeJoin:
    """The legs of a batch that have not met. Each live leg has one copy.

    >>> from proxy.contracts.observation import Tensor
    >>> from proxy.contracts.record import Record
    >>> facts = {"route": "r", "version": "v", "share": 1.0, "started": 0.0, "total": 0.0}
    >>> y = Tensor("y", 1, 1, "number", ())
    >>> records = ([Record(exchange=n, role=role, **facts) for n in range(2)] for role in ("primary", "shadow"))
    >>> live, copies = (AlikeLegs(each, (0, "a"), y, bytes(16)) for each in records)
    >>> join = AlikeJoin()
    >>> join.add(copies), [len(pairs) for pairs in join.add(live)], join.rest()
    ([], [2], [])
    """

    __slots__ = ("_copies", "_live")

    def __init__(self) -> None:
        self._live: list[_Open] = []
        self._copies: list[_Open] = []

    def add(self, legs: AlikeLegs, without: Collection[int] = ()) -> list[AlikePairs]:
        """The pairs that legs complete, but for those at the places `without`."""
        copies = legs.role in COPY_ROLES
        mine, others = (self._copies, self._live) if copies else (self._live, self._copies)
        places = {exchange: at for at, exchange in enumerate(legs.exchanges) if not without or at not in without}
        pairs: list[AlikePairs] = []
        for other in others:
            if other.legs.source != legs.source or other.legs.route != legs.route or not other.places:
                continue
            met = [exchange for exchange in places if exchange in other.places]
            if met:
                here, there = list(map(places.pop, met)), list(map(other.places.pop, met))
                pairs.append(
                    AlikePairs(other.legs, there, legs, here) if copies else AlikePairs(legs, here, other.legs, there)
                )
        if places:
            mine.append(_Open(legs, places))
        return pairs

    def rest(self) -> list[tuple[AlikeLegs, list[int]]]:
        """The legs that have not met, and their places; they are let go. Live legs are first."""
        rest = [(each.legs, list(each.places.values())) for each in (*self._live, *self._copies) if each.places]
        self._live, self._copies = [], []
        return rest


def are_single(legs: AlikeLegs) -> bool:
    """Whether no exchange is there twice."""
    return len(set(legs.exchanges)) == len(legs)
