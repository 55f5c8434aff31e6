"""Legs that have been read already, so that one which is in the files twice counts once.

A worker numbers its exchanges from 1, and has one leg of an exchange for each version and role, so those of a version
and role lie side by side: a bit for each, in pages. Bound: `MAX_PAGES` pages, 16 MiB, which 130 million legs in a row
fill; then the page that was begun first is forgotten.
"""

from __future__ import annotations

from proxy.control.capture.format import Captured

Arm = tuple[int, str, str, str, str]
"""The worker, its incarnation, the route, the version, the role."""

PAGE_BITS = 15
"""Numbers of exchanges in a page, as a power of two: 4 KiB."""
MAX_PAGES = 4096
"""Pages that are kept."""


class SeenLegs:
    """`first` gives those of some legs that come for the first time; `twice` is how many others there were."""

    __slots__ = ("_pages", "twice")

    def __init__(self) -> None:
        self._pages: dict[tuple[Arm, int], bytearray] = {}
        self.twice = 0

    def first(self, legs: list[Captured]) -> list[Captured]:
        """Those that had not come yet; they have now."""
        fresh = list(filter(self._is_first, legs))
        self.twice += len(legs) - len(fresh)
        return fresh

    def _is_first(self, leg: Captured) -> bool:
        number = leg.exchange
        page = self._page(((leg.worker, leg.incarnation, leg.route, leg.version, leg.role), number >> PAGE_BITS))
        at, bit = (number & ((1 << PAGE_BITS) - 1)) >> 3, 1 << (number & 7)
        if page[at] & bit:
            return False
        page[at] |= bit
        return True

    def _page(self, of: tuple[Arm, int]) -> bytearray:
        page = self._pages.get(of)
        if page is None:
            if len(self._pages) >= MAX_PAGES:
                del self._pages[next(iter(self._pages))]
            page = self._pages[of] = bytearray(1 << (PAGE_BITS - 3))
        return page
