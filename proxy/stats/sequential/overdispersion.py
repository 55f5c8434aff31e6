"""How much burstier than independent events are a primary's bad events: the φ that log factors are divided by.

`Dispersion` knows the primary, whatever is judged, `Apart` the two arms of one comparison. An index of dispersion over
windows of time: the mean of (r_i − r_j)² / (p·(1 − p)·(1/n_i + 1/n_j)), for the rate r of
each window against those of the `NEAR` windows before it (a local form of Pearson's, after von Neumann 1941). It sees
bursts and wander of up to a few minutes; the time of day, which moves both arms alike, is too slow to count. A factor
raised to 1/φ, φ ≥ 1 from the past only, still has an expectation of at most one under the null (Jensen), so dividing
never costs validity, only delay.
"""

from __future__ import annotations

from collections import deque
from math import sqrt

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.state import Stateful

WINDOW = 40.0
"""Seconds. Stalls of a backend (a collection pause, a failover) last seconds; shorter windows would cut them in
pieces."""

NEAR = 4
"""Windows before that one is compared with: 160 seconds."""

KEEP = 0.97
"""Weight of a window when the next one closes: about the last 33 windows (22 minutes) count."""

ENOUGH = 6.0
"""Comparisons before φ may leave 1: those of the first four windows."""


CAUTION = 2.0
"""Standard errors that `Apart` keeps below what it found: a candidate has few windows, and chance alone makes their
index large."""


FREQUENT = 1.0
"""Variance of the count in one of its windows, at least: what is rarer is bursty by nature."""


class Dispersion(Stateful):
    """φ ≥ 1 of a stream of (bad, n). State: `NEAR` closed windows, an open one and four sums, each of the shape of the
    counts."""

    __slots__ = ("_bad", "_closes", "_index", "_n", "_value")

    def __init__(self) -> None:
        self._bad: Counts = 0.0
        self._n: Counts = 0.0
        self._closes: float | None = None
        self._index = Index(NEAR)
        self._value: Counts = 1.0

    def update(self, bad: Counts, n: Counts, now: float) -> None:
        """Counts `bad` of `n` requests at `now` (seconds, monotonic). Closes the window first if its time is over."""
        if self._closes is None:
            self._closes = now + WINDOW
        if now >= self._closes:
            self._close()
            self._closes = now + WINDOW
        self._bad, self._n = self._bad + bad, self._n + n

    @property
    def value(self) -> Counts:
        """φ from the closed windows."""
        return self._value

    def _close(self) -> None:
        bad, n = np.asarray(self._bad, dtype=np.float64), np.asarray(self._n, dtype=np.float64)
        self._bad, self._n = 0.0, 0.0
        if n.any():
            self._index.add(bad / np.maximum(n, 1.0), n, bad, n)
            phi = np.maximum(self._index.value, 1.0)
            self._value = phi if phi.ndim else float(phi)


class Apart(Stateful):
    """φ ≥ 1 of the difference between two arms: what one wanders by itself. What hits both cancels, so windows may be
    shorter, and a candidate is known after four of them. Until then it is 1."""

    __slots__ = ("_bad", "_closes", "_index", "_n", "_windows", "value")

    def __init__(self, cuts: int) -> None:
        self._bad, self._n = np.zeros((2, cuts)), np.zeros((2, 1))
        self._closes: float | None = None
        self._index = Index(NEAR)
        self._windows = 0
        self.value: Floats = np.ones(cuts)

    def update(self, candidate: bool, bad: Floats, n: float, now: float) -> None:
        """Counts `bad` (one for each cut) of `n` requests of an arm. Closes the window if its time is over."""
        if self._closes is None:
            self._closes = now + WINDOW / 2
        if now >= self._closes:
            self._close()
            self._closes = now + WINDOW / 2
        arm = int(candidate)  # a bool would be a mask
        self._bad[arm] += bad
        self._n[arm] += n

    def _close(self) -> None:
        (bad, n), self._bad, self._n = (self._bad, self._n), np.zeros_like(self._bad), np.zeros_like(self._n)
        if not n.all():
            return
        rates = bad / n
        self._index.add(rates[0] - rates[1], 1.0 / (1.0 / n).sum(), bad.sum(axis=0), n.sum())
        self._windows += 1
        error = sqrt(2.0 / min(self._windows, 1.0 / (1.0 - KEEP)))
        common = bad.sum(axis=0) / n.sum()
        frequent = common * (1.0 - common) / (1.0 / n).sum() >= FREQUENT
        self.value = np.where(frequent, np.maximum(self._index.value / (1.0 + CAUTION * error), 1.0), 1.0)


class Index(Stateful):
    """The mean of squared differences between a window's rate and those of the windows near it, over their variance."""

    __slots__ = ("_bad", "_compared", "_near", "_requests", "_squares")

    def __init__(self, near: int) -> None:
        self._bad: Counts = 0.0
        self._requests: Counts = 0.0
        self._squares: Counts = 0.0
        self._compared = 0.0
        self._near: deque[tuple[Floats, Counts]] = deque(maxlen=near)

    def add(self, rate: Floats, size: Counts, bad: Floats, requests: Counts) -> None:
        """A window: its rate, whose variance is p·(1 − p)/`size`, and what tells p."""
        self._bad, self._requests = KEEP * self._bad + bad, KEEP * self._requests + requests
        self._squares, self._compared = KEEP * self._squares, KEEP * self._compared
        for earlier, other in self._near:
            variance = 1.0 / np.maximum(size, 1.0) + 1.0 / np.maximum(other, 1.0)
            self._squares = self._squares + (rate - earlier) ** 2 / variance
            self._compared += 1.0
        self._near.append((rate, size))

    @property
    def value(self) -> Floats:
        """The index; 1 where there is too little to tell."""
        bad, requests = np.asarray(self._bad), np.asarray(self._requests)
        told = (bad > 0) & (bad < requests) & (self._compared >= ENOUGH * KEEP**NEAR)
        rate = np.where(told, bad / np.maximum(requests, 1.0), 0.5)
        index: Floats = np.where(told, self._squares / max(self._compared, 1.0) / (rate * (1.0 - rate)), 1.0)
        return index
