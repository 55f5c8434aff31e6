"""Heads that differ in the length of their body alone: what a connection meets again and again.

Most connections carry heads of one shape. Whether a head is of the shape that was met last takes two comparisons of
bytes; the cache of all heads (`memo`) has to find its end, cut it out and hash it. A head that is found so is, byte by
byte, one that a reader has admitted.

Bound: `MAX_HEADS` heads of all shapes together. When they are reached, each shape is emptied, those too that only a
connection still refers to.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from proxy.http1.memo import MAX_HEADS

Head = TypeVar("Head")

_LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)

MAX_DIGITS: Final = 9
"""Digits of a length that are looked at; larger bodies do not come with their head."""

_ZERO: Final = 0x30


class Shape(Generic[Head]):
    """The bytes before and after the length, and the heads by their length; a head without one is alone. `_recent` is
    the one that was found last."""

    __slots__ = ("_after", "_before", "_heads", "_recent", "_recent_length")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._heads: dict[int, Head] = {}
        self._recent: Head | None = None
        self._recent_length = 0

    def head_of(self, data: bytes) -> tuple[Head | None, int]:
        """The head that `data` begins with, and where it ends; None where it is not known to be of this shape."""
        if not data.startswith(self._before):
            return None, 0
        start = at = len(self._before)
        after, length, stop = self._after, 0, len(data)
        if after:
            stop = min(stop, start + MAX_DIGITS + 1)
            while at < stop:
                digit = data[at] - _ZERO
                if digit < 0 or digit > 9:
                    break
                length = 10 * length + digit
                at += 1
            end = at + len(after)
            if at == start or (data[start] == _ZERO and at - start > 1) or data[at:end] != after:
                return None, 0
            at = end
        if length != self._recent_length or self._recent is None:
            self._recent, self._recent_length = self._heads.get(length), length
        return self._recent, at

    def add(self, length: int, head: Head) -> None:
        """Adds a head that a reader has admitted."""
        self._heads[length], self._recent = head, None

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
            shape = self._known[before, after] = Shape(before, after)
        written = found[1] if found else b""
        if written == b"%d" % int(written or b"0") or not found:
            shape.add(int(written or b"0"), head)
        return shape
