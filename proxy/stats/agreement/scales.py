"""The usual size of each output, learnt from the primary's answers: what is small beside it is as good as zero.

The size is the geometric mean of the absolute values, zeros left out: neither many zeros nor a few huge values move it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any

import numpy as np

from proxy.stats.arrays import Floats
from proxy.stats.finite import floats, number

MEMORY = 1000.0
"""Answers after which an older one counts for less."""

MAX_OUTPUTS = 256
"""Outputs whose size is learnt; further ones have none."""

MAX_COLUMNS = 16_384
"""Columns of all outputs whose size is learnt: a megabyte. An output that is wider than what is left has none."""

MANY = 512
"""Values of one answer from which numpy is faster."""

OutputKey = tuple[str, tuple[str, ...]]
"""Name and columns."""


class Scales:
    """Sizes by output: one for each of its columns.

    >>> scales = Scales()
    >>> scales.update(("y", ()), [100.0], 1)
    >>> scales.update(("y", ()), [-0.0001], 1)
    >>> round(scales.get(("y", ()))[0], 6)
    0.1
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[OutputKey, tuple[list[float], list[float]]] = {}

    def get(self, key: OutputKey) -> list[float] | None:
        """The size of each column, 0 where nothing is known; None for an output that was never seen."""
        known = self._known.get(key)
        if known is None:
            return None
        return [exp(mean) if n else 0.0 for n, mean in zip(*known, strict=True)]

    def update(self, key: OutputKey, data: Sequence[Any], width: int) -> None:
        """Adds rows of one answer, flat."""
        if len(data) >= MANY:
            self.update_batch(key, floats(data).reshape(-1, max(width, 1)))
            return
        known = self._place(key, width)
        if known is None:
            return
        counts, means = known
        for at, value in enumerate(map(number, data)):
            if value and value == value:
                column = at % width
                counts[column] = n = min(counts[column] + 1.0, MEMORY)
                means[column] += (log(abs(value)) - means[column]) / n

    def update_batch(self, key: OutputKey, table: Floats) -> None:
        """Adds the rows of many answers, shape (rows, width)."""
        known = self._place(key, table.shape[1])
        if known is None:
            return
        counts, means = known
        there = np.isfinite(table) & (table != 0.0)
        logs = np.log(np.where(there, np.abs(table), 1.0))
        seen = there.sum(axis=0).tolist()
        for at, (n, total) in enumerate(zip(seen, logs.sum(axis=0).tolist(), strict=True)):
            if n:
                before = min(counts[at], max(MEMORY - n, 0.0))
                means[at] = (before * means[at] + total) / (before + n)
                counts[at] = min(before + n, MEMORY)

    def _place(self, key: OutputKey, width: int) -> tuple[list[float], list[float]] | None:
        known = self._known.get(key)
        if known is None or len(known[0]) != width:
            if known is None and len(self._known) >= MAX_OUTPUTS:
                return None
            self._known.pop(key, None)  # of another width
            if sum([len(counts) for counts, _ in self._known.values()]) + width > MAX_COLUMNS:
                return None
            known = self._known[key] = [0.0] * width, [0.0] * width
        return known
