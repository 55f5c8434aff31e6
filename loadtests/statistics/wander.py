"""Backends that fluctuate: how often a canary is flagged whose backend is on average as fast as the others.

    python -m loadtests.statistics.wander [runs]

The speed of each backend is e to an autoregressive level (sd 15 %, correlated over `memory` seconds). The primary has
`backends` of them, the canary one. 100 requests and a look a second, alpha 0.001, 15 minutes after `HISTORY` of the
primary alone. Delays are in the canary's requests, of one that becomes slower after 400 s. While a backend is slower
than the margin it *is* slower: the wider the margin, the rarer that is, and what a candidate wanders is known only
after it was seen for a while.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from loadtests.statistics.latency import buckets
from loadtests.statistics.tables import delay, table
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.latency import ArmLatencies, Latency, LatencyHistory

ALPHA, HISTORY, LIFE, BREAKS = 0.001, 300, 900, 400


class Backends(NamedTuple):
    """`sd` and `memory` (seconds) of the wander of the canary's backend, `primary_sd` of the primary's; `rate` is
    requests a second."""

    backends: int = 9
    sd: float = 0.15
    primary_sd: float = 0.15
    memory: float = 60.0
    share: float = 0.1
    rate: int = 100


WORLDS = {
    "ten alike, memory 1 min": Backends(),
    "ten alike, memory 5 min": Backends(memory=300.0),
    "one each, half the traffic, 1 min": Backends(backends=1, share=0.5),
    "one each, half the traffic, 5 min": Backends(backends=1, share=0.5, memory=300.0),
    "only the canary's, 1 min": Backends(primary_sd=0.0),
    "only the canary's, 5 min": Backends(primary_sd=0.0, memory=300.0),
}
STEADY = {"steady, 100/s": Backends(sd=0.0, primary_sd=0.0), "steady, 10/s": Backends(sd=0.0, primary_sd=0.0, rate=10)}
LINES = (("latency", 1.05), ("latency", 1.2), ("latency_p50", 1.2), ("latency_p50", 1.5), ("latency_p99", 1.25))


def run(world: Backends, metric: str, ratio: float, seed: int, slower: float = 1.0, life: int = LIFE) -> float:
    """Canary requests until flagged, infinity for never; from `BREAKS` on where it becomes `slower`."""
    rng, pace = np.random.default_rng(seed), LatencyHistory()
    test = Latency(metric, Limit(max_ratio=ratio), AlphaShare("v2", ALPHA), pace)
    keep = np.exp(-1.0 / world.memory)
    sds = np.array([*[world.primary_sd] * world.backends, world.sd])
    level, used, begins = sds * rng.standard_normal(sds.size), 0, BREAKS if slower != 1.0 else 0
    for second in range(-HISTORY, life):
        level = keep * level + np.sqrt(1.0 - keep**2) * sds * rng.standard_normal(sds.size)
        n = int(rng.binomial(world.rate, world.share))
        place = rng.integers(0, world.backends, world.rate - n)
        primary = buckets(np.exp(level[place]) * rng.lognormal(-4.0, 0.35, place.size))
        if second >= 0:
            factor = np.exp(level[-1]) * (slower if second >= begins else 1.0)
            arms = [ArmLatencies(primary, Assignment(False, "primary", world.share, world.share))]
            if n:
                arms.append(
                    ArmLatencies(
                        buckets(factor * rng.lognormal(-4.0, 0.35, n)),
                        Assignment(True, "canary", world.share, world.share),
                    )
                )
            used += n if second >= begins else 0
            test.update(arms, float(second))
            if test.get()[0].log_breach >= np.log(1 / ALPHA):
                return float(used)
        pace.update(primary, float(second + HISTORY))
    return np.inf


def rows(runs: int) -> list[list[str]]:
    """Wandering worlds by line: flagged. Steady ones: delays of what becomes slower."""
    made = []
    for name, world in WORLDS.items():
        found = [np.isfinite([run(world, *line, seed) for seed in range(runs)]).sum() for line in LINES]
        made.append([name, *[f"{count} of {runs}" for count in found]])
    for name, world in STEADY.items():
        for slower in (1.25, 1.5, 2.0):
            cells = [delay([run(world, *line, seed, slower, 4 * LIFE) for seed in range(runs)]) for line in LINES]
            made.append([f"{name}, then x {slower}", *cells])
    return made


HEAD = ["world", *[f"{metric}, ratio {ratio}" for metric, ratio in LINES]]

if __name__ == "__main__":
    print(table(HEAD, rows(int(sys.argv[1]) if len(sys.argv) > 1 else 24)))
