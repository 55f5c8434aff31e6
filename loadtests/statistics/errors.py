"""The rate-ratio test of bad events, beside common rules: false alarms, and canary requests until rollback.

    python -m loadtests.statistics.errors

A look every 100 requests (every 10 for delays), false_alarm 0.001, 2,000 healthy runs of 100,000 requests. The rules of
comparison see the same runs: a z-test on totals at each look, and "error rate over twice the primary's in a window of
1,000 requests, twice in a row".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from loadtests.statistics.tables import delay, table
from proxy.stats.sequential.rate_ratio import RateRatio

ALPHA = 0.001
CASES = ((0.10, 0.01), (0.10, 0.05), (0.50, 0.01))
"""Share of the canary, and the primary's error rate."""
RATIOS = (2.0, 5.0, 10.0, np.inf)

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Canary requests, its bad ones, primary requests, its bad ones of a look (each one number a run) to runs flagged
now."""


def ours(share: float, runs: int) -> Rule:
    """The product's test: `RateRatio`."""
    test = RateRatio(1.0, (runs,))

    def look(n: np.ndarray, bad: np.ndarray, m: np.ndarray, primary_bad: np.ndarray) -> np.ndarray:
        test.update(share, bad, primary_bad)
        test.settle()
        return np.asarray(test.log_breach >= np.log(1 / ALPHA))

    return look


def z_test(share: float, runs: int) -> Rule:
    """A one-sided test of two proportions on all requests so far, at each look, at the same level."""
    totals = np.zeros((4, runs))

    def look(*counts: np.ndarray) -> np.ndarray:
        totals[:] += counts
        n, bad, m, primary_bad = totals
        pooled = (bad + primary_bad) / np.maximum(n + m, 1)
        error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)), 1e-12))
        z = (bad / np.maximum(n, 1) - primary_bad / np.maximum(m, 1)) / error
        return np.asarray((z > norm.ppf(1 - ALPHA)) & (n >= 20))

    return look


def threshold(share: float, runs: int) -> Rule:
    """Twice the primary's error rate in a window of 1,000 requests, twice in a row."""
    window, strikes = np.zeros((4, runs)), np.zeros(runs)

    def look(*counts: np.ndarray) -> np.ndarray:
        window[:] += counts
        n, bad, m, primary_bad = window
        if (n + m).max() < 1000:
            return np.zeros(runs, dtype=bool)
        over = bad / np.maximum(n, 1) > 2 * np.maximum(primary_bad / np.maximum(m, 1), 1e-9)
        strikes[:] = np.where(over, strikes + 1, 0)
        window[:] = 0
        return np.asarray(strikes >= 2)

    return look


RULES: dict[str, Callable[[float, int], Rule]] = {
    "event betting": ours,
    "z-test at each look": z_test,
    "2 x primary, 1,000 requests, twice": threshold,
}


def simulate(
    rule: Rule, share: float, rates: tuple[float, float], runs: int, looks: int, size: int, seed: int
) -> np.ndarray:
    """Canary requests until each run was flagged, infinity for never; `rates` of canary and primary."""
    rng = np.random.default_rng(seed)
    used, found = np.zeros(runs), np.full(runs, np.inf)
    for _ in range(looks):
        n = rng.binomial(size, share, runs)
        flagged = rule(n, rng.binomial(n, rates[0]), size - n, rng.binomial(size - n, rates[1]))
        used += n
        found = np.where(flagged & np.isinf(found), used, found)
        if np.isfinite(found).all():
            break
    return found


def rows(runs: int, delays: int) -> list[list[str]]:
    """One row a rule and case: healthy runs flagged, then delays by ratio."""
    made = []
    for share, base in CASES:
        for name, make in RULES.items():
            healthy = simulate(make(share, runs), share, (base, base), runs, 1000, 100, 11)
            cells = [
                simulate(make(share, delays), share, (min(base * ratio, 1.0), base), delays, 20_000, 10, 5)
                for ratio in RATIOS
            ]
            flagged = f"{np.isfinite(healthy).mean():.2%}"
            made.append([f"{share:.0%}, {base:.0%}", name, flagged, *[delay(list(cell)) for cell in cells]])
    return made


HEAD = ["share, base rate", "rule", "healthy flagged", "x 2", "x 5", "x 10", "dead"]

if __name__ == "__main__":
    print(table(HEAD, rows(2000, 300)))
