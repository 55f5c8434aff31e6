"""The ratio of two event rates: a sequential conditional binomial test (also called a Poisson rate-ratio test).

If the canary's rate of bad events is at most r0 times the primary's, the next bad event is the canary's with
probability at most q(r0) = w·r0 / (w·r0 + 1 − w), where w is the canary's share when that request was assigned. An
alternative r bets that this probability is q(r): a canary event adds ln(q(r)/q(r0)) to its log wealth, a primary event
ln((1−q(r))/(1−q(r0))). Load and time of day hit both arms and cancel; ramps are safe because w belongs to the event.
Conditioning on the total of the events is that of Przyborowski and Wilenski, Biometrika 1940; wealth and restarts are
those of `e_process`.

Assumes: assignment is random or hashed, independent of the request; both arms are alive at the same time; events are
nearly independent (`stats.sequential.overdispersion` and `stats.evidence.sticky_dedup` see to that).
"""

from __future__ import annotations

from math import ceil, log

import numpy as np

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.arrays import Counts, Floats
from proxy.stats.sequential.e_process import BREACH_FACTORS, PASS_FACTORS, EProcess, LimitTest

PASS_RATIO = 2.0
"""An early pass says "not twice as bad", or "not beyond max_ratio" where that is larger. A tighter claim about an equal
canary takes several times the requests (`loadtests/statistics`)."""


class RateRatio(LimitTest):
    """Evidence that the canary's rate of bad events is over `max_ratio` times the primary's, and that it is not.

    - `max_ratio`: the bound of a breach, above 0; a pass speaks against "at least `pass_ratio` times"
    - `shape`: shape of independent runs, for simulations

    Raises ValueError for a `max_ratio` that is not above 0.

    >>> test = RateRatio(1.5)
    >>> for _ in range(20):
    ...     test.update(share=0.1, canary_bad=1, primary_bad=1)
    ...     test.settle()
    >>> bool(test.log_breach > log(1 / 0.001)), bool(test.log_pass > log(1 / FALSE_PASS))
    (True, False)
    """

    __slots__ = ("max_ratio",)
    CONFIGURATION = ("max_ratio",)

    def __init__(self, max_ratio: float = 1.0, shape: tuple[int, ...] = ()) -> None:
        if not max_ratio > 0:
            raise ValueError(f"max_ratio must be above 0, not {max_ratio}")
        super().__init__(len(BREACH_FACTORS), len(PASS_FACTORS), shape)
        self.max_ratio = max_ratio

    def update(self, share: Counts, canary_bad: Counts, primary_bad: Counts, dispersion: Counts = 1.0) -> None:
        """Adds bad events of requests that were assigned at one share; part of one look, which `settle` ends.

        - `share`: the canary's share of the two arms, 0 to 1; at 0 and 1 events say nothing and change nothing
        - `canary_bad`, `primary_bad`: counts of bad events
        - `dispersion`: the overdispersion φ ≥ 1, from the past only, that log factors are divided by

        Each is a number or an array of the shape given to the constructor.
        """
        canary, primary = np.asarray(canary_bad, dtype=np.float64), np.asarray(primary_bad, dtype=np.float64)
        phi = np.asarray(dispersion)[..., None]
        for process, bound, factors in self._tests():
            process.update(gains(share, canary, primary, bound, np.array(factors)) / phi, canary + primary)

    def _tests(self) -> tuple[tuple[EProcess, float, tuple[float, ...]], ...]:
        return (self._breach, self.max_ratio, BREACH_FACTORS), (self._pass, self.pass_ratio, PASS_FACTORS)

    @property
    def pass_ratio(self) -> float:
        """The ratio that an early pass speaks against."""
        return max(self.max_ratio, PASS_RATIO)

    def needed(
        self, canary: tuple[int, int], primary: tuple[int, int], false_alarm: float, dispersion: float = 1.0
    ) -> int | None:
        """About how many more canary requests decide, if both arms, (bad events, requests) each, go on as they did.

        None where that cannot be said: no event yet, one arm without requests, or a ratio at which neither test gains.
        """
        (bad, n), (primary_bad, n_primary) = canary, primary
        if not bad + primary_bad or not n or not n_primary:
            return None
        share = n / (n + n_primary)
        ratio = (bad + 0.5) / (n + 1) / ((primary_bad + 0.5) / (n_primary + 1))
        owned = share * ratio / (share * ratio + 1 - share)
        goals = log(1 / false_alarm), log(1 / FALSE_PASS)
        more = []
        for (process, bound, factors), goal in zip(self._tests(), goals, strict=True):
            growth = gains(share, np.array(owned), np.array(1 - owned), bound, np.array(factors)).max() / dispersion
            if growth > 0:
                more.append(max(goal - float(process.get()), 0.0) / growth / ((bad + primary_bad) / n))
        return ceil(min(more)) if more else None


def gains(share: Counts, canary: Floats, primary: Floats, bound: float, factors: Floats) -> Floats:
    """Log factors of counts of events at `share`, for each ratio `bound`·`factors` against `bound`.

    Shape: that of the counts, with one more axis at the end for the factors.

    ln(q(r)/q(b)) = ln(r/b) − ln((w·r+1−w)/(w·b+1−w)), and the second term alone is ln((1−q(r))/(1−q(b))): no division
    by w.
    """
    w = np.asarray(share, dtype=np.float64)[..., None]
    drag = np.log((w * bound * factors + 1 - w) / (w * bound + 1 - w))
    both = canary[..., None] * np.log(factors) - (canary + primary)[..., None] * drag
    result: Floats = np.where((w > 0) & (w < 1), both, 0.0)
    return result
