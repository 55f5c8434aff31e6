"""What waits to be written on one connection, and the form in which a body leaves.

Most messages are a head and one piece of a body: two attributes, and no list that is made and thrown away each time.
Small ones leave joined, in one write. A large body is never joined: its pieces go on as they came.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import i64
from proxy.dataplane.memory import JOINED
from proxy.http1 import write

_NOTHING: Final = b""


class Outgoing:
    """The pieces that wait, in their order. `count`: how many they are; `chunked`: what is added by `data` is sent in
    chunks."""

    __slots__ = ("_body", "_first", "_more", "_second", "chunked", "count")

    def __init__(self) -> None:
        self._first = self._second = _NOTHING
        self._more: list[bytes] | None = None
        self._body: i64 = 0  # bytes of the body
        self.count: i64 = 0
        self.chunked = False

    def add(self, piece: bytes) -> None:
        """Adds a head, or whatever else is no part of a body."""
        count = self.count
        self.count = count + 1
        if count == 0:
            self._first = piece
        elif count == 1:
            self._second = piece
        elif self._more is None:
            self._more = [piece]
        else:
            self._more.append(piece)

    def data(self, data: bytes) -> None:
        """Adds a piece of a body; not empty, where it is sent in chunks."""
        size = len(data)
        self._body += size
        if not self.chunked:
            self.add(data)
        elif size <= JOINED:
            self.add(write.chunk(data))
        else:
            for part in write.chunk_in_parts(data):
                self.add(part)

    def is_large(self) -> bool:
        """Whether the pieces are written as they are, all in one call."""
        return self._body > JOINED

    def pieces(self) -> list[bytes]:
        """Takes what waits, as pieces."""
        found = [self._first, self._second][: self.count]
        if self._more is not None:
            found += self._more
        self.clear()
        return found

    def joined(self) -> bytes:
        """Takes what waits, as one piece."""
        if self.count > 2:
            return b"".join(self.pieces())
        found = self._first + self._second if self.count == 2 else self._first
        self.clear()
        return found

    def clear(self) -> None:
        """Nothing waits any more."""
        self._first = self._second = _NOTHING
        self._more = None
        self._body = self.count = 0
