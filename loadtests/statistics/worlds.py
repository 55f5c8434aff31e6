"""Made-up traffic of two arms, one list of `ArmTick` a tick. A tick is 100 requests: one look of the decision code.

The split is drawn for each request; the arms share whatever the world does to both (time of day, load), which is what
makes or breaks a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proxy.contracts.histogram import PER_DECADE
from proxy.contracts.record import ArmTick

PER_TICK = 100
ROUTE, PRIMARY, CANDIDATE = "r", "v1", "v2"

Floats = NDArray[np.float64]
Swing = Callable[[Floats], Floats]
"""Time (in ticks) to a factor that both arms share."""


def calm(t: Floats) -> Floats:
    """Nothing changes."""
    return np.ones_like(t)


def day(t: Floats) -> Floats:
    """A wave of ±60 % every 200 ticks: night and day."""
    return 1.0 + 0.6 * np.sin(t * (2 * np.pi / 200))


def bursts(t: Floats) -> Floats:
    """Five times as much for 20 ticks out of 200: an incident upstream of both."""
    return np.where(t % 200 < 20, 5.0, 1.0)


class World(NamedTuple):
    """`share` of the candidate; error rates; latency: a log-normal of `median` seconds and `sigma`, slowed for the
    candidate by `slower`, and by `tail` for its slowest three hundredths only, which moves the p99 and nothing below
    the p97. `swing` acts on errors and latency of both."""

    share: float = 0.1
    errors: float = 0.01
    lift: float = 1.0
    slower: float = 1.0
    tail: float = 1.0
    swing: Swing = calm
    median: float = 0.02
    sigma: float = 0.5
    timed: bool = False


def ticks(world: World, requests: int, random: np.random.Generator) -> Iterator[list[ArmTick]]:
    """The arms of each tick."""
    count = requests // PER_TICK
    factors = world.swing(np.arange(count, dtype=float))
    canaries = random.binomial(PER_TICK, world.share, count)
    rates = np.minimum(world.errors * factors, 1.0)
    bad_canary = random.binomial(canaries, np.minimum(rates * world.lift, 1.0))
    bad_primary = random.binomial(PER_TICK - canaries, rates)
    for tick in range(count):
        n, factor = int(canaries[tick]), float(factors[tick])
        primary = _arm(PRIMARY, "primary", 1.0 - world.share, PER_TICK - n, int(bad_primary[tick]))
        canary = _arm(CANDIDATE, "canary", world.share, n, int(bad_canary[tick]))
        if world.timed:
            _time(primary, _seconds(world, PER_TICK - n, factor, random))
            _time(canary, _slowed(world, _seconds(world, n, factor, random)))
        yield [primary, canary]


def _arm(version: str, role: str, share: float, n: int, bad: int) -> ArmTick:
    codes = {code: count for code, count in (("200", n - bad), ("500", bad)) if count}
    return ArmTick(ROUTE, version, role, share, codes)  # type: ignore[arg-type]


def _seconds(world: World, n: int, factor: float, random: np.random.Generator) -> Floats:
    return world.median * factor * np.exp(world.sigma * random.standard_normal(n))


def _slowed(world: World, seconds: Floats) -> Floats:
    slowest = world.median * float(np.exp(world.sigma * 1.881))
    return np.where(seconds > slowest, seconds * world.tail, seconds) * world.slower


def _time(arm: ArmTick, seconds: Floats) -> None:
    buckets, counts = np.unique(np.floor(np.log10(seconds) * PER_DECADE).astype(int), return_counts=True)
    arm.total = dict(zip(buckets.tolist(), counts.tolist(), strict=True))
    arm.total_sum = float(seconds.sum())
