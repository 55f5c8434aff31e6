"""Who owns the bad events: a sequential test of a canary's rate of bad events against its primary's.

If the canary's rate is at most r0 times the primary's, the next bad event is the canary's with probability at most
q(r0) = w·r0 / (w·r0 + 1 − w), where w is the canary's share when that request was assigned. An alternative r bets that
it is q(r): a canary event adds ln(q(r)/q(r0)) to its log wealth, a primary event ln((1−q(r))/(1−q(r0))). Load and time
of day hit both arms and cancel; ramps are safe because w goes with the event. Wealth and restarts: `wealth`.

Assumes: assignment is random or hashed, independent of the request; both arms are alive at the same time; events are
nearly independent (`stats.sequential.overdispersion`, `stats.evidence.sticky_dedup` see to that).
"""

from __future__ import annotations

from math import ceil, log

import numpy as np

from proxy.stats.arrays import Counts, Floats
from proxy.stats.sequential.wealth import EASE, STEPS, TwoSided, Wealth

PASS_RATIO = 2.0
"""An early pass says "not twice as bad", or "not beyond max_ratio" where that is larger. A tighter claim about an equal
canary takes several times the requests (`loadtests/statistics`)."""

MISS = 0.05
"""Probability of an early pass for a canary that is truly at the bound of it."""


class Ownership(TwoSided):
    """Evidence that the canary's rate of bad events is over `max_ratio` times the primary's, and that it is not: a pass
    speaks against "at least `pass_ratio` times"."""

    __slots__ = ("max_ratio",)
    CONFIGURATION = ("max_ratio",)

    def __init__(self, max_ratio: float = 1.0, shape: tuple[int, ...] = ()) -> None:
        if not max_ratio > 0:
            raise ValueError(f"max_ratio must be above 0, not {max_ratio}")
        super().__init__(len(STEPS), len(EASE), shape)
        self.max_ratio = max_ratio

    def update(self, share: Counts, canary_bad: Counts, primary_bad: Counts, dispersion: Counts = 1.0) -> None:
        """One look at counts of bad events of requests that were assigned at `share`: `add` and `settle`."""
        self.add(share, canary_bad, primary_bad, dispersion)
        self.settle()

    def add(self, share: Counts, canary_bad: Counts, primary_bad: Counts, dispersion: Counts = 1.0) -> None:
        """Counts of bad events of requests that were assigned at `share` (the canary's, 0 to 1), part of one look.

        Shares 0 and 1 say nothing and change nothing. `dispersion` is the φ ≥ 1, from the past only, that log factors
        are divided by. All may be arrays of the shape given to the constructor.
        """
        canary, primary = np.asarray(canary_bad, dtype=np.float64), np.asarray(primary_bad, dtype=np.float64)
        phi = np.asarray(dispersion)[..., None]
        for wealth, bound, steps in self._tests():
            wealth.add(gains(share, canary, primary, bound, np.array(steps)) / phi, canary + primary)

    def _tests(self) -> tuple[tuple[Wealth, float, tuple[float, ...]], ...]:
        return (self._breach, self.max_ratio, STEPS), (self._pass, self.pass_ratio, EASE)

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
        goals = log(1 / false_alarm), log(1 / MISS)
        more = []
        for (wealth, bound, steps), goal in zip(self._tests(), goals, strict=True):
            growth = gains(share, np.array(owned), np.array(1 - owned), bound, np.array(steps)).max() / dispersion
            if growth > 0:
                more.append(max(goal - float(wealth.log), 0.0) / growth / ((bad + primary_bad) / n))
        return ceil(min(more)) if more else None


def gains(share: Counts, canary: Floats, primary: Floats, bound: float, steps: Floats) -> Floats:
    """Log factors of `canary` and `primary` events at `share`, for ratios `bound`·`steps` against `bound`; last axis:
    steps.

    ln(q(r)/q(b)) = ln(r/b) − ln((w·r+1−w)/(w·b+1−w)), and the second term alone is ln((1−q(r))/(1−q(b))): no division
    by w.
    """
    w = np.asarray(share, dtype=np.float64)[..., None]
    drag = np.log((w * bound * steps + 1 - w) / (w * bound + 1 - w))
    both = canary[..., None] * np.log(steps) - (canary + primary)[..., None] * drag
    result: Floats = np.where((w > 0) & (w < 1), both, 0.0)
    return result
