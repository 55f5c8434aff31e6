"""Interleaved repetitions: every peer runs once per round, so that a noisy minute hurts all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from loadtests.load import Load, Result, drive
from loadtests.processes import cpu_by_label
from loadtests.proxies import Proxy

SETTLE_SECONDS = 0.4
"""After the load: statistics of the last batches belong to the requests that caused them."""


class Sample(msgspec.Struct, frozen=True):
    """One run of one peer: CPU microseconds per request, by kind of process, and what wrk saw."""

    cpu: dict[str, float]
    load: Result

    @property
    def total(self) -> float:
        """CPU microseconds per request of all processes."""
        return sum(self.cpu.values())


class Spread(msgspec.Struct, frozen=True):
    """The middle of some repetitions and how far they lie apart."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest, largest."""
    return Spread(statistics.median(values), min(values), max(values))


def measure(proxy: Proxy, load: Load, seconds: float) -> Sample:
    """Drives `proxy` for `seconds` and charges it for all CPU its processes used, also right after the load."""
    before = cpu_by_label(proxy.process.pid)
    result = drive(proxy.port, load, seconds)
    time.sleep(SETTLE_SECONDS)
    after = cpu_by_label(proxy.process.pid)
    requests = max(1, result.requests)
    return Sample({name: (cpu - before.get(name, 0.0)) * 1e6 / requests for name, cpu in after.items()}, result)


def rounds(
    proxies: Sequence[Proxy],
    load: Load,
    seconds: float,
    repetitions: int,
    told: Callable[[str, int, Sample], None] = lambda name, turn, sample: None,
) -> dict[str, list[Sample]]:
    """`repetitions` samples of each proxy, after one uncounted warm-up second each."""
    samples: dict[str, list[Sample]] = {proxy.name: [] for proxy in proxies}
    for proxy in proxies:
        drive(proxy.port, load, 1)
    for turn in range(repetitions):
        for proxy in proxies:
            sample = measure(proxy, load, seconds)
            samples[proxy.name].append(sample)
            told(proxy.name, turn, sample)
    return samples


def ratio(samples: Mapping[str, Sequence[Sample]], one: str, other: str, of: Callable[[Sample], float]) -> Spread:
    """How `one` compares to `other`, round by round: what both suffered in the same round cancels."""
    return spread([of(a) / of(b) for a, b in zip(samples[one], samples[other], strict=True)])
