"""Looks of a fleet: the verdict on the sum of what sidecars counted is that of one proxy that saw all of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard, Limit
from proxy.control.fleet import counts
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.counts import Cells
from proxy.control.fleet.looks import look_of
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.board import Board
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import BinnedRows, RowCounts
from proxy.stats.drift.profile import Feature, Profile
from proxy.stats.evidence.answer_measures import MeasuredAnswers

GUARD = Guard(
    {
        "error_rate": Limit(max_ratio=1.5, max=0.2),
        "refusal_rate": Limit(max_increase=0.05),
        "invalid_rate": Limit(max_ratio=1.5),
        "latency_p99": Limit(max_ratio=1.25, max=0.25),
        "time_to_first_token": Limit(max_ratio=1.25),
        "output_tokens": Limit(max_ratio=1.25),
        "disagreement": Limit(max=0.05),
        "contract_violations": Limit(max=0.01, max_ratio=2.0),
        "input_drift": Limit(max_psi=0.2),
    }
)
PROFILE = Profile([Feature("x", "number", 1000, [0.2, 0.5, 0.2, 0.1], [0.0, 1.0])])


def judge() -> Board:
    """A board that saw no request."""
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, "json", now=0.0)
    board.use_profile("r", PROFILE)
    return board


class Sidecar:
    """One that counts what chance gives it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.counting = Counting()

    def second(self, everything: Counting) -> None:
        """Counts a second of traffic, here and at the one proxy that sees all."""
        for counting in (self.counting, everything):
            at = self.chance.getstate()
            self._count(counting)
            if counting is self.counting:
                self.chance.setstate(at)

    def _count(self, counting: Counting) -> None:
        chance = self.chance
        arms = [
            ("v1", "primary", 0.9, 90, 0.02),
            ("v2", "canary", 0.1, 10, 0.06),
        ]
        for version, role, share, n, bad in arms:
            failed = sum(chance.random() < bad for _ in range(n))
            refused = sum(chance.random() < 0.03 for _ in range(n - failed))
            buckets: dict[int, int] = {}
            for _ in range(n):
                place = int(chance.gauss(-200, 15))
                buckets[place] = buckets.get(place, 0) + 1
            arm = ArmTick("r", version, role, share, {"200": n - failed - refused, "500": failed, "422": refused})  # type: ignore[arg-type]
            arm.total, arm.total_sum = buckets, n * 0.05
            arm.keys = {"failed": [chance.randrange(1, 60) for _ in range(failed)]}
            counting.on_tick(Tick(0, "a", 1, 1, arms=[arm], mirrored=[("r", "v2", 3)], shadow_dropped=[]))
            bad_bodies = sum(chance.random() < 0.02 for _ in range(20))
            keys = tuple(chance.randrange(9) for _ in range(bad_bodies))
            counting.on_contents("r", [ContentCounts(version, role, share, 20, bad_bodies, keys, 1, 2)])  # type: ignore[arg-type]
            counting.on_rows("r", [RowCounts(version, role, share, 20, int(chance.random() < 0.1))])  # type: ignore[arg-type]
            for metric, middle in (("time_to_first_token", -150), ("output_tokens", 300)):
                values = {int(chance.gauss(middle, 9)): 2}
                counting.on_measured("r", [MeasuredAnswers(version, role, share, metric, values)])  # type: ignore[arg-type]
            bins = np.array([[float(chance.randrange(9)) for _ in range(4)]])
            counting.on_binned("r", BinnedRows("input", version, role, bins))  # type: ignore[arg-type]
        pairs = [PairResult("r", "v2", 9, int(chance.random() < 0.3))]
        pairs += [PairResult("r", "v2", noise_pair=(chance.random() < 0.1, chance.random() < 0.1))]
        counting.on_pairs(pairs)
        counting.on_identities("r", {"v2": {("", "build=7"): 10}})


def evidence_of(looks: list[Cells]) -> tuple[Evidence, ...]:
    board = judge()
    for number, cells in enumerate(looks, 1):
        board.on_look(look_of(cells, number), float(number))
    return board.evidence("r", now=float(len(looks)))


