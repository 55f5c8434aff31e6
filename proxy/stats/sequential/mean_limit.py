"""A mean against a bound: a one-sided sequential test of bounded or non-negative numbers.

Null: the mean of x, given the past, is at most `bound`. With x ≥ low, a stake λ < 1/(bound − low) multiplies wealth by
1 + λ·(x − bound), whose expectation is at most one, however large x can get. The mirrored stakes speak for "at most",
when x has a highest value. Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B
2024.
"""

from __future__ import annotations

import numpy as np

from proxy.stats.arrays import Floats
from proxy.stats.sequential.wealth import TwoSided

STAKES: Floats = np.array((0.02, 0.05, 0.1, 0.2, 0.4, 0.7))
"""Parts of the largest stake that cannot ruin."""


class MeanLimit(TwoSided):
    """Evidence that a mean is over a bound, and that it is under it. Bound and range may change from number to
    number."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        super().__init__(len(STAKES), len(STAKES))
        self.n = 0

    def update(self, x: float, bound: float, low: float, high: float | None = None) -> None:
        """One number in [low, high], its bound known before it was seen; without `high` it says nothing for a pass.

        A bound outside the range is trivial and changes nothing.
        """
        self.n += 1
        if bound > low:
            self._breach.update(np.log1p(STAKES / (bound - low) * (x - bound)), 1)
        if high is not None and high > bound:
            self._pass.update(np.log1p(STAKES / (high - bound) * (bound - x)), 1)
