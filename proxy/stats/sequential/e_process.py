"""E-processes: the evidence against a null hypothesis, as the wealth of a mixture of bets with restarts.

Each bet k multiplies its wealth by a factor whose expectation under the null is at most one. The mean wealth over the
bets, the *e-value*, therefore reaches 1/α with probability at most α, however often one looks (Ville 1939; Shafer, JRSS
A 2021; Ramdas, Grünwald, Vovk and Shafer, Statistical Science 2023). All wealth is kept as natural logarithms.

Restarts: half of the wealth is bet from the first event on. The other half is released bit by bit as events pass, so a
test that lost its bets for a day, rightly, can still detect a breakage on the next day. After n events the part
ln 2 / ln(n + 2) of that half is still held back (the tail of weights proportional to 1/((n + 1) ln²(n + 2))). Wealth
that is held back is not bet, and counts.
"""

from __future__ import annotations

from math import exp, fsum, inf, log
from typing import Self

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.state import Stateful

BREACH_FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""Alternatives of a breach, as multiples of the bound: from barely worse to dead."""

PASS_FACTORS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.25)
"""Alternatives of an early pass, as multiples of the bound: from barely better to four times better."""


class EProcess(Stateful):
    """The e-process of a mixture of bets against one null hypothesis.

    - `bets`: the number of bets; each starts with wealth 1
    - `restarts`: whether half of the wealth is held back and released bit by bit
    - `shape`: shape of independent runs, for simulations; () for one run

    `update` takes log factors, and `settle` ends a look: wealth is released between looks only, because within a look
    nobody knows which event came first. `get` is the log e-value; the null is rejected at level α from ln(1/α) on.

    >>> process = EProcess(2, restarts=False)
    >>> for _ in range(3):
    ...     process.update(np.log([2.0, 0.5]), 1)
    ...     process.settle()
    >>> round(float(np.exp(process.get())), 4)  # the mean of 2³ and 0.5³
    4.0625
    """

    __slots__ = ("_active", "_events", "_reserve", "_settled")

    def __init__(self, bets: int, restarts: bool = True, shape: tuple[int, ...] = ()) -> None:
        self._active: Floats = np.full((*shape, bets), log(0.5) if restarts else 0.0)
        self._reserve: Floats = np.full((*shape, 1), log(0.5) if restarts else -np.inf)
        self._events: Floats = np.zeros((*shape, 1))
        self._settled: Floats = self._events

    def update(self, gains: Floats, events: Counts) -> None:
        """Adds log factors, shape (*shape, bets), of a number of `events`; part of one look."""
        self._active += gains
        self._events = self._events + np.asarray(events, dtype=np.float64)[..., None]

    def settle(self) -> None:
        """Ends a look: releases the wealth that is due before the next one. Without an event none is."""
        if (self._events == self._settled).all() or self._reserve.max() == -np.inf:
            return
        discount = np.log(np.log(self._settled + 2.0) / np.log(self._events + 2.0))
        with np.errstate(divide="ignore"):
            released = self._reserve + np.log(-np.expm1(discount))
        self._active = np.logaddexp(self._active, released)
        self._reserve = self._reserve + discount
        self._settled = self._events

    def get(self) -> Floats:
        """The log e-value: ln of the mean wealth over the bets, shape `shape`."""
        return log_mean(self._totals)

    def needed(self, growth: Floats, goal: float) -> float | None:
        """How many steps it takes until the log e-value is `goal`, where each adds the log factors `growth`; None where
        no bet grows. Of one run."""
        if not growth.max() > 0:
            return None
        if self.get() >= goal:
            return 0.0
        totals: list[float] = self._totals.tolist()
        steps: list[float] = growth.tolist()
        low, high = 0.0, max(goal - max(totals), 0.0) / max(steps) + 1.0
        while _log_mean_after(totals, steps, high) < goal:
            low, high = high, 2.0 * high
        while high - low > max(0.5, 0.01 * high):
            middle = (low + high) / 2.0
            low, high = (middle, high) if _log_mean_after(totals, steps, middle) < goal else (low, middle)
        return high

    def needed_as_before(self, steps: int, goal: float) -> float | None:
        """The same, where each step adds what the `steps` so far added on average."""
        return self.needed(self._totals / steps, goal)

    @property
    def _totals(self) -> Floats:
        return np.logaddexp(self._active, self._reserve)

    def __iadd__(self, other: Self) -> Self:
        """Merges the e-process of an independent stream about the same null: the wealths of each bet multiply.

        Without restarts the result is that of one run over both streams. With restarts it is valid too, but differs
        from one run: when wealth is released depends on the order of all events.
        """
        totals = self._totals + other._totals
        self._reserve = self._reserve + other._reserve
        with np.errstate(divide="ignore"):
            self._active = totals + np.log(-np.expm1(np.minimum(self._reserve - totals, 0.0)))
        self._events = self._events + other._events
        self._settled = self._settled + other._settled
        return self


class LimitTest(Stateful):
    """Two e-processes about one bound: against "within the bound" (breach), and against "beyond the bound" (pass).

    - `breaches`, `passes`: the number of bets of each; the pass has no restarts, because it is asked for once
    - `shape`: shape of independent runs, for simulations
    """

    __slots__ = ("_breach", "_pass")

    def __init__(self, breaches: int, passes: int, shape: tuple[int, ...] = ()) -> None:
        self._breach = EProcess(breaches, shape=shape)
        self._pass = EProcess(passes, restarts=False, shape=shape)

    @property
    def log_breach(self) -> Floats:
        """Log e-value against "within the bound"; a breach from ln(1/false_alarm) on."""
        return self._breach.get()

    @property
    def log_pass(self) -> Floats:
        """Log e-value against "beyond the bound"; a pass from ln(1/FALSE_PASS) on."""
        return self._pass.get()

    def settle(self) -> None:
        """Ends a look, with the data of all arms in."""
        self._breach.settle()
        self._pass.settle()

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same bound; see `EProcess`."""
        self._breach += other._breach
        self._pass += other._pass
        return self


def log_mean(logs: Floats) -> Floats:
    """ln of the mean of exp(`logs`) over the last axis, without overflow. (The reductions are called as they are: for a
    handful of bets, numpy's methods around them cost more than they do.)"""
    top = np.maximum.reduce(logs, axis=-1, keepdims=True)
    mean: Floats = np.log(np.add.reduce(np.exp(logs - top), axis=-1) / logs.shape[-1]) + top[..., 0]
    return mean


def _log_mean_after(totals: list[float], growth: list[float], steps: float) -> float:
    """`log_mean` of one run after so many steps. A handful of numbers takes Python a tenth of what it takes numpy."""
    logs = [total + steps * each for total, each in zip(totals, growth, strict=True)]
    top = max(logs)
    return top if top == -inf else top + log(fsum([exp(each - top) for each in logs]) / len(logs))
