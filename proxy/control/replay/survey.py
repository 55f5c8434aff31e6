"""A survey: exchanges at even distances over a whole capture, one by chance of each of so many equal pieces.

A capture lies in an order, by time of day or as somebody sorted it. What its beginning proves is proved of nothing
else; a sample of every piece speaks for all of it (stratified sampling: Cochran, Sampling Techniques, 1977, ch. 5).
Chance is a hash of the capture and the piece: the same capture gives the same survey, and no period of the capture
agrees with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

from msgspec import Struct

from proxy.control.capture.exchanges import CapturedExchange

MIN_SURVEYED = 5000
"""Exchanges of a survey, at least: the failures of a scorecard as most have it are proved to be within their limits by
some hundred, and seconds send as many."""


class Survey(Struct, frozen=True):
    """Which exchanges are part of it: `pieces` of `count`, by their place in the capture, from 0."""

    pieces: int
    count: int
    seed: str

    def has(self, place: int) -> bool:
        """Whether the exchange at a place is the one of its piece."""
        piece = place * self.pieces // self.count
        begin, end = (-(-each * self.count // self.pieces) for each in (piece, piece + 1))
        return place == begin + crc32(f"{self.seed}/{piece}".encode()) % (end - begin)

    def of(self, exchanges: Iterable[CapturedExchange]) -> Iterator[CapturedExchange]:
        """Those that are part of it."""
        return (each for place, each in enumerate(exchanges) if self.has(place))

    def others(self, exchanges: Iterable[CapturedExchange]) -> Iterator[CapturedExchange]:
        """Those that are not."""
        return (each for place, each in enumerate(exchanges) if not self.has(place))


def survey_of(lines: int, requests: int, seed: str) -> Survey | None:
    """The survey that goes before all else; None: the capture is so small that it is replayed as a whole.

    - `lines`: of the capture, no fewer than its exchanges; `requests`: those of a stage
    """
    pieces = max(MIN_SURVEYED, 2 * requests)
    return Survey(pieces, lines, seed) if lines > 2 * pieces else None
