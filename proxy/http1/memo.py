"""Heads that were read before. What a head means is a function of its bytes alone, so a client that sends the same head
again, and a server that answers with the same head within a second, need not be parsed again.

Bounded: `ENTRIES` heads of at most `LARGEST` bytes; when it is full it starts anew, which costs one parse for each
head.
"""

from __future__ import annotations

from typing import Generic, TypeVar

LARGEST = 2048
"""Bytes. Larger heads are rare and carry what differs each time (cookies, tokens)."""

ENTRIES = 512

Head = TypeVar("Head")


class HeadMemo(Generic[Head]):
    """Raw head, with its final blank line, to what it means."""

    __slots__ = ("_heads", "get")

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self.get = self._heads.get

    def put(self, raw: bytes, head: Head) -> None:
        """Remembers a head that was admitted."""
        if len(self._heads) >= ENTRIES:
            self._heads.clear()
        self._heads[raw] = head
