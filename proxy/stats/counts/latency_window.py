"""Latencies in mergeable log buckets (1.94 % wide): monotone histograms, and sliding windows for quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from proxy.contracts.histogram import Buckets, add, quantile
from proxy.stats.state import Stateful

RECENT_SECONDS = 60.0
"""Seconds that a sliding quantile looks back unless said otherwise."""

SLICES = 6
"""Parts of a window; it moves on by one part, so it covers five to six sixths of its length."""


class Histogram:
    """Latencies since the start: monotone counts by log bucket, at most 1,440, and their exact sum in seconds.

    >>> first, second = Histogram(), Histogram()
    >>> first.update({-120: 2}, 0.21)
    >>> second.update({-120: 1, 0: 1}, 1.1)
    >>> first += second
    >>> first.buckets, round(first.seconds, 2)
    ({-120: 3, 0: 1}, 1.31)
    """

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets: Buckets = {}
        self.seconds = 0.0

    def update(self, counts: Mapping[int, int], seconds: float) -> None:
        """Adds counts by bucket and the sum of the values in them."""
        add(self.buckets, counts)
        self.seconds += seconds

    def __iadd__(self, other: Self) -> Self:
        """Merges another histogram: one of both streams."""
        self.update(other.buckets, other.seconds)
        return self


class Window(Stateful):
    """The latencies of the last `seconds`, in `SLICES` parts. State: at most 6 x 1,440 buckets.

    >>> window = Window(seconds=60.0)
    >>> window.update({-240: 10}, now=0.0)
    >>> round(window.quantile(0.5, now=30.0), 3), window.quantile(0.5, now=90.0)
    (0.01, None)
    """

    __slots__ = ("_part", "_parts", "_seconds")
    CONFIGURATION = ("_seconds",)

    def __init__(self, seconds: float = RECENT_SECONDS) -> None:
        self._seconds = seconds
        self._parts: list[Buckets] = [{} for _ in range(SLICES)]
        self._part = 0

    def update(self, counts: Mapping[int, int], now: float) -> None:
        """Adds counts by bucket at `now` (seconds, monotonic)."""
        self._forget(now)
        add(self._parts[self._part % SLICES], counts)

    def quantile(self, q: float, now: float) -> float | None:
        """The q-quantile of the window in seconds, or None without data."""
        return quantile(self.get(now), q)

    def get(self, now: float) -> Buckets:
        """Counts by bucket of the whole window."""
        self._forget(now)
        merged: Buckets = {}
        for part in self._parts:
            add(merged, part)
        return merged

    def __iadd__(self, other: Self) -> Self:
        """Merges another window of the same length and clock: one of both streams."""
        part = max(self._part, other._part)
        self._move_to(part)
        for at in range(max(part - SLICES + 1, 0), other._part + 1):
            add(self._parts[at % SLICES], other._parts[at % SLICES])
        return self

    def _forget(self, now: float) -> None:
        self._move_to(int(now * SLICES / self._seconds))

    def _move_to(self, part: int) -> None:
        for gone in range(max(self._part + 1, part - SLICES + 1), part + 1):
            self._parts[gone % SLICES] = {}
        self._part = max(part, self._part)
