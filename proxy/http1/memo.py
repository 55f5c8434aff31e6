"""Heads that were read before. What a head means is a function of its bytes alone, so a client that sends the same head
again, and a server that answers with the same head within a second, need not be parsed again.

Bounded: `ENTRIES` heads of at most `LARGEST` bytes; when it is full it starts anew, which costs one parse for each
head.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

LARGEST = 2048
"""Bytes. Larger heads are rare and carry what differs each time (cookies, tokens)."""

ENTRIES = 512

Key = TypeVar("Key", bound=Hashable)
Head = TypeVar("Head")


class HeadMemo(Generic[Key, Head]):
    """Raw head, with its final blank line or cut into pieces, to what it means."""

    __slots__ = ("_heads", "get")

    def __init__(self) -> None:
        self._heads: dict[Key, Head] = {}
        self.get = self._heads.get

    def put(self, raw: Key, head: Head) -> None:
        """Remembers a head that was admitted."""
        if len(self._heads) >= ENTRIES:
            self._heads.clear()
        self._heads[raw] = head
