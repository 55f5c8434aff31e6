"""The verdicts on a route: how much of them is asked for, and the baseline's beside them."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.settings import Baseline, Stage
from proxy.control.judgement import judge
from tests.control.houses import GUARD, VERSIONS, House, arm, canary_release, section, settings


def test_without_a_candidate_there_is_nothing_to_judge() -> None:
    house = House(settings(section(split=())))
    assert judge(house.engine.route("cancer"), house.board, 1.0) == ((), ())


def test_a_stage_says_how_many_requests_are_enough_and_whether_by_proof() -> None:
    stages = (Stage(canary=10.0, requests=20), Stage(canary=20.0, requests=20))
    house = House(settings(section(split=(), release=canary_release(stages=stages))))
    lines, beside = judge(house.engine.route("cancer"), house.board, 1.0)
    assert {line.needed for line in lines} == {20} and beside == ()
    house.tick(arm("v1", "primary", 180, 0, 0.9), arm("v2", "canary", 20))
    assert house.split() == {"v2": 20.0}, "the first stage ended by no breach"
    house.tick(arm("v1", "primary", 160, 0, 0.8), arm("v2", "canary", 40, 0, 0.2))
    (errors, *_), _ = judge(house.engine.route("cancer"), house.board, 1.0)
    assert errors.outcome == "undecided" and "not proved yet" in errors.sentence, "the last one asks for proof"


def test_lines_of_the_baseline_stand_beside_and_hold_a_pass_back() -> None:
    configured = settings(section(baseline=Baseline("v1b"), shadows=(), guard=GUARD))
    versions = VERSIONS | {"v1b": replace(VERSIONS["v1"], name="v1b")}
    house = House(replace(configured, versions=versions))
    route = house.engine.route("cancer")
    for legs in (50, 60):
        house.tick(arm("v1", "primary", 800, 0, 0.8), arm("v2", "canary", 100, 0), arm("v1b", "baseline", legs, 0))
        lines, beside = judge(route, house.board, 1.0)
        assert {line.version for line in beside} == {"v1b"} and route.status.baseline == beside
        sound = legs == 60
        assert (lines[0].outcome == "pass") == sound
        assert ("its baseline v1b is not known to be sound" in lines[0].sentence) == (not sound)
