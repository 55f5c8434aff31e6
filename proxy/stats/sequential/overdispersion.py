"""Overdispersion: how much more counts of bad events vary than independent events would; the φ that divides evidence.

φ ≥ 1 is an index of dispersion over windows of time: the mean of (r_i − r_j)² / (p·(1 − p)·(1/n_i + 1/n_j)), for the
rate r of each window against the rates of the `NEIGHBOUR_WINDOWS` windows before it (a local form of Pearson's
statistic, with the successive differences of von Neumann, Annals of Mathematical Statistics 1941). It measures bursts
and fluctuations of up to a few minutes. The time of day moves both arms alike and is too slow to count.

A factor raised to 1/φ, with φ ≥ 1 from the past only, still has an expectation of at most one under the null (Jensen's
inequality), so dividing log factors by φ never costs validity, only delay.
"""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import Self

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.state import Stateful

WINDOW_SECONDS = 40.0
"""Length of a window. Stalls of a backend (a collection pause, a failover) last seconds; shorter windows would cut them
in pieces."""

NEIGHBOUR_WINDOWS = 4
"""Windows before it that a window is compared with: 160 seconds."""

WINDOW_DECAY = 0.97
"""Weight of a window when the next one closes: about the last 33 windows (22 minutes) count."""

MIN_COMPARISONS = 6.0
"""Comparisons before φ may leave 1: those of the first four windows."""

CAUTION_ERRORS = 2.0
"""Standard errors subtracted from the estimate of `DifferenceOverdispersion`, because few windows inflate it by
chance."""

MIN_VARIANCE = 1.0
"""Variance that the count of a window must have, at least; rarer events are bursty by nature."""


class Overdispersion(Stateful):
    """Overdispersion factor φ ≥ 1 of a stream of (bad events, requests); counts may be numbers or arrays of one shape.

    State: an open window, `NEIGHBOUR_WINDOWS` closed ones and four sums, each of the shape of the counts.

    >>> phi = Overdispersion()
    >>> for window, bad in enumerate((0, 80, 0, 80, 0, 80, 0)):  # bursts: every other window
    ...     phi.update(bad, 1000, window * WINDOW_SECONDS)
    >>> round(phi.get(), 1)
    46.7
    """

    __slots__ = ("_bad", "_closes", "_index", "_n", "_value")

    def __init__(self) -> None:
        self._bad: Counts = 0.0
        self._n: Counts = 0.0
        self._closes: float | None = None
        self._index = DispersionIndex(NEIGHBOUR_WINDOWS)
        self._value: Counts = 1.0

    def update(self, bad: Counts, n: Counts, now: float) -> None:
        """Counts `bad` of `n` requests at `now` (seconds, monotonic). Closes the window first if its time is over."""
        if self._closes is None:
            self._closes = now + WINDOW_SECONDS
        if now >= self._closes:
            self._close()
            self._closes = now + WINDOW_SECONDS
        self._bad, self._n = self._bad + bad, self._n + n

    def get(self) -> Counts:
        """φ from the closed windows."""
        return self._value

    def _close(self) -> None:
        bad, n = np.asarray(self._bad, dtype=np.float64), np.asarray(self._n, dtype=np.float64)
        self._bad, self._n = 0.0, 0.0
        if n.any():
            self._index.update(bad / np.maximum(n, 1.0), n, bad, n)
            self._estimate()

    def _estimate(self) -> None:
        phi = np.maximum(self._index.get(), 1.0)
        self._value = phi if phi.ndim else float(phi)

    def __iadd__(self, other: Self) -> Self:
        """Merges the windows that another stream closed: φ is then the mean over the comparisons within each stream.

        Not φ of the summed streams: their windows are never compared with each other, so different levels do not count
        as bursts. The open window stays this stream's own.
        """
        self._index += other._index
        self._estimate()
        return self


