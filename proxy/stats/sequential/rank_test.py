"""Two latency distributions by ranks: a sequential test of stochastic order, with a margin.

Cut points are quantiles of the primary's recent latencies, fixed before the requests that they rank. A request in bin
j is a coin with chance q = w·ρ(j) / (w·ρ(j) + 1 − w) of being the canary's, against w: a canary's request adds
ln(q/w), a primary's ln((1−q)/(1−w)). For every non-decreasing density ratio ρ the factor's expectation is at most one
when the canary, moved down by the margin, is not stochastically slower; a ρ with one step asks only about the quantile
at that step. Load that both arms share moves both and cancels. The margin is whole log buckets (1.94 % each), rounded
up in the canary's favour. Betting on ranks: Shekhar and Ramdas, "Nonparametric two-sample testing by betting", IEEE
Transactions on Information Theory 2024; e-values and restarts as in `e_process`.

A request whose client left is censored: it would have taken at least as long as it had waited. Each bet counts it at
the bin of its wait where ρ ≥ 1, and leaves it out where ρ < 1, since it may have been going to end in any later bin.
With that a factor is still non-decreasing in the latency that the canary's request would have had, and both arms have
the same clients, so its expectation is at most one as before; and a wait never makes a version look faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log10
from typing import Self

import numpy as np

from proxy.contracts.histogram import PER_DECADE, bucket, quantile
from proxy.stats.arrays import Floats
from proxy.stats.sequential.e_process import BREACH_FACTORS, EProcess
from proxy.stats.state import Stateful

CUT_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""Quantiles of the primary at which latencies are cut into bins."""

BINS = len(CUT_QUANTILES) + 1

BIN_MASS: Floats = np.diff(np.array((0.0, *CUT_QUANTILES, 1.0)))
"""The primary's part in each bin, shape (BINS,)."""

REQUESTS_PER_RESTART = 100.0
"""Restarts (`e_process`) are due by events; a request carries about a hundredth of the evidence of a bad event."""

LOCATION_TILTS = (0.1, 0.2, 0.4, 0.8)
"""Alternatives that move the whole distribution, as exponents of its standardised ranks."""

TAIL_FACTORS = (1.25, 1.6, 2.5, 5.0)
"""Alternatives that put more requests beyond one quantile, as multiples."""


def cuts_of(recent: Mapping[int, int]) -> list[int] | None:
    """The bucket of each cut, from a primary's recent latencies; None without data."""
    values = [quantile(recent, q) for q in CUT_QUANTILES]
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


def at_quantile(q: float, factors: tuple[float, ...] = BREACH_FACTORS) -> Floats:
    """Density ratios of "more requests above the q-quantile" (less, for factors below one), shape (factors, BINS)."""
    tail, multiples = 1.0 - q, np.array(factors)
    mass = np.minimum(tail * multiples, 1.0 - (1.0 - tail) / np.maximum(multiples, 1.0))
    above = np.arange(BINS) > CUT_QUANTILES.index(q)
    ratios: Floats = np.where(above, (mass / tail)[:, None], ((1.0 - mass) / q)[:, None])
    return ratios


def anywhere() -> Floats:
    """Density ratios of any kind of slower, all non-decreasing: location tilts and one-step tails, shape (20, BINS)."""
    middle = np.cumsum(BIN_MASS) - BIN_MASS / 2
    score = (middle - (BIN_MASS * middle).sum()) / np.sqrt((BIN_MASS * (middle - (BIN_MASS * middle).sum()) ** 2).sum())
    tilts = [np.exp(theta * score) for theta in LOCATION_TILTS]
    above = [np.arange(BINS) > CUT_QUANTILES.index(q) for q in CUT_QUANTILES[-4:]]
    tails = [np.where(bins, factor, 1.0) for bins in above for factor in TAIL_FACTORS]
    ratios = np.array(tilts + tails)
    normalised: Floats = ratios / (ratios @ BIN_MASS)[:, None]
    return normalised


