"""The rank test: healthy canaries flagged and canary requests until a slower one is found, beside Mann-Whitney and a
limit.

    python -m loadtests.statistics.latency

Lognormal (light) and Pareto (heavy tail) latencies, 10 % share, a look every 100 requests, load that swings by half
with a period of 2,500 looks, alpha 0.01, margin 5 %, 30,000 requests a run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import mannwhitneyu

from loadtests.statistics.tables import delay, table
from proxy.contracts.histogram import HIGHEST, LOWEST
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.latency import ArmLatencies, Latency, LatencyHistory

ALPHA, SHARE, LOOK, LOOKS, WARM = 0.01, 0.1, 100, 300, 50
Draw = Callable[[np.random.Generator, int], np.ndarray]
Change = Callable[[np.random.Generator, np.ndarray], np.ndarray]
Look = Callable[[np.ndarray, np.ndarray, int], bool]

TAILS: dict[str, Draw] = {
    "light": lambda rng, n: rng.lognormal(-4.0, 0.35, n),
    "heavy": lambda rng, n: 0.01 * (1.0 + rng.pareto(1.5, n)),
}
CHANGES: dict[str, Change] = {
    "healthy": lambda rng, x: x,
    "all +20 %": lambda rng, x: 1.2 * x,
    "all +50 %": lambda rng, x: 1.5 * x,
    "5 % of them x 3": lambda rng, x: np.where(rng.random(x.size) < 0.05, 3.0 * x, x),
}


def buckets(seconds: np.ndarray) -> dict[int, int]:
    """Counts by log bucket, as a worker counts them."""
    indices = np.clip(np.floor(np.log10(seconds) * 120), LOWEST, HIGHEST).astype(int)
    return {int(i): int(n) for i, n in zip(*np.unique(indices, return_counts=True), strict=True)}


def ours(metric: str, ratio: float) -> Callable[[], Look]:
    """The product's evidence for one line of a scorecard."""

    def make() -> Look:
        pace = LatencyHistory()
        test = Latency(metric, Limit(max_ratio=ratio), AlphaShare("v2", ALPHA), pace)

        def look(primary: np.ndarray, canary: np.ndarray, at: int) -> bool:
            seen = buckets(primary)
            if at >= 0:
                arms = [
                    ArmLatencies(seen, Assignment(False, "primary", SHARE, SHARE)),
                    ArmLatencies(buckets(canary), Assignment(True, "canary", SHARE, SHARE)),
                ]
                test.update(arms, 100.0 + at)
            pace.update(seen, 100.0 + at)
            return at >= 0 and test.get()[0].log_breach >= np.log(1 / ALPHA)

        return look

    return make


def mann_whitney() -> Look:
    """A one-sided test on the last ten looks, at each look, at the same level."""
    recent: list[tuple[np.ndarray, np.ndarray]] = []

    def look(primary: np.ndarray, canary: np.ndarray, at: int) -> bool:
        recent.append((primary, canary))
        del recent[:-10]
        mine, theirs = (np.concatenate([pair[side] for pair in recent]) for side in (1, 0))
        return at >= 0 and bool(mannwhitneyu(mine, theirs, alternative="greater").pvalue < ALPHA)

    return look


METHODS: dict[str, Callable[[], Look]] = {
    "rank betting, latency, margin 5 %": ours("latency", 1.05),
    "rank betting, p99 ratio 1.25": ours("latency_p99", 1.25),
    "Mann-Whitney at each look": mann_whitney,
}


def run(make: Callable[[], Look], draw: Draw, change: Change, seed: int) -> float:
    """Canary requests until flagged, infinity for never."""
    rng, look, used = np.random.default_rng(seed), make(), 0
    for at in range(-WARM, LOOKS):
        load, n = 1.0 + 0.5 * np.sin(at / 400), int(rng.binomial(LOOK, SHARE))
        primary, canary = load * draw(rng, LOOK - n), load * change(rng, draw(rng, max(n, 1)))
        used += n if at >= 0 else 0
        if look(primary, canary, at):
            return float(used)
    return np.inf


def rows(runs: int) -> list[list[str]]:
    """One row a method and tail."""
    made = []
    for tail, draw in TAILS.items():
        for name, make in METHODS.items():
            found = {change: [run(make, draw, by, seed) for seed in range(runs)] for change, by in CHANGES.items()}
            flagged = f"{np.isfinite(found.pop('healthy')).mean():.1%}"
            made.append([tail, name, flagged, *[delay(each) for each in found.values()]])
    return made


HEAD = ["tail", "method", "healthy flagged", *list(CHANGES)[1:]]

if __name__ == "__main__":
    print(table(HEAD, rows(40)))
