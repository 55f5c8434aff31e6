"""The mean of bounded or non-negative numbers against a bound: a one-sided sequential test by betting.

Null: the mean of x, given the past, is at most `bound`. With x ≥ low, a stake λ < 1/(bound − low) multiplies wealth by
1 + λ·(x − bound), whose expectation is at most one, however large x can get. Where x has a highest value, the mirrored
stakes test the mean from the other side. Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", JRSS B 2024.
"""

from __future__ import annotations

from math import ceil, log
from typing import Self

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.sequential.e_process import LimitTest

STAKES: Floats = np.array((0.02, 0.05, 0.1, 0.2, 0.4, 0.7))
"""Parts of the largest stake that cannot ruin."""


class MeanLimit(LimitTest):
    """Evidence that a mean is over a bound, and that it is under it. Bound and range may change between numbers.

    >>> test = MeanLimit()
    >>> for x in (0.9, 0.8, 1.0) * 10:
    ...     test.update(x, bound=0.5, low=0.0, high=1.0)
    >>> round(float(test.log_breach), 1), round(float(test.log_pass), 1)
    (11.1, -1.8)
    """

    __slots__ = ("n",)

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__(len(STAKES), len(STAKES), shape)
        self.n = 0

    def update(self, x: Counts, bound: float, low: float, high: float | None = None) -> None:
        """One look at one number, or at one for each run of the shape given to the constructor.

        - `x`: the number, in [low, high]
        - `bound`: the bound of its mean, fixed before the number came; outside of the range it changes nothing
        - `high`: None for numbers without a highest value, which say nothing for a pass
        """
        self.n += 1
        over = np.asarray(x, dtype=np.float64)[..., None] - bound
        if bound > low:
            self._breach.update(np.log1p(STAKES / (bound - low) * over), 1)
            self._breach.settle()
        if high is not None and high > bound:
            self._pass.update(np.log1p(STAKES / (high - bound) * -over), 1)
            self._pass.settle()

    def needed(self, false_alarm: float | None, false_pass: float | None) -> int | None:
        """About how many more numbers decide, if wealth goes on to grow as it did on average; a level of None leaves
        its test out. None where neither grows."""
        goals = [(p, log(1 / level)) for p, level in ((self._breach, false_alarm), (self._pass, false_pass)) if level]
        more = [process.needed_as_before(self.n, goal) for process, goal in goals if self.n]
        known = [numbers for numbers in more if numbers is not None]
        return ceil(min(known)) if known else None

    def __iadd__(self, other: Self) -> Self:
        """Merges the evidence of an independent stream about the same bound; see `EProcess`."""
        super().__iadd__(other)
        self.n += other.n
        return self
