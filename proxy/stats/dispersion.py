"""How much burstier than independent events are a primary's bad events: the φ that log factors are divided by.

Pearson's index of dispersion over windows of time, with exponential forgetting: φ = Σ (x − p·n)² / (p·(1−p)·n) / (m −
1) for x bad of n in each window (McCullagh and Nelder, Generalized Linear Models, §4.5). A factor raised to 1/φ, φ ≥ 1
from the past only, still has an expectation of at most one under the null (Jensen), so dividing never costs validity. A
rate that moves with the time of day raises φ too; that costs some delay and is accepted.
"""

from __future__ import annotations

import numpy as np

from proxy.stats.betting import Counts, Floats

WINDOW = 40.0
"""Seconds. Stalls of a backend (a collection pause, a failover) last seconds; shorter windows would cut them in
pieces."""

KEEP = 0.97
"""Weight of a window when the next one closes: about the last 33 windows (11 minutes) count."""

ENOUGH = 4.0
"""Windows (weighted) before φ may leave 1."""


class Dispersion:
    """φ ≥ 1 of a stream of (bad, n). State: five sums and one open window, each of the shape of the counts."""

    __slots__ = ("_bad", "_closes", "_mass", "_n", "_requests", "_squares", "_value", "_windows", "_x")

    def __init__(self) -> None:
        self._x: Counts = 0.0
        self._n: Counts = 0.0
        self._bad: Counts = 0.0
        self._requests: Counts = 0.0
        self._squares: Counts = 0.0
        self._windows = 0.0
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
        self._squares = KEEP * self._squares + x * x / np.maximum(n, 1.0)
        self._windows = KEEP * self._windows + 1.0
        self._value = self._phi()

    def _phi(self) -> Counts:
        if self._windows < ENOUGH:
            return 1.0
        bad, requests = np.asarray(self._bad), np.asarray(self._requests)
        spread = (bad > 0) & (bad < requests)
        rate = np.where(spread, bad / np.maximum(requests, 1.0), 0.5)
        pearson: Floats = (self._squares / rate - bad) / (1.0 - rate)
        phi = np.where(spread, np.maximum(pearson / (self._windows - 1.0), 1.0), 1.0)
        return phi if phi.ndim else float(phi)
