"""Heads that differ in the length of their body alone: what a connection meets again and again.

Most connections carry heads of one shape. Whether a head is the one that was met last takes a comparison of bytes,
whether it is another one of that shape two; the cache of all heads (`memo`) has to find its end, cut it out and hash
it. A head that is found so is, byte by byte, one that a reader has admitted.

Bound: `MAX_HEADS` heads of all shapes together. When they are reached, each shape is emptied, those too that only a
connection still refers to.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from proxy.contracts.compiler import i64
from proxy.http1.memo import MAX_HEADS

Head = TypeVar("Head")

_LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)

MAX_DIGITS: Final = 9
"""Digits of a length that are looked at; larger bodies do not come with their head."""

_ZERO: Final = 0x30


class KnownHead(Generic[Head]):
    """A head, its bytes, and how many they are."""

    __slots__ = ("head", "raw", "size")

    def __init__(self, raw: bytes, head: Head) -> None:
        self.raw, self.head, self.size = raw, head, len(raw)


class Shape(Generic[Head]):
    """The heads by their length, and the bytes before it; a head without one is alone. `_recent` is the one that was
    found last. Whichever may be it, its bytes are compared, all of them."""

    __slots__ = ("_before", "_heads", "_recent")

    def __init__(self, before: bytes) -> None:
        self._before = before
        self._heads: dict[int, KnownHead[Head]] = {}
        self._recent: KnownHead[Head] | None = None

    def head_of(self, data: bytes) -> tuple[Head | None, int]:
        """The head that `data` begins with, and where it ends; None where it is not known to be of this shape."""
        known = self._recent
        if known is None or not data.startswith(known.raw):
            known = self._look(data)
            if known is None:
                return None, 0
        return known.head, known.size

    def _look(self, data: bytes) -> KnownHead[Head] | None:
        """The head whose length stands in `data`."""
        if not data.startswith(self._before):
            return None
        at: i64 = len(self._before)
        stop: i64 = min(at + MAX_DIGITS, len(data))
        length: i64 = 0
        while at < stop:
            digit: i64 = data[at] - _ZERO
            if digit < 0 or digit > 9:
                break
            length = 10 * length + digit
            at += 1
        known = self._heads.get(length)
        if known is None or not data.startswith(known.raw):
            return None
        self._recent = known
        return known

    def add(self, length: int, raw: bytes, head: Head) -> None:
        """Adds a head that a reader has admitted."""
        self._heads[length] = self._recent = KnownHead(raw, head)

    def __len__(self) -> int:
        return len(self._heads)

    def clear(self) -> None:
        """Knows no head any more."""
        self._heads.clear()
        self._recent = None


class Shapes(Generic[Head]):
    """The shapes of all connections, and the bound of their heads in sum."""

    __slots__ = ("_added", "_known")

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Shape[Head]] = {}
        self._added = 0  # heads and shapes since the last time all were emptied

    def clear(self) -> None:
        """Begins anew."""
        for shape in self._known.values():
            shape.clear()
        self._known.clear()
        self._added = 0

    def shape_of(self, raw: bytes, head: Head) -> Shape[Head]:
        """The shape of a raw head that a reader has admitted, which has it from now on."""
        if self._added >= MAX_HEADS:
            self.clear()
        self._added += 1
        found = _LENGTH.search(raw)
        before, after = (raw[: found.start(1)], raw[found.end(1) :]) if found else (raw, b"")
        shape = self._known.get((before, after))
        if shape is None:
            shape = self._known[before, after] = Shape(before)
        shape.add(int(found[1]) if found else 0, raw, head)
        return shape
