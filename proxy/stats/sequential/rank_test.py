"""Rank betting: is the canary's latency beyond a margin of the primary's, by the ranks of single requests.

Cut points are quantiles of the primary's recent latencies, fixed before the requests that they rank. A request in bin
j is a coin with chance q = w·ρ(j) / (w·ρ(j) + 1 − w) of being the canary's, against w: a canary's request adds
ln(q/w), a primary's ln((1−q)/(1−w)). For every non-decreasing ρ the factor's expectation is at most one when the
canary, moved down by the margin, is not stochastically slower; a ρ with one step asks only about the quantile at that
step. Common load moves both arms and cancels. The margin is whole log buckets (1.94 % each), rounded up in the
canary's favour.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log10

import numpy as np

from proxy.contracts.histogram import PER_DECADE, bucket, quantile
from proxy.stats.arrays import Floats
from proxy.stats.sequential.wealth import STEPS, Wealth
from proxy.stats.state import Stateful

CUTS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
BINS = len(CUTS) + 1
MASS: Floats = np.diff(np.array((0.0, *CUTS, 1.0)))
"""The primary's part in each bin."""

REQUESTS_PER_RESTART = 100.0
"""Restarts (`wealth`) are due by events; a request carries about a hundredth of what a bad event does."""

TILTS = (0.1, 0.2, 0.4, 0.8)
TAILS = (1.25, 1.6, 2.5, 5.0)


def cuts_of(recent: Mapping[int, int]) -> list[int] | None:
    """The bucket of each cut, from a primary's recent latencies; None without data."""
    values = [quantile(recent, q) for q in CUTS]
    return None if values[0] is None else [bucket(value) for value in values if value is not None]


def ranked(latencies: Mapping[int, int], cuts: list[int], down: int = 0) -> Floats:
    """Counts by bin, shape (BINS,): the bin of a request is the number of cuts below it, after moving it `down`
    buckets."""
    if not latencies:
        return np.zeros(BINS)
    indices = np.fromiter(latencies.keys(), dtype=np.int64, count=len(latencies)) - down
    counts = np.fromiter(latencies.values(), dtype=np.float64, count=len(latencies))
    return np.bincount(np.searchsorted(cuts, indices), weights=counts, minlength=BINS).astype(np.float64)


def margin_buckets(ratio: float) -> int:
    """`ratio` as whole buckets, rounded up: a margin is never smaller than asked for."""
    return ceil(round(log10(ratio) * PER_DECADE, 6))


def at_quantile(q: float, steps: tuple[float, ...] = STEPS) -> Floats:
    """Density ratios that say "more is above the q-quantile" (less with steps below one), shape (steps, BINS)."""
    tail, factors = 1.0 - q, np.array(steps)
    mass = np.minimum(tail * factors, 1.0 - (1.0 - tail) / np.maximum(factors, 1.0))
    above = np.arange(BINS) > CUTS.index(q)
    ratios: Floats = np.where(above, (mass / tail)[:, None], ((1.0 - mass) / q)[:, None])
    return ratios


def anywhere() -> Floats:
    """Density ratios for any kind of slower, all non-decreasing: location tilts and one-step tails, shape (20,
    BINS)."""
    middle = np.cumsum(MASS) - MASS / 2
    score = (middle - (MASS * middle).sum()) / np.sqrt((MASS * (middle - (MASS * middle).sum()) ** 2).sum())
    tilts = [np.exp(theta * score) for theta in TILTS]
    tails = [np.where(np.arange(BINS) > CUTS.index(q), by, 1.0) for q in CUTS[-4:] for by in TAILS]
    ratios = np.array(tilts + tails)
    normalised: Floats = ratios / (ratios @ MASS)[:, None]
    return normalised


def gains(share: float, canary: Floats, primary: Floats, ratios: Floats) -> Floats:
    """Log factors of counts by bin (BINS,) at `share`, one for each row of `ratios`; shares 0 and 1 say nothing."""
    if not 0.0 < share < 1.0:
        return np.zeros(len(ratios))
    drag = np.log(share * ratios + 1.0 - share)
    result: Floats = np.log(ratios) @ canary - drag @ (canary + primary)
    return result


class RankBetting(Stateful):
    """Evidence about one comparison: `ratios` bet on slower; `relief`, if given, on not slower, for an early pass."""

    __slots__ = ("_breach", "_canary", "_pass", "_primary", "ratios", "relief")
    CONFIGURATION = ("ratios", "relief")

    def __init__(self, ratios: Floats, relief: Floats | None = None) -> None:
        self.ratios, self.relief = ratios, relief
        self._breach = Wealth(len(ratios))
        self._pass = None if relief is None else Wealth(len(relief), restarts=False)
        self._canary, self._primary = np.zeros(BINS), np.zeros(BINS)

    def update(self, share: float, canary: Floats, primary: Floats, dispersion: float = 1.0) -> None:
        """One look: `add` and `settle`."""
        self.add(share, canary, primary, dispersion)
        self.settle()

    def settle(self) -> None:
        """Ends a look, with both arms in."""
        self._breach.settle()
        if self._pass is not None:
            self._pass.settle()

    def add(self, share: float, canary: Floats, primary: Floats, dispersion: float = 1.0) -> None:
        """Counts by bin of requests assigned at `share`, shape (BINS,) each; φ as in `overdispersion`."""
        if not 0.0 < share < 1.0:
            return
        self._canary += canary
        self._primary += primary
        events = float((canary + primary).sum()) / REQUESTS_PER_RESTART
        self._breach.add(gains(share, canary, primary, self.ratios) / dispersion, events)
        if self._pass is not None and self.relief is not None:
            self._pass.add(gains(share, canary, primary, self.relief) / dispersion, events)

    @property
    def log_breach(self) -> float:
        """ln of the evidence against "not beyond the margin"."""
        return float(self._breach.log)

    @property
    def log_pass(self) -> float | None:
        """ln of the evidence against "at or beyond the margin"; None for a test that cannot pass early."""
        return None if self._pass is None else float(self._pass.log)

    def needed(self, breach: float, passing: float, dispersion: float = 1.0) -> int | None:
        """About how many more canary requests reach log evidence `breach` or `passing` at what was seen so far."""
        canary, both = self._canary.sum(), (self._canary + self._primary).sum()
        if not 0 < canary < both:
            return None
        tests = [(self.ratios, breach - self.log_breach)]
        if self.relief is not None:
            tests.append((self.relief, passing - (self.log_pass or 0.0)))
        more = []
        for ratios, missing in tests:
            growth = gains(canary / both, self._canary, self._primary, ratios).max() / canary / dispersion
            if growth > 0:
                more.append(max(missing, 0.0) / growth)
        return ceil(min(more)) if more else None

    def merge(self, other: RankBetting) -> None:
        """Adds the evidence of another stream about the same comparison."""
        self._breach += other._breach
        if self._pass is not None and other._pass is not None:
            self._pass += other._pass
        self._canary += other._canary
        self._primary += other._primary
