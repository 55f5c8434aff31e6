"""Heads that differ in the length of their body alone: what a connection meets again and again.

Most connections carry heads of one shape. Whether a head is of the shape that was met last takes two comparisons of
bytes; the cache of all heads (`memo`) has to find its end, cut it out and hash it. A head that is found so is, byte by
byte, one that a reader has admitted.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from proxy.http1.memo import MAX_HEADS, HeadMemo

Head = TypeVar("Head")

_LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)

MAX_DIGITS: Final = 9
"""Digits of a length that are looked at; larger bodies do not come with their head."""

_ZERO: Final = 0x30


class Shape(Generic[Head]):
    """The bytes before and after the length, and the heads by their length; a head without one is alone."""

    __slots__ = ("_after", "_before", "_heads")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._heads: dict[int, Head] = {}

    def head_of(self, data: bytes) -> tuple[Head | None, int]:
        """The head that `data` begins with, and where it ends; None where it is not known to be of this shape."""
        if not data.startswith(self._before):
            return None, 0
        start = at = len(self._before)
        after, length, stop = self._after, 0, len(data)
        if after:
            while at < stop and _ZERO <= data[at] <= _ZERO + 9:
                length = 10 * length + data[at] - _ZERO
                at += 1
                if at - start > MAX_DIGITS:
                    return None, 0
            end = at + len(after)
            if at == start or (data[start] == _ZERO and at - start > 1) or data[at:end] != after:
                return None, 0
            at = end
        return self._heads.get(length), at

    def add(self, length: int, head: Head) -> None:
        """Adds a head that a reader has admitted."""
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[length] = head


class Shapes(Generic[Head]):
    """The shapes of all connections; bounded like the cache of heads."""

    __slots__ = ("_known", "clear")

    def __init__(self) -> None:
        self._known: HeadMemo[tuple[bytes, bytes], Shape[Head]] = HeadMemo()
        self.clear = self._known.clear

    def shape_of(self, raw: bytes, head: Head) -> Shape[Head]:
        """The shape of a raw head that a reader has admitted, which has it from now on."""
        found = _LENGTH.search(raw)
        before, after = (raw[: found.start(1)], raw[found.end(1) :]) if found else (raw, b"")
        shape = self._known.get((before, after))
        if shape is None:
            shape = Shape(before, after)
            self._known.put((before, after), shape)
        written = found[1] if found else b""
        if written == b"%d" % int(written or b"0") or not found:
            shape.add(int(written or b"0"), head)
        return shape
