"""Every sentence is read against its numbers: `<` and `>` agree with the verdict, and nothing claims too much."""

from __future__ import annotations

import re
from math import log

import numpy as np
import pytest

from loadtests.statistics.worlds import CANDIDATE, PRIMARY, ROUTE, World, ticks
from proxy.contracts.record import Tick
from proxy.contracts.release import Verdict
from proxy.contracts.settings import ASSUMED, Guard, Limit
from proxy.release.scorecard import judge
from proxy.stats.board import Board

CARD = {
    "error_rate": Limit(max_ratio=1.5, max_increase=0.02, max=0.05),
    "latency_p50": Limit(max_ratio=1.05),
    "latency_p99": Limit(max_ratio=1.25, max=0.1),
    "latency": Limit(max_ratio=1.05),
}
GUARD = Guard({**ASSUMED, **CARD}, warm_up=0)
WORLDS = [
    World(0.5, 0.0),
    World(0.1, 0.01, timed=True),
    World(0.5, 0.01, 5.0, timed=True),
    World(0.5, 0.05, 1.5),
    World(0.1, 0.01, 100.0),
    World(0.5, 0.0, slower=1.04, timed=True),
    World(0.5, 0.0, slower=1.2, timed=True),
    World(0.5, 0.0, tail=3.0, timed=True),
]
FIGURES = re.compile(r"^(\S+)(?: ratio| increase)? (\S+) ([<>=]) limit (\S+) \(")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("proof", [False, True])
def test_every_sentence_agrees_with_its_verdict(world: World, proof: bool) -> None:
    board = Board()
    board.watch(ROUTE, (CANDIDATE,), PRIMARY, GUARD, "json", 0.0)
    for seq, arms in enumerate(ticks(world, 6000, np.random.default_rng(3)), 1):
        board.on_tick(Tick(0, "a", seq, 1, arms=arms), float(seq))
        for verdict in judge(board.evidence(ROUTE, float(seq)), GUARD, CANDIDATE, proof=proof):
            read(verdict)


def read(verdict: Verdict) -> None:
    """Fails where the sentence of a verdict claims what its numbers do not say."""
    said = verdict.sentence
    found = FIGURES.match(said)
    if verdict.outcome == "fail":
        assert verdict.log_breach >= log(1000)
        assert (found and found[3] == ">") or "breached by" in said
    if verdict.outcome == "pass":
        assert not (found and found[3] == ">"), said
        assert ("proved: " in said) is verdict.proved
    if found:
        value = float("inf") if found[2] == "infinite" else float(found[2])
        assert (value > float(found[4])) is (found[3] == ">") or value == pytest.approx(float(found[4]), rel=1e-2)
    assert "undefined" not in said and "none against" not in said