@pytest.mark.parametrize("seed", range(3))
def test_the_verdict_of_a_fleet_is_that_of_one_proxy_to_the_last_digit(seed: int) -> None:
    """Twenty sidecars, thirty looks."""
    everything, sidecars = Counting(), [Sidecar(1000 * seed + number) for number in range(20)]
    consumed = [Cells()] * len(sidecars)
    fleet: list[Cells] = []
    single: list[Cells] = []
    before: Cells = {}
    for _ in range(30):
        for sidecar in sidecars:
            sidecar.second(everything)
        came = [counts.decoded(counts.encoded(sidecar.counting.cells)) for sidecar in sidecars]
        fleet.append(counts.total(counts.difference(new, old) for new, old in zip(came, consumed, strict=True)))
        consumed = came
        single.append(counts.difference(counts.decoded(counts.encoded(everything.cells)), before))
        before = counts.decoded(counts.encoded(everything.cells))
    found = evidence_of(fleet)
    assert found == evidence_of(single)
    assert {line.metric for line in found if line.n} == {*GUARD.scorecard}


def test_a_look_is_what_was_counted() -> None:
    """Every kind of cell comes back as it was, and what nobody knows is passed over."""
    counting = Counting()
    arm = ArmTick("r", "v2", "canary", 0.1, {"200": 3, "client_abort": 1}, {"failed": [7, 7, 2**63 - 1]})
    arm.total, arm.first_byte, arm.waited, arm.connect, arm.disturbed = {-3: 3}, {-9: 3}, {-2: 1}, {1: 1}, {-3: 1}
    arm.total_sum, arm.first_byte_sum, arm.connect_sum = 0.5, 0.25, 0.125
    asked = ArmTick("r", "v2", "canary", 0.1, {"200": 5}, inference=False)
    tick = Tick(0, "a", 1, 1, arms=[arm, asked], mirrored=[("r", "v3", 2)], rescued=[("r", "v2", "late", 1)])
    tick.shadow_dropped = [("r", "v3", "memory", 1)]
    counting.on_tick(tick)
    counting.on_lost("r", "v3", 4)
    counting.on_pairs([PairResult("r", "v3", 5, 2), PairResult("r", "v3", noise_pair=(True, False))])
    counting.on_contents("r", [ContentCounts("v2", "canary", 0.1, 9, 2, (0, 5), 1, 1)])
    counting.on_rows("r", [RowCounts("v2", "canary", 0.1, 9, 2)])
    counting.on_measured("r", [MeasuredAnswers("v2", "canary", 0.1, "output_tokens", {3: 1}, 2)])
    counting.on_binned("r", BinnedRows("input", "v2", "canary", np.array([[0.0, 2.0], [1.0, 0.0]])))
    counting.on_identities("r", {"v2": {("llama", "build=7"): 3}})
    counts.add(counting.cells, ("of tomorrow", "r"), {"n": 1})
    look = look_of(counts.decoded(counts.encoded(counting.cells)), 4)
    assert look.tick.arms == [arm]
    assert (look.tick.seq, look.tick.mirrored) == (4, [("r", "v3", 2)])
    assert (look.tick.rescued, look.tick.shadow_dropped) == ([("r", "v2", "late", 1)], [("r", "v3", "memory", 1)])
    (route,) = look.routes.values()
    assert route.pairs == [PairResult("r", "v3", 5, 2), PairResult("r", "v3", noise_pair=(True, False))]
    assert route.contents == [ContentCounts("v2", "canary", 0.1, 9, 2, (0, 5), 1, 1)]
    assert route.rows == [RowCounts("v2", "canary", 0.1, 9, 2)]
    measured = MeasuredAnswers("v2", "canary", 0.1, "output_tokens", {3: 1})
    assert route.measured == [measured, measured._replace(values={}, unread=2)]
    (binned,) = route.binned
    assert (binned.side, binned.version, binned.role) == ("input", "v2", "canary")
    assert binned.counts.tolist() == [[0.0, 2.0], [1.0, 0.0]]
    assert route.identities == {"v2": {("llama", "build=7"): 3}}
    assert route.lost == {"v3": 4}
