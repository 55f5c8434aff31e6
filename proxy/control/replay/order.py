"""The order of the capture, kept while answers come in any order, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.format import Captured
from proxy.control.replay.asking import Replayed

MAX_HELD = 4096
"""Exchanges that wait for one before them to be answered: seconds of a fast server while one request is slow."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""Bytes of their requests, recorded answers and those that came; beyond that nothing more is sent until the first ones
are done."""


class Place(Struct):
    """An exchange at its place in the order."""

    exchange: CapturedExchange
    size: int
    reason: str = ""
    """Why it is not replayed."""
    replayed: Replayed | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more comes of it."""
        return bool(self.reason) or self.replayed is not None


class CaptureOrder:
    """`put` each exchange as it is read, set what comes of it, and take those that are `ready`, in their order."""

    __slots__ = ("_bytes", "_places")

    def __init__(self) -> None:
        self._places: deque[Place] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def full(self) -> bool:
        """Whether a bound is reached."""
        return len(self._places) >= MAX_HELD or self._bytes >= MAX_HELD_BYTES

    def put(self, exchange: CapturedExchange) -> Place:
        """The place of the next exchange."""
        legs = exchange.legs
        size = _size(legs[0]) if len(legs) == 1 else sum(map(_size, legs))
        place = Place(exchange, size)
        self._places.append(place)
        self._bytes += size
        return place

    def settle(self, place: Place, replayed: Replayed) -> None:
        """The answers to an exchange are here."""
        more = len(replayed.candidate.body or b"")
        if replayed.primary is not None:
            more += sum([len(each.body or b"") for each in (replayed.primary, replayed.noise) if each is not None])
        place.replayed = replayed
        place.size += more
        self._bytes += more

    def ready(self) -> Iterator[Place]:
        """The exchanges before which nothing is open, each once."""
        places = self._places
        while places and places[0].done:
            place = places.popleft()
            self._bytes -= place.size
            yield place


def _size(leg: Captured) -> int:
    return len(leg.request or b"") + len(leg.response or b"")
