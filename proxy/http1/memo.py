"""A cache of parsed heads, by their bytes. A head's meaning is a function of its bytes alone, so a head that a client
sends again, or a server within the same second, need not be parsed again.

Bound: `MAX_HEADS` heads of at most `MAX_HEAD_BYTES` bytes. A full cache is emptied, which costs one parse a
head.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MAX_HEAD_BYTES: Final = 2048
"""Bytes of one head. Larger heads are rare and carry values that differ each time (cookies, tokens)."""

MAX_HEADS: Final = 512
"""Heads in one cache."""

Key = TypeVar("Key", bound=Hashable)
Head = TypeVar("Head")


class HeadMemo(Generic[Key, Head]):
    """Bytes of a head (whole, with the final blank line, or cut into pieces) to the parsed head."""

    __slots__ = ("_heads", "get")

    def __init__(self) -> None:
        self._heads: dict[Key, Head] = {}
        self.get = self._heads.get

    def put(self, raw: Key, head: Head) -> None:
        """Adds a head that a reader has admitted."""
        if len(self._heads) >= MAX_HEADS:
            self.clear()
        self._heads[raw] = head

    def clear(self) -> None:
        """Begins anew."""
        self._heads.clear()
