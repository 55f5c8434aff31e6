"""The difference of two event rates against a non-inferiority margin: a sequential test by betting.

Each request is the candidate's with probability w, its share when the request was assigned. With D = bad/w for a
request of the candidate and −bad/(1 − w) for one of the primary, the mean of D is the difference of the two rates,
whatever load and time of day do to both (inverse-probability weighting; Horvitz and Thompson, JASA 1952). D is bounded,
so its mean is tested by betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
JRSS B 2024): a stake λ multiplies wealth by 1 + λ·(D − d), whose expectation is at most one while the difference is at
most the margin d, and by 1 − λ·(D − d) for the proof, the null of which is a difference of at least d.

A good request has D = 0 in both arms, so a look is four counts and a share, and requests without any bad event prove a
margin by themselves: some 4/d of the candidate's, at any share. A ratio of rates has no such proof.

Assumes what `rate_ratio` assumes. Wealth and restarts are those of `e_process`.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log

import numpy as np

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.arrays import Counts, Floats
from proxy.stats.sequential.e_process import LimitTest

STAKES: Floats = np.array((0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95))
"""Parts of the largest stake that cannot ruin."""

SHARE_DIGITS = 3
"""Decimal places of the share in an estimate of what more it takes: looks then meet the same one again."""


class RateDifference(LimitTest):
    """Evidence that the candidate's rate of bad events is more than `max_increase` above the primary's, and that it is
    less.

    - `max_increase`: the margin, above −1 and below 1; up to 0, its proof is that of superiority: the rate is lower
    - `shape`: shape of independent runs, for simulations

    Raises ValueError for a `max_increase` that is not between −1 and 1.

    >>> test = RateDifference(0.02)
    >>> test.update(share=0.5, canary=(0, 300), primary=(0, 300))
    >>> test.settle()
    >>> bool(test.log_breach > log(1 / 0.001)), bool(test.log_pass > log(1 / FALSE_PASS))
    (False, True)
    """

    __slots__ = ("max_increase",)
    CONFIGURATION = ("max_increase",)

    def __init__(self, max_increase: float, shape: tuple[int, ...] = ()) -> None:
        if not -1 < max_increase < 1:
            raise ValueError(f"max_increase must be between -1 and 1, not {max_increase}")
        super().__init__(len(STAKES), len(STAKES), shape)
        self.max_increase = max_increase

    def update(
        self,
        share: Counts,
        canary: tuple[Counts, Counts],
        primary: tuple[Counts, Counts],
        dispersion: Counts = 1.0,
    ) -> None:
        """Adds requests that were assigned at one share; part of one look, which `settle` ends.

        - `share`: the candidate's share of the two arms, 0 to 1; at 0 and 1 requests say nothing and change nothing
        - `canary`, `primary`: (bad events, requests) of each arm
        - `dispersion`: the overdispersion φ ≥ 1, from the past only, that log factors are divided by

        Each is a number or an array of the shape given to the constructor.
        """
        phi = np.asarray(dispersion)[..., None]
        events = np.asarray(canary[0]) + np.asarray(primary[0])
        for process, sign in ((self._breach, 1.0), (self._pass, -1.0)):
            process.update(gains(share, canary, primary, self.max_increase, sign) / phi, events)

    def needed(
        self,
        canary: tuple[int, int],
        primary: tuple[int, int],
        false_alarm: float | None,
        dispersion: float = 1.0,
        false_pass: float = FALSE_PASS,
    ) -> int | None:
        """About how many more requests of the candidate decide, if both arms, (bad events, requests) each, go on as
        they did; without `false_alarm`, those of a proof alone. None where that cannot be said: one arm without
        requests, or a difference at which neither test gains."""
        (bad, n), (primary_bad, n_primary) = canary, primary
        if not n or not n_primary:
            return None
        exact = n / (n + n_primary)
        rounded = round(exact, SHARE_DIGITS)
        share = rounded if 0.0 < rounded < 1.0 else exact
        of_one = (share * bad / n, share), ((1 - share) * primary_bad / n_primary, 1 - share)
        more = [
            process.needed(gains(share, *of_one, self.max_increase, sign) / dispersion, log(1 / level))
            for process, sign, level in ((self._breach, 1.0, false_alarm), (self._pass, -1.0, false_pass))
            if level is not None
        ]
        known = [requests for requests in more if requests is not None]
        return ceil(min(known) * share) if known else None


def gains(
    share: Counts, canary: tuple[Counts, Counts], primary: tuple[Counts, Counts], margin: float, sign: float
) -> Floats:
    """Log factors of a look, for each stake: against "at most the margin" with `sign` 1, against "at least" with −1.

    Shape: that of the counts, with one more axis at the end for the stakes.
    """
    known = _factors_at(share, margin, sign) if isinstance(share, float) else factors(share, margin, sign)
    (bad, n), (primary_bad, n_primary) = (
        [np.asarray(count, dtype=np.float64)[..., None] for count in arm] for arm in (canary, primary)
    )
    result: Floats = bad * known[0] + primary_bad * known[1] + (n + n_primary - bad - primary_bad) * known[2]
    return result


def factors(share: Counts, margin: float, sign: float) -> tuple[Floats, Floats, Floats]:
    """Log factors of one request for each stake: a bad one of the candidate, one of the primary, one that is not bad;
    nothing at the shares 0 and 1."""
    w = np.asarray(share, dtype=np.float64)[..., None]
    known = (w > 0) & (w < 1)
    w = np.where(known, w, 0.5)
    outcomes = sign * (1 / w - margin), -sign * (1 / (1 - w) + margin), np.broadcast_to(-sign * margin, w.shape)
    # The most that wealth can lose at once is what one bad event costs that speaks for the null.
    stakes = STAKES / -np.minimum(outcomes[0], outcomes[1])
    mine, theirs, neither = (np.where(known, np.log1p(stakes * outcome), 0.0) for outcome in outcomes)
    return mine, theirs, neither


_factors_at = lru_cache(maxsize=256)(factors)
"""A split has few shares, and each look would else take two dozen logarithms at one of them."""
