"""Every sentence is read against its numbers: `<` and `>` agree with the verdict, and nothing claims too much."""

from __future__ import annotations

import re
from collections import Counter
from math import inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtests.statistics.scorecard import KINDS, Arm
from loadtests.statistics.scorecard import World as Outcomes
from loadtests.statistics.worlds import CANDIDATE, PER_TICK, PRIMARY, ROUTE, World, ticks
from proxy.contracts.evidence import Evidence
from proxy.contracts.metrics import METRICS
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.release import Verdict
from proxy.contracts.settings import ASSUMED, Guard, Limit
from proxy.contracts.table import Role
from proxy.release.limits import VALUES
from proxy.release.scorecard import judge
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.board import Board
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement
from tests.support.observed import observation

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
FIGURES = re.compile(r"^(\S+)(?: ratio| increase)? (\S+(?: \S+)*?) ([<>=]) limit (\S+(?: \S+)*?) \(")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("proof", [False, True])
def test_every_sentence_agrees_with_its_verdict(world: World, proof: bool) -> None:
    board = Board()
    board.watch(ROUTE, (CANDIDATE,), PRIMARY, GUARD, "json", 0.0)
    for seq, arms in enumerate(ticks(world, 6000, np.random.default_rng(3)), 1):
        board.on_tick(Tick(0, "a", seq, 1, arms=arms), float(seq))
        for verdict in judge(board.evidence(ROUTE, float(seq)), GUARD, CANDIDATE, proof=proof):
            read(verdict)


CODES = {"error_rate": "500", "refusal_rate": "429", "abandonment_rate": "client_abort"}
SAMPLE = 0.25


def legs(arm: Arm, version: str, role: Role, draw: np.random.Generator) -> tuple[ArmTick, list[Observation]]:
    """One arm of a look: its tick, and the records of a sample of its answers."""
    codes = {code: int(arm.bad[metric][0]) for metric, code in CODES.items()} | {"200": int(arm.answered[0])}
    bad = draw.permutation(codes["200"]) < int(arm.bad["invalid_rate"][0])
    records = [
        observation(
            *((0, "a"), 0, "", ROUTE, version, role, 0.5, 200, "", 0.0, 0.1, 0.1),
            analysed=True,
            content="not_a_number" if each else "",
        )
        for each in bad[draw.random(len(bad)) < SAMPLE]
    ]
    return ArmTick(ROUTE, version, role, 0.5, codes), records


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize(("base", "worse"), [(0.0, 0.2), (0.02, 0.4), (0.02, 1.0)])
def test_every_sentence_of_the_default_scorecard_agrees_with_its_verdict(
    kind: str | None, base: float, worse: float
) -> None:
    board, guard, draw, world = Board(), Guard(), np.random.default_rng(6), Outcomes(0.5, base, 1, 5)
    board.watch(ROUTE, (CANDIDATE,), PRIMARY, guard, "json", 0.0)
    ends, now = Counter[tuple[str, str]](), 0.0
    for look in range(60):
        now += 1.0
        if look == 10 and kind:
            world.rates[kind] = worse
        mine, theirs = world.look(PER_TICK, now)
        first, second = legs(theirs, PRIMARY, "primary", draw), legs(mine, CANDIDATE, "canary", draw)
        board.on_tick(Tick(0, "a", look + 1, 1, arms=[first[0], second[0]]), now)
        board.on_observations(first[1] + second[1], now)
        for verdict in judge(board.evidence(ROUTE, now), guard, CANDIDATE, proof=True):
            read(verdict)
            ends[verdict.metric, verdict.outcome] += 1
            sampled = verdict.metric == "invalid_rate" and verdict.n > 0
            assert ("answers analysed" in verdict.sentence) is sampled
    assert {metric for metric, outcome in ends if outcome == "fail"} == ({kind} if kind else set())


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
        value, limit = number(found[2]), number(found[4])
        assert (value > limit) is (found[3] == ">") or value == pytest.approx(limit, rel=1e-2)
    assert "undefined" not in said and "none against" not in said


UNITS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}


def number(told: str) -> float:
    """A figure as it is told, lengths of time in units."""
    parts = told.split()
    if len(parts) == 1:
        return float("inf") if told == "infinite" else float(told)
    return sum(float(each) * UNITS[unit] for each, unit in zip(parts[::2], parts[1::2], strict=True))


def test_lengths_of_time_are_told_in_units() -> None:
    e = Evidence("latency_p99", "v2", 0.25, 0.2, 900, 900, limit="max")
    (verdict,) = judge([e], Guard({"latency_p99": Limit(max=90.0)}), "v2")
    assert verdict.sentence.startswith("latency_p99 250 ms < limit 1 min 30 s (")


figures = st.one_of(st.none(), st.sampled_from([0.0, inf, -inf, nan]), st.floats(0.0, 1e6))


@given(
    st.builds(
        Evidence,
        metric=st.sampled_from(sorted(METRICS)),
        version=st.just("v2"),
        value=figures,
        reference=figures,
        n=st.integers(0, 10**6),
        n_reference=st.integers(0, 10**6),
        log_breach=st.one_of(st.sampled_from([inf, -inf, nan]), st.floats(-100.0, 100.0)),
        log_alone=st.one_of(st.none(), st.floats(-10.0, 10.0)),
        shadow=figures,
        n_shadow=st.integers(0, 9),
        answers=st.integers(0, 10**6),
    ),
    st.sampled_from(sorted(VALUES)),
    st.floats(0.0, 100.0),
)
def test_no_sentence_says_a_number_that_is_none(e: Evidence, name: str, limit: float) -> None:
    (verdict,) = judge([replace(e, limit=name)], Guard({e.metric: Limit(**{name: limit})}), "v2")
    assert not re.search(r"\b(nan|inf|None|undefined|null)\b", verdict.sentence), verdict
