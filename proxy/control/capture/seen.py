"""Exchanges that have been read already, so that one which is in the files twice counts once.

A worker numbers its exchanges from 1, so those of one lie side by side: a bit for each, in pages. Bound: `MAX_PAGES`
pages, 16 MiB, which 130 million exchanges in a row fill; then the page that was begun first is forgotten.
"""

from __future__ import annotations

from proxy.contracts.leg_join import ExchangeKey, WorkerRun

PAGE_BITS = 15
"""Numbers of exchanges of a page, as a power of two: 4 KiB."""
MAX_PAGES = 4096
"""Pages that are kept."""


class SeenExchanges:
    """`first` says of an exchange whether it comes for the first time.

    >>> seen = SeenExchanges()
    >>> [seen.first(((0, "a"), number)) for number in (1, 2, 1, 100_000)]
    [True, True, False, True]
    """

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[tuple[WorkerRun, int], bytearray] = {}

    def first(self, key: ExchangeKey) -> bool:
        """Whether it had not come yet; it has now."""
        source, number = key
        page = self._page((source, number >> PAGE_BITS))
        at, bit = (number & ((1 << PAGE_BITS) - 1)) >> 3, 1 << (number & 7)
        if page[at] & bit:
            return False
        page[at] |= bit
        return True

    def _page(self, of: tuple[WorkerRun, int]) -> bytearray:
        page = self._pages.get(of)
        if page is None:
            if len(self._pages) >= MAX_PAGES:
                del self._pages[next(iter(self._pages))]
            page = self._pages[of] = bytearray(1 << (PAGE_BITS - 3))
        return page
