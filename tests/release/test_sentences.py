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
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.board import Board
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement

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


@pytest.mark.parametrize("of_noise", [None, 0.0, 0.02, 0.2])
@pytest.mark.parametrize("differing", [0.01, 0.06, 0.2, 1.0])
def test_every_sentence_on_disagreement_agrees_with_its_verdict(differing: float, of_noise: float | None) -> None:
    """A twentieth of the requests is sent to the primary twice, where its own disagreement is looked at."""
    made, rng = Disagreement(Limit(max=0.05), AlphaShare(CANDIDATE, GUARD.false_alarm)), np.random.default_rng(4)
    guard, outcomes = Guard({"disagreement": Limit(max=0.05)}), set()
    for _ in range(3000):
        differs, twice = bool(rng.random() < differing), rng.random() < 0.05
        beside = (differs, bool(rng.random() < of_noise)) if of_noise is not None and twice else None
        made.update([PairResult(ROUTE, CANDIDATE, 1, int(differs), beside)])
        (verdict,) = judge(made.get(0), guard, CANDIDATE)
        read(verdict)
        outcomes.add(verdict.outcome)
    assert ("fail" in outcomes) is (differing >= 0.2 and (of_noise is None or of_noise < differing))
    assert differing < 1.0 or "pass" not in outcomes, "a candidate that always differs never passes"


def read(verdict: Verdict) -> None:
    """Fails where the sentence of a verdict claims what its numbers do not say."""
    said = verdict.sentence
    found = FIGURES.match(said)
    if verdict.outcome == "fail":
        assert verdict.log_breach >= log(1000)
        assert (found and found[3] == ">") or "breached by" in said
    if verdict.outcome == "pass":
        assert not (found and found[3] == ">"), said
        above = verdict.value is not None and verdict.limit is not None and verdict.value > verdict.limit
        assert above is ("no evidence" in said), said
        assert ("proved: " in said) is verdict.proved
    if found:
        value = float("inf") if found[2] == "infinite" else float(found[2])
        assert (value > float(found[4])) is (found[3] == ">") or value == pytest.approx(float(found[4]), rel=1e-2)
    assert "undefined" not in said and "none against" not in said
