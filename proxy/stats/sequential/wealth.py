"""Betting against a null hypothesis: the wealth of a mixture of bets, with restarts. The core of every sequential test
here.

Each bet k multiplies its wealth by a factor whose expectation under the null is at most one, so the mean wealth reaches
1/α with probability at most α, however often one looks (Ville 1939; Shafer, JRSS A 2021; Ramdas et al., Statistical
Science 2023). All of it is kept as logarithms.

Half of the wealth is bet from the first event. The other half is released bit by bit as events pass, so that a test
that was right to lose for a day is ready for a breakage on the next: at n events, the part ln 2 / ln(n + 2) of it is
still held back (the tail of weights proportional to 1/((n+1) ln²(n+2))). Whatever is held back counts as unbet wealth.
"""

from __future__ import annotations

from math import log
from typing import Self

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.state import Stateful

STEPS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""How much worse than the bound the alternatives are: from barely to dead."""

EASE = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.25)
"""How much better than the bound the alternatives of an early pass are."""


class Wealth(Stateful):
    """Log wealth of `bets` bets, each starting at 1; shape (*shape, bets) for vectors of runs."""

    __slots__ = ("_active", "_events", "_reserve", "_settled")

    def __init__(self, bets: int, restarts: bool = True, shape: tuple[int, ...] = ()) -> None:
        self._active: Floats = np.full((*shape, bets), log(0.5) if restarts else 0.0)
        self._reserve: Floats = np.full((*shape, 1), log(0.5) if restarts else -np.inf)
        self._events: Floats = np.zeros((*shape, 1))
        self._settled: Floats = self._events

    def update(self, gains: Floats, events: Counts) -> None:
        """One look: adds log factors, shape (*shape, bets), of a batch of `events`, and settles."""
        self.add(gains, events)
        self.settle()

    def add(self, gains: Floats, events: Counts) -> None:
        """Part of a look. What belongs to one look is settled together: within it nobody knows which arm came first."""
        self._active += gains
        self._events = self._events + np.asarray(events, dtype=np.float64)[..., None]

    def settle(self) -> None:
        """Ends a look: releases the wealth that is due before the next one."""
        if self._reserve.max() == -np.inf:
            return
        kept = np.log(np.log(self._settled + 2.0) / np.log(self._events + 2.0))
        with np.errstate(divide="ignore"):
            released = self._reserve + np.log(-np.expm1(kept))
        self._active = np.logaddexp(self._active, released)
        self._reserve = self._reserve + kept
        self._settled = self._events

    @property
    def log(self) -> Floats:
        """ln of the mean wealth over the bets, shape `shape`."""
        return log_mean(self._totals)

    @property
    def _totals(self) -> Floats:
        return np.logaddexp(self._active, self._reserve)

    def __iadd__(self, other: Self) -> Self:
        """Merges evidence of another stream about the same null: wealths of independent bets multiply."""
        totals = self._totals + other._totals
        self._reserve = self._reserve + other._reserve
        with np.errstate(divide="ignore"):
            self._active = totals + np.log(-np.expm1(np.minimum(self._reserve - totals, 0.0)))
        self._events = self._events + other._events
        self._settled = self._settled + other._settled
        return self


class TwoSided(Stateful):
    """Evidence against "within a bound", `breaches` bets, and against "beyond it", `passes` bets (without restarts: a
    pass is asked for once)."""

    __slots__ = ("_breach", "_pass")

    def __init__(self, breaches: int, passes: int, shape: tuple[int, ...] = ()) -> None:
        self._breach = Wealth(breaches, shape=shape)
        self._pass = Wealth(passes, restarts=False, shape=shape)

    @property
    def log_breach(self) -> Floats:
        """ln of the evidence against "within the bound"; breach at ln(1/false_alarm)."""
        return self._breach.log

    @property
    def log_pass(self) -> Floats:
        """ln of the evidence against "beyond the bound"; pass at ln(1/MISS)."""
        return self._pass.log

    def settle(self) -> None:
        """Ends a look. All of it must be in: a restart within it would bet on its order."""
        self._breach.settle()
        self._pass.settle()

    def __iadd__(self, other: Self) -> Self:
        """Merges evidence of another stream about the same bound."""
        self._breach += other._breach
        self._pass += other._pass
        return self


def log_mean(logs: Floats) -> Floats:
    """ln of the mean of exp(`logs`) over the last axis, without overflow."""
    top = logs.max(axis=-1, keepdims=True)
    mean: Floats = np.log(np.exp(logs - top).mean(axis=-1)) + top[..., 0]
    return mean
