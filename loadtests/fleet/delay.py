"""Canary requests until the rollback: one proxy that sees all, the sum of a fleet, and one of its sidecars alone.

All three are given the same requests in the same looks, and decide by the engine of the product; the fleet's counts
come as reports of its sidecars. A sidecar alone sees its own part of them only: until it has seen enough, all of them
have seen so many times as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loadtests.statistics.tables import table
from proxy.config.load import parse
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Settings
from proxy.control.api.moves import MOVES
from proxy.control.api.refusals import refusal_of
from proxy.control.api.release_view import tags
from proxy.control.engine import Engine
from proxy.control.fleet import counts
from proxy.control.fleet.bodies import FleetEvidence, ReportBody, encode
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.execution import execution
from proxy.control.fleet.judge import FleetJudge, Surroundings
from proxy.control.fleet.sections import digest_of, digests_of
from proxy.control.fleet.store import NOWHERE, Collected, Reported
from proxy.control.state.store import Store
from proxy.stats.board import Board

SIDECARS, SHARE, BASE, TIMES = 20, 0.1, 0.01, 5.0
REQUESTS_A_LOOK = 100
MAX_LOOKS = 20_000

CONFIG = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
state: ":memory:"
versions: {v1: {url: "http://127.0.0.1:1"}, v2: {url: "http://127.0.0.1:1"}}
routes: {r: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
"""


@dataclass(frozen=True, slots=True)
class Look:
    """Requests of one sidecar in one look."""

    canary: int
    failed: int
    primary: int
    primary_failed: int

    def tick(self, seq: int) -> Tick:
        """As its worker would tell them."""
        arms = [
            arm("v2", "canary", SHARE, self.canary, self.failed),
            arm("v1", "primary", 1.0 - SHARE, self.primary, self.primary_failed),
        ]
        return Tick(0, "simulated", seq, 0, arms=[each for each in arms if each.codes])


def arm(version: str, role: str, share: float, n: int, bad: int) -> ArmTick:
    """Legs of one arm."""
    codes = {code: count for code, count in (("200", n - bad), ("500", bad)) if count}
    return ArmTick("r", version, role, share, codes)  # type: ignore[arg-type]


def traffic(seed: int, sidecars: int, requests: int) -> Iterator[list[Look]]:
    """What each of so many sidecars sees, look by look."""
    chance = np.random.default_rng(seed)
    while True:
        parts = chance.multinomial(requests, np.full(sidecars, 1.0 / sidecars))
        canary = chance.binomial(parts, SHARE)
        failed = chance.binomial(canary, BASE * TIMES)
        other = chance.binomial(parts - canary, BASE)
        yield [Look(*map(int, row)) for row in zip(canary, failed, parts - canary, other, strict=True)]


def one_proxy(settings: Settings, looks: Iterator[list[Look]]) -> int:
    """Canary requests until one proxy that sees all of them rolls back."""
    engine = Engine(settings, Store(":memory:"), Board(), lambda table: None)
    engine.begin(0.0)
    sent = 0
    for number, look in zip(range(1, MAX_LOOKS), looks, strict=False):
        summed = Look(*(sum(getattr(each, name) for each in look) for name in Look.__slots__))
        sent += summed.canary
        engine.on_tick(summed.tick(number), float(number))
        engine.on_time(float(number))
        if engine.state("r").phase == "rolled_back":
            return sent
    return sent


def fleet(settings: Settings, looks: Iterator[list[Look]]) -> int:
    """Canary requests of a fleet until its judge rolls back."""
    execute = execution(MOVES, tags, refusal_of)
    around = Surroundings(
        "s0", settings, execute, lambda board, engine: None, lambda change, at: None, wall=1.0, monotonic=0.0
    )
    judge = FleetJudge(around, FleetEvidence())
    begun = followed = (1, 1, "stamp")
    judge.look(Collected(NOWHERE, None, ()), begun, 0.0)
    sidecars = [Counting() for _ in range(SIDECARS)]
    digests, sent = (digest_of(settings), digests_of(settings)), 0
    for number, look in zip(range(1, MAX_LOOKS), looks, strict=False):
        reports = []
        for at, (counting, mine) in enumerate(zip(sidecars, look, strict=True)):
            sent += mine.canary
            counting.on_tick(mine.tick(number))
            body = encode(ReportBody(counts.rows_of(counting.cells), followed, *digests, began=begun))
            reports.append(Reported(f"s{at}", "epoch", number, 0.5, body))
        followed = (1, number + 1, "stamp")
        judge.look(Collected(NOWHERE, None, tuple(reports)), followed, float(number))
        if judge.engine.state("r").phase == "rolled_back":
            return sent
    return sent


Samples = tuple[list[int], list[int], list[int]]
"""Canary requests of each run: one proxy, the fleet, one sidecar alone."""


def samples(seeds: range) -> Samples:
    """Each run has the chance of its seed."""
    settings = parse(CONFIG, {})
    proxy = [one_proxy(settings, traffic(seed, SIDECARS, REQUESTS_A_LOOK)) for seed in seeds]
    summed = [fleet(settings, traffic(seed, SIDECARS, REQUESTS_A_LOOK)) for seed in seeds]
    own = [one_proxy(settings, traffic(seed, 1, REQUESTS_A_LOOK // SIDECARS)) for seed in seeds]
    return proxy, summed, own


def delays(found: Samples) -> str:
    """The table."""
    proxy, summed, own = found
    rows = [
        ("one proxy that sees all", *figures(proxy), *figures(proxy)),
        (f"a fleet of {SIDECARS}", *figures(summed), *figures(summed)),
        (f"one sidecar of {SIDECARS}, alone", *figures(own), *figures([SIDECARS * each for each in own])),
    ]
    same = sum(a == b for a, b in zip(proxy, summed, strict=True))
    heads = ("who decides", "canary requests that it saw, median", "p90", "of all sidecars, median", "p90")
    return (
        f"{table(heads, rows)}\n\n{same} of {len(proxy)} runs of the fleet end with the same request as those of one "
        "proxy."
    )


def figures(found: list[int]) -> tuple[str, str]:
    """Median and 90th percentile."""
    return f"{np.median(found):,.0f}", f"{np.percentile(found, 90):,.0f}"
