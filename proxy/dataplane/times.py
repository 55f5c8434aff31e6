"""Durations since the last tick, counted in the buckets of `contracts.histogram`.

In pages of buckets that are made where they are needed: counting is two accesses of a list, where a dictionary takes
several times as much, and the durations of a version lie close together.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import i64
from proxy.contracts.histogram import HIGHEST, LOWEST, Buckets, bucket

BITS: Final = 5
PAGE: Final = 1 << BITS
"""Buckets of a page: from its first one to its last it is 1.8 times as long."""

_EMPTY: Final = [0] * PAGE
_PAGES: Final = ((HIGHEST - LOWEST) >> BITS) + 1


class Times:
    """`sum`: of all durations, in seconds."""

    __slots__ = ("_pages", "sum")

    def __init__(self) -> None:
        self._pages: list[list[int] | None] | None = None
        self.sum = 0.0

    def __bool__(self) -> bool:
        return self._pages is not None

    def add(self, seconds: float) -> None:
        """Counts one."""
        self.sum += seconds
        place: i64 = bucket(seconds) - LOWEST
        pages = self._pages
        if pages is None:
            pages = self._pages = [None] * _PAGES
        page = pages[place >> BITS]
        if page is None:
            page = pages[place >> BITS] = _EMPTY.copy()
        at: i64 = place & (PAGE - 1)
        page[at] = page[at] + 1  # compiled, `+=` on an item is a call

    def take(self) -> Buckets:
        """The counts since the last call; the sum begins anew, too."""
        pages, self._pages, self.sum = self._pages, None, 0.0
        counts: Buckets = {}
        for number, page in enumerate(pages or ()):
            for at, count in enumerate(page or ()):
                if count:
                    counts[LOWEST + number * PAGE + at] = count
        return counts
