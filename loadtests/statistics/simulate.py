"""False alarms and delays of the shipped decision code, by simulation: `python -m loadtests.statistics.simulate`.

Every run is an engine of its own that looks every 100 requests, as long as the run lasts: continuous looking. A healthy
candidate that is rolled back at any of the looks is a false alarm. A delay is the number of the candidate's requests
until the rollback. Runs are seeded one by one: the same command gives the same table.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np

from loadtests.statistics.worlds import CANDIDATE, PRIMARY, ROUTE, World, bursts, day, ticks
from proxy.contracts.address import Address
from proxy.contracts.record import TICK_SECONDS
from proxy.contracts.settings import Guard, Limit, RouteSettings, Settings
from proxy.contracts.table import Match, Share, Version
from proxy.control.capture.replay import Rehearsal

ERRORS = Guard({"error_rate": Limit(max_ratio=1.5)}, false_alarm=0.001)
STRICT = Guard({"error_rate": Limit(max_ratio=1.0)}, false_alarm=0.001)
SLOW = Guard({"latency_p50": Limit(max_ratio=1.05), "latency_p99": Limit(max_ratio=1.25)}, false_alarm=0.001)
ALL = Guard(ERRORS.scorecard | SLOW.scorecard, false_alarm=0.001)


@dataclass(frozen=True)
class Case:
    """A world, judged by a guard. `healthy`: a rollback is a false alarm."""

    name: str
    world: World
    guard: Guard = ERRORS
    healthy: bool = False


LIFTS = (2.0, 5.0, 10.0, 100.0)
"""Hundredfold: every request fails."""

CASES = (
    *(Case(f"healthy, share {s:.0%}", World(s), healthy=True) for s in (0.01, 0.1, 0.5)),
    Case("healthy, strictly no worse (ratio 1)", World(0.1), STRICT, healthy=True),
    Case("healthy, errors swing with the day", World(0.1, swing=day), healthy=True),
    Case("healthy, bursts of errors on both", World(0.1, swing=bursts), healthy=True),
    Case("healthy, latency", World(0.1, timed=True), ALL, healthy=True),
    Case("healthy, latency swings with the day", World(0.1, timed=True, swing=day), ALL, healthy=True),
    Case("healthy, latency jumps with load", World(0.1, timed=True, swing=bursts), ALL, healthy=True),
    *(Case(f"errors ×{x:g}, share {s:.0%}", World(s, lift=x)) for s in (0.1, 0.5) for x in LIFTS),
    *(Case(f"errors ×{x:g} of 5 %, share 10%", World(0.1, 0.05, x)) for x in LIFTS),
    *(Case(f"errors ×{x:g}, share 10%, ratio 1", World(0.1, lift=x), STRICT) for x in LIFTS),
    Case("all +20 %", World(0.1, slower=1.2, timed=True), SLOW),
    Case("p99 +50 %", World(0.1, tail=1.5, timed=True), SLOW),
    Case("p99 ×3", World(0.1, tail=3.0, timed=True), SLOW),
)


@dataclass(frozen=True)
class Result:
    """`flagged` of `runs` were rolled back; `delays` in requests of the candidate, sorted."""

    case: Case
    runs: int
    flagged: int
    delays: tuple[int, ...]
    seconds: float

    @property
    def row(self) -> dict[str, object]:
        """As JSON and as a line of the table."""
        delays = self.delays or (0,)
        p90 = quantiles(delays, n=10)[-1] if len(delays) > 1 else delays[0]
        found = {} if self.case.healthy else {"median": median(delays), "p90": round(p90)}
        return {"case": self.case.name, "runs": self.runs, "rolled_back": self.flagged} | found


def settings_of(case: Case) -> Settings:
    """A route with a canary at the world's share."""
    versions = {name: Version(name, "localhost", 1, name) for name in (PRIMARY, CANDIDATE)}
    split = (Share(CANDIDATE, 100.0 * case.world.share),)
    route = RouteSettings(ROUTE, Match("/"), "opaque", PRIMARY, split, guard=case.guard)
    return Settings((Address("", 0),), versions, (route,), state=":memory:")


def run(case: Case, requests: int, seed: int) -> int | None:
    """Requests of the candidate until it was rolled back, or None."""
    rehearsal = Rehearsal(settings_of(case), 0.0)
    try:
        for number, arms in enumerate(ticks(case.world, requests, np.random.default_rng(seed)), 1):
            rehearsal.tick(arms, number * TICK_SECONDS)
            if rehearsal.acts:
                return rehearsal.acts[0].requests
    finally:
        rehearsal.close()
    return None


def simulate(case: Case, runs: int, requests: int) -> Result:
    """Many runs of one case; their seeds are the numbers from 0."""
    begun = time.monotonic()
    delays = sorted(delay for seed in range(runs) if (delay := run(case, requests, seed)) is not None)
    return Result(case, runs, len(delays), tuple(delays), time.monotonic() - begun)


def results(runs: int, requests: int, wanted: str) -> Iterator[Result]:
    """All cases whose name contains `wanted`; those that are not healthy need a tenth of the runs."""
    for case in CASES:
        if wanted in case.name:
            yield simulate(case, runs if case.healthy else max(runs // 10, 20), requests)


def main() -> int:
    """Prints the table; exit code 1 when false alarms are more than they may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--case", default="", help="only cases whose name contains this")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    too_many = False
    for result in results(args.runs, args.requests, args.case):
        print(json.dumps(result.row | {"seconds": round(result.seconds, 1)}) if args.json else line(result), flush=True)
        too_many |= result.case.healthy and result.flagged > allowed(result.runs, result.case.guard.false_alarm)
    return int(too_many)


def allowed(runs: int, false_alarm: float) -> float:
    """Three standard deviations above the mean number of false alarms."""
    mean = runs * false_alarm
    return mean + 3 * math.sqrt(mean)


def line(result: Result) -> str:
    """A result for people."""
    found = ", ".join(f"{name} {value}" for name, value in result.row.items() if name != "case")
    return f"{result.case.name:42} {found}  ({result.seconds:.0f} s)"


if __name__ == "__main__":
    sys.exit(main())
