"""When the tokens of a streamed answer came.

A worker notes when each piece of the answer arrived and how many bytes had come by then. An event came with the piece
in which its last byte arrived, whatever pieces the server makes: several events in one, one in several, the head before
all of them. Events of one piece came together, so between them there is no gap.

A compressed stream is read piece by piece (`payload.unpacking`): an event came with the piece that let it be read.
Where no bytes are told, pieces and events are matched by their numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

MAX_GAPS = 131_072
"""Gaps of one answer that are kept: a megabyte."""


class Arrivals:
    """`said` notes events that say something, `came` the pieces that they came in.

    - `first`: seconds to the first of them, None: not known
    - `gaps`: seconds between those that came apart
    """

    __slots__ = ("_awaited", "_before", "_last", "_number", "first", "gaps")

    def __init__(self) -> None:
        self.first: float | None = None
        self.gaps = array("d")
        self._awaited: list[int] = []
        self._before: tuple[list[float], list[int]] = [], []  # the last piece: an event that ended in it may come late
        self._number: int | None = None
        self._last = -1.0

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return 8 * len(self.gaps) + 36 * len(self._awaited)

    def said(self, number: int, ends: list[int]) -> None:
        """Events that say something, the first of them with this number in the stream, end at these bytes of it."""
        if self._number is None:
            self._number = number
        if len(self.gaps) < MAX_GAPS:
            self._awaited += ends

    def came(self, chunks: Sequence[float], ends: Sequence[int]) -> None:
        """Pieces came at these seconds; `ends`: the bytes of the stream by then, () where they are not known."""
        if chunks and not ends:
            if self._number is not None:
                self._note(chunks[min(self._number, len(chunks) - 1) :])
            return
        chunks, ends = [*self._before[0], *chunks], [*self._before[1], *ends]
        self._before = chunks[-1:], ends[-1:]
        if not (ends and self._awaited):
            return
        places = np.searchsorted(ends, self._awaited)
        here = int(np.searchsorted(places, len(ends)))
        del self._awaited[:here]
        met = sorted(set(places[:here].tolist()))
        self._note([time for place in met if (time := chunks[place]) > self._last])

    def _note(self, times: Sequence[float]) -> None:
        if not times:
            return
        if self.first is None:
            self.first = times[0]
        else:
            self.gaps.append(times[0] - self._last)
        self._last = times[-1]
        self.gaps.extend([later - earlier for earlier, later in pairwise(times)])
