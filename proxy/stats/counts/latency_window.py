"""Latencies as mergeable log buckets: what was ever counted, and sliding windows for quantiles."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.contracts.histogram import Buckets, add, quantile
from proxy.stats.state import Stateful

WINDOW = 60.0
"""Seconds that a sliding quantile looks back unless said otherwise."""

SLICES = 6
"""Parts of a window; it moves on by one part, so it covers five to six sixths of its length."""


class Histogram:
    """Everything since the start: monotone counts and their exact sum in seconds. At most 1,200 buckets."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets: Buckets = {}
        self.seconds = 0.0

    def update(self, counts: Mapping[int, int], seconds: float) -> None:
        """Adds counts by bucket and the sum of the values in them."""
        add(self.buckets, counts)
        self.seconds += seconds


class Window(Stateful):
    """The buckets of the last `seconds`, in `SLICES` parts. State: at most 6 x 1,200 buckets."""

    __slots__ = ("_part", "_parts", "_seconds")
    CONFIGURATION = ("_seconds",)

    def __init__(self, seconds: float = WINDOW) -> None:
        self._seconds = seconds
        self._parts: list[Buckets] = [{} for _ in range(SLICES)]
        self._part = 0

    def update(self, counts: Mapping[int, int], now: float) -> None:
        """Adds counts by bucket at `now` (seconds, monotonic)."""
        self._forget(now)
        add(self._parts[self._part % SLICES], counts)

    def quantile(self, q: float, now: float) -> float | None:
        """The q-quantile in seconds of what the window holds, or None without data."""
        return quantile(self.merged(now), q)

    def merged(self, now: float) -> Buckets:
        """All buckets of the window."""
        self._forget(now)
        merged: Buckets = {}
        for part in self._parts:
            add(merged, part)
        return merged

    def _forget(self, now: float) -> None:
        part = int(now * SLICES / self._seconds)
        for gone in range(max(self._part + 1, part - SLICES + 1), part + 1):
            self._parts[gone % SLICES] = {}
        self._part = max(part, self._part)
