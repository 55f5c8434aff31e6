"""How much burstier than independent events are a primary's bad events: the φ that log factors are divided by.

An index of dispersion over windows of time: the mean of (r_i − r_j)² / (p·(1 − p)·(1/n_i + 1/n_j)), for the rate r of
each window against those of the `NEAR` windows before it (a local form of Pearson's, after von Neumann 1941). It sees
bursts and wander of up to a few minutes; the time of day, which moves both arms alike, is too slow to count. A factor
raised to 1/φ, φ ≥ 1 from the past only, still has an expectation of at most one under the null (Jensen), so dividing
never costs validity, only delay.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from proxy.stats.betting import Counts, Floats

WINDOW = 40.0
"""Seconds. Stalls of a backend (a collection pause, a failover) last seconds; shorter windows would cut them in
pieces."""

NEAR = 4
"""Windows before that one is compared with: 160 seconds."""

KEEP = 0.97
"""Weight of a window when the next one closes: about the last 33 windows (22 minutes) count."""

ENOUGH = 6.0
"""Comparisons before φ may leave 1: those of the first four windows."""


class Dispersion:
    """φ ≥ 1 of a stream of (bad, n). State: `NEAR` closed windows, an open one and four sums, each of the shape of the
    counts."""

    __slots__ = ("_bad", "_closes", "_compared", "_n", "_near", "_requests", "_squares", "_value", "_x")

    def __init__(self) -> None:
        self._x: Counts = 0.0
        self._n: Counts = 0.0
        self._bad: Counts = 0.0
        self._requests: Counts = 0.0
        self._squares: Counts = 0.0
        self._compared = 0.0
        self._near: deque[tuple[Floats, Floats]] = deque(maxlen=NEAR)
        self._closes: float | None = None
        self._value: Counts = 1.0

    def update(self, bad: Counts, n: Counts, now: float) -> None:
        """Counts `bad` of `n` requests at `now` (seconds, monotonic). Closes the window first if its time is over."""
        if self._closes is None:
            self._closes = now + WINDOW
        if now >= self._closes:
            self._close()
            self._closes = now + WINDOW
        self._x, self._n = self._x + bad, self._n + n

    @property
    def value(self) -> Counts:
        """φ from the closed windows."""
        return self._value

    def _close(self) -> None:
        x, n = np.asarray(self._x, dtype=np.float64), np.asarray(self._n, dtype=np.float64)
        self._x, self._n = 0.0, 0.0
        if not n.any():
            return
        self._bad, self._requests = KEEP * self._bad + x, KEEP * self._requests + n
        self._squares, self._compared = KEEP * self._squares, KEEP * self._compared
        for earlier, size in self._near:
            apart = x / np.maximum(n, 1.0) - earlier / np.maximum(size, 1.0)
            self._squares = self._squares + apart**2 / (1.0 / np.maximum(n, 1.0) + 1.0 / np.maximum(size, 1.0))
            self._compared += 1.0
        self._near.append((x, n))
        self._value = self._phi()

    def _phi(self) -> Counts:
        if self._compared < ENOUGH * KEEP**NEAR:
            return 1.0
        bad, requests = np.asarray(self._bad), np.asarray(self._requests)
        spread = (bad > 0) & (bad < requests)
        rate = np.where(spread, bad / np.maximum(requests, 1.0), 0.5)
        index: Floats = np.asarray(self._squares / self._compared / (rate * (1.0 - rate)))
        phi = np.where(spread, np.maximum(index, 1.0), 1.0)
        return phi if phi.ndim else float(phi)