class DifferenceOverdispersion(Stateful):
    """Overdispersion factor φ ≥ 1 of the *difference* between the candidate's and the primary's rate.

    Fluctuations common to both arms cancel, so windows of 20 s suffice. φ is 1 until four of them have closed.
    `cuts`: the number of rates that are followed side by side.

    >>> phi = DifferenceOverdispersion(cuts=1)
    >>> for window in range(40):  # the candidate's backend stalls in every other window
    ...     phi.update(True, np.array([300.0 * (window % 2)]), 1000, window * WINDOW_SECONDS / 2)
    ...     phi.update(False, np.array([150.0]), 1000, window * WINDOW_SECONDS / 2)
    >>> bool(phi.get()[0] > 50)
    True
    """

    __slots__ = ("_bad", "_closes", "_index", "_n", "_value", "_windows")

    def __init__(self, cuts: int) -> None:
        self._bad, self._n = np.zeros((2, cuts)), np.zeros((2, 1))
        self._closes: float | None = None
        self._index = DispersionIndex(NEIGHBOUR_WINDOWS)
        self._windows = 0
        self._value: Floats = np.ones(cuts)

    def update(self, candidate: bool, bad: Floats, n: float, now: float) -> None:
        """Counts `bad`, shape (cuts,), of `n` requests of one arm. Closes the window first if its time is over."""
        if self._closes is None:
            self._closes = now + WINDOW_SECONDS / 2
        if now >= self._closes:
            self._close()
            self._closes = now + WINDOW_SECONDS / 2
        arm = int(candidate)  # a bool would be a mask
        self._bad[arm] += bad
        self._n[arm] += n

    def get(self) -> Floats:
        """φ from the closed windows, shape (cuts,)."""
        return self._value

    def _close(self) -> None:
        (bad, n), self._bad, self._n = (self._bad, self._n), np.zeros_like(self._bad), np.zeros_like(self._n)
        if not n.all():
            return
        rates = bad / n
        self._index.update(rates[0] - rates[1], 1.0 / (1.0 / n).sum(), bad.sum(axis=0), n.sum())
        self._windows += 1
        error = sqrt(2.0 / min(self._windows, 1.0 / (1.0 - WINDOW_DECAY)))
        common = bad.sum(axis=0) / n.sum()
        frequent = common * (1.0 - common) / (1.0 / n).sum() >= MIN_VARIANCE
        self._value = np.where(frequent, np.maximum(self._index.get() / (1.0 + CAUTION_ERRORS * error), 1.0), 1.0)

    def __iadd__(self, other: Self) -> Self:
        """Merges the windows that another stream closed. Until the next one closes φ is the larger of the two, which
        is the cautious one; from then on it is the mean over the comparisons within each stream."""
        self._index += other._index
        self._windows += other._windows
        self._value = np.maximum(self._value, other._value)
        return self


class DispersionIndex(Stateful):
    """The mean of squared differences between a window's rate and those of earlier windows, over their variance.

    `neighbours`: how many earlier windows each one is compared with.
    """

    __slots__ = ("_bad", "_compared", "_near", "_requests", "_squares")

    def __init__(self, neighbours: int) -> None:
        self._bad: Counts = 0.0
        self._requests: Counts = 0.0
        self._squares: Counts = 0.0
        self._compared = 0.0
        self._near: deque[tuple[Floats, Counts]] = deque(maxlen=neighbours)

    def update(self, rate: Floats, size: Counts, bad: Floats, requests: Counts) -> None:
        """Adds a window: its `rate`, whose variance is p·(1 − p)/`size`, and p's estimate, `bad` of `requests`."""
        self._bad, self._requests = WINDOW_DECAY * self._bad + bad, WINDOW_DECAY * self._requests + requests
        self._squares, self._compared = WINDOW_DECAY * self._squares, WINDOW_DECAY * self._compared
        for earlier, other in self._near:
            variance = 1.0 / np.maximum(size, 1.0) + 1.0 / np.maximum(other, 1.0)
            self._squares = self._squares + (rate - earlier) ** 2 / variance
            self._compared += 1.0
        self._near.append((rate, size))

    def get(self) -> Floats:
        """The index, of the shape of the rates; 1 where the comparisons or the bad events are too few."""
        bad, requests = np.asarray(self._bad), np.asarray(self._requests)
        enough = (bad > 0) & (bad < requests) & (self._compared >= MIN_COMPARISONS * WINDOW_DECAY**NEIGHBOUR_WINDOWS)
        rate = np.where(enough, bad / np.maximum(requests, 1.0), 0.5)
        index: Floats = np.where(enough, self._squares / max(self._compared, 1.0) / (rate * (1.0 - rate)), 1.0)
        return index

    def __iadd__(self, other: Self) -> Self:
        """Merges the comparisons of another stream; its windows do not become neighbours of this one's."""
        self._bad, self._requests = self._bad + other._bad, self._requests + other._requests
        self._squares, self._compared = self._squares + other._squares, self._compared + other._compared
        return self