def gains(share: float, canary: Floats, primary: Floats, ratios: Floats) -> Floats:
    """Log factors of counts by bin (BINS,) at `share`, one for each row of `ratios`; shares 0 and 1 say nothing."""
    if not 0.0 < share < 1.0:
        return np.zeros(len(ratios))
    drag = np.log(share * ratios + 1.0 - share)
    result: Floats = np.log(ratios) @ canary - drag @ (canary + primary)
    return result


class RankTest(Stateful):
    """Evidence that the canary is stochastically slower than the primary, beyond the margin.

    - `ratios`: density ratios of slower canaries that are bet on, shape (bets, BINS)
    - `relief`: density ratios of canaries that are not slower, for an early pass; None for a test without one

    >>> test = RankTest(at_quantile(0.5))
    >>> primary, canary = BIN_MASS * 900, np.bincount([8] * 20, minlength=BINS)  # all beyond the 0.999 quantile
    >>> test.update(0.1, canary, np.zeros(BINS))
    >>> test.update(0.1, np.zeros(BINS), primary)
    >>> test.settle()
    >>> test.log_breach > 3, test.log_pass
    (True, None)
    """

    __slots__ = ("_breach", "_canary", "_pass", "_primary", "ratios", "relief")
    CONFIGURATION = ("ratios", "relief")

    def __init__(self, ratios: Floats, relief: Floats | None = None) -> None:
        self.ratios, self.relief = ratios, relief
        self._breach = EProcess(len(ratios))
        self._pass = None if relief is None else EProcess(len(relief), restarts=False)
        self._canary, self._primary = np.zeros(BINS), np.zeros(BINS)

    def update(self, share: float, canary: Floats, primary: Floats, dispersion: float = 1.0) -> None:
        """Adds requests by bin, shape (BINS,) for each arm; part of one look, which `settle` ends.

        - `share`: the canary's share of the two arms when the requests were assigned; 0 and 1 say nothing
        - `dispersion`: the overdispersion φ ≥ 1, from the past only, that log factors are divided by
        """
        if not 0.0 < share < 1.0:
            return
        self._canary += canary
        self._primary += primary
        events = float((canary + primary).sum()) / REQUESTS_PER_RESTART
        self._breach.update(gains(share, canary, primary, self.ratios) / dispersion, events)
        if self._pass is not None and self.relief is not None:
            self._pass.update(gains(share, canary, primary, self.relief) / dispersion, events)

    def censor(self, share: float, canary: Floats, primary: Floats, dispersion: float = 1.0) -> None:
        """Adds requests that were abandoned, by the bin of their wait, shape (BINS,) for each arm; as `update`."""
        self._breach.update(gains(share, canary, primary, np.maximum(self.ratios, 1.0)) / dispersion, 0.0)
        if self._pass is not None and self.relief is not None:
            self._pass.update(gains(share, canary, primary, np.minimum(self.relief, 1.0)) / dispersion, 0.0)

    def settle(self) -> None:
        """Ends a look, with the data of both arms in."""
        self._breach.settle()
        if self._pass is not None:
            self._pass.settle()

    @property
    def log_breach(self) -> float:
        """Log e-value against "not beyond the margin"."""
        return float(self._breach.get())

    @property
    def log_pass(self) -> float | None:
        """Log e-value against "at or beyond the margin"; None for a test that cannot pass early."""
        return None if self._pass is None else float(self._pass.get())

    def needed(self, breach: float, passing: float, dispersion: float = 1.0) -> int | None:
        """About how many more canary requests reach the log e-value `breach` or `passing`, at the ranks so far."""
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

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same comparison; see `EProcess`."""
        self._breach += other._breach
        if self._pass is not None and other._pass is not None:
            self._pass += other._pass
        self._canary += other._canary
        self._primary += other._primary
        return self
