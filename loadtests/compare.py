"""Interleaved repetitions: every run happens once per round, so that a noisy minute hurts all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from loadtests.counted import analysed, summary
from loadtests.processes import cpu_by_label
from loadtests.proxies import PEER, Proxy
from loadtests.results import Load, Sample, Samples, Spread, spread

SETTLE_SECONDS = 0.4
"""After the load: statistics of the last batches belong to the requests that caused them."""


class How(Protocol):
    """A load: `Drive` by HTTP/1.1, `CallDrive` and `StreamDrive` by gRPC."""

    def drive(self, port: int, seconds: float) -> Load:
        """One run against a loopback port."""


@dataclass(frozen=True, slots=True)
class Run:
    """One line of a comparison: what results call it, who serves, how it is driven. `adapts`: it changes with the load
    (Penumbra keeps to a budget for bodies), so it is warmed up before each sample instead of once."""

    name: str
    proxy: Proxy
    how: How
    adapts: bool = False


WARM_UP = 3
"""Seconds; what adapts to the load it meets has done so by then, and what begins to fail has failed."""
SHORT_WARM_UP = 1
"""Seconds; for whom nothing changes with the load but connections and caches."""

Told = Callable[[str, int, Sample], None]


def measure(run: Run, seconds: float) -> Sample:
    """Drives a proxy for `seconds` and charges it for all CPU its processes used, also right after the load."""
    judges = PEER[run.proxy.name].judges
    counted = summary(run.proxy.admin) if judges else {}
    before = cpu_by_label(run.proxy.process.pid)
    seen = run.how.drive(run.proxy.port, seconds)
    time.sleep(SETTLE_SECONDS)
    after = cpu_by_label(run.proxy.process.pid)
    part = analysed(counted, summary(run.proxy.admin)) if judges else None
    requests = max(1, seen.requests)
    return Sample({name: (cpu - before.get(name, 0.0)) * 1e6 / requests for name, cpu in after.items()}, seen, part)


def rounds(runs: Sequence[Run], seconds: float, repetitions: int, told: Told, warm: float = SHORT_WARM_UP) -> Samples:
    """`repetitions` samples of each run, after `warm` uncounted seconds; `WARM_UP` for whoever adapts."""
    samples: Samples = {run.name: [] for run in runs}
    for turn in range(repetitions):
        for run in runs:
            if not turn or run.adapts:
                run.how.drive(run.proxy.port, WARM_UP if run.adapts else warm)
            sample = measure(run, seconds)
            samples[run.name].append(sample)
            told(run.name, turn, sample)
    return samples


def ratio(samples: Mapping[str, Sequence[Sample]], one: str, other: str, of: Callable[[Sample], float]) -> Spread:
    """How `one` compares to `other`, round by round: what both suffered in the same round cancels."""
    return spread([of(a) / of(b) for a, b in zip(samples[one], samples[other], strict=True)])


def cost(sample: Sample) -> float:
    """CPU microseconds per request."""
    return sample.total


def p50(sample: Sample) -> float:
    """Median latency, microseconds."""
    return sample.load.p50


def p99(sample: Sample) -> float:
    """Tail latency, microseconds."""
    return sample.load.p99
