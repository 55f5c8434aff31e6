"""One event rate against an absolute limit: a one-sided sequential test of a Bernoulli mean.

Null: the chance of a bad event is at most `limit`. An alternative p bets with ln(p/limit) on a bad event and
ln((1−p)/(1−limit)) on a good one. The factor's expectation is at most one for every chance up to the limit, also when
the chance changes from event to event (Waudby-Smith and Ramdas, JRSS B 2024). Wealth and restarts: `e_process`.
"""

from __future__ import annotations

from math import ceil, log
from typing import Self

import numpy as np

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.arrays import Counts, Floats
from proxy.stats.sequential.e_process import BREACH_FACTORS, PASS_FACTORS, LimitTest

MIN_REQUESTS = 20
"""Requests before a limit can be called breached: the first failures of a cold start decide nothing alone."""

LIMIT_RANGE = (1e-6, 1.0 - 1e-6)
"""Lowest and highest limit that is tested; a limit of 0 or 1 is taken as this close to it, where logarithms exist."""


class RateLimit(LimitTest):
    """Evidence that a rate is over `limit`, and that it is under it.

    - `limit`: the rate, 0 to 1
    - `shape`: shape of independent runs, for simulations

    >>> test = RateLimit(0.01)
    >>> test.update(bad=10, n=100)
    >>> bool(test.log_breach > log(1 / 0.001))
    True
    """

    __slots__ = ("_above", "_below", "bad", "limit", "n")
    CONFIGURATION = ("_above", "_below", "limit")

    def __init__(self, limit: float, shape: tuple[int, ...] = ()) -> None:
        super().__init__(len(BREACH_FACTORS), len(PASS_FACTORS), shape)
        self.limit = min(max(limit, LIMIT_RANGE[0]), LIMIT_RANGE[1])
        factors = np.array(BREACH_FACTORS)
        # Far above the limit in odds as well as in rate, so that limits near 1 have alternatives too.
        self._above: Floats = np.minimum(self.limit * factors, 1.0 - (1.0 - self.limit) / factors)
        self._below: Floats = self.limit * np.array(PASS_FACTORS)
        self.bad: Counts = 0
        self.n: Counts = 0

    def update(self, bad: Counts, n: Counts, dispersion: Counts = 1.0) -> None:
        """One look: `bad` of `n` new events; log factors are divided by the overdispersion φ ≥ 1 of the past."""
        self.bad, self.n = self.bad + bad, self.n + n
        x, size = np.asarray(bad, dtype=np.float64), np.asarray(n, dtype=np.float64)
        phi = np.asarray(dispersion, dtype=np.float64)[..., None]
        self._breach.update(self._gains(x, size, self._above) / phi, x)
        self._pass.update(self._gains(x, size, self._below) / phi, x)
        self.settle()

    def _gains(self, bad: Floats, n: Floats, rates: Floats) -> Floats:
        good = np.log1p(-rates) - np.log1p(-self.limit)
        result: Floats = bad[..., None] * np.log(rates / self.limit) + (n - bad)[..., None] * good
        return result

    @property
    def log_breach(self) -> Floats:
        """Log e-value against "at most `limit`"; 0 before `MIN_REQUESTS` events."""
        log_e: Floats = np.where(np.asarray(self.n) >= MIN_REQUESTS, super().log_breach, 0.0)
        return log_e

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same limit; see `EProcess`."""
        super().__iadd__(other)
        self.bad, self.n = self.bad + other.bad, self.n + other.n
        return self

    def needed(self, false_alarm: float, dispersion: float = 1.0) -> int | None:
        """About how many more events decide at the present rate, or None where that cannot be said."""
        if not self.n:
            return None
        rate = np.array((float(self.bad) + 0.5) / (float(self.n) + 1.0))
        more = []
        for process, rates, goal in (
            (self._breach, self._above, log(1 / false_alarm)),
            (self._pass, self._below, log(1 / FALSE_PASS)),
        ):
            growth = float(self._gains(rate, np.array(1.0), rates).max()) / dispersion
            if growth > 0:
                more.append(max(goal - float(process.get()), 0.0) / growth)
        return ceil(min(more)) if more else None
