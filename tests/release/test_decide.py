from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Release, Stage
from proxy.release import transitions
from proxy.release.decide import on_breach, on_pass

STEADY = RouteState("r", "steady", "v1", split={"v2": 10.0})


def verdict(outcome: Any, metric: str = "error_rate") -> Verdict:
    return Verdict(metric, outcome, 1.0, 1.0, 10, 0, f"{metric} said {outcome}", version="v2")


@pytest.mark.parametrize("wanted", ["rollback", "pause", "notify"])
def test_a_failure_does_what_is_wanted(wanted: Any) -> None:
    action = on_breach(STEADY, [verdict("pass"), verdict("fail", "latency_p99")], wanted)
    assert action is not None
    assert (action.act, action.cause, action.version) == (wanted, "latency_p99", "v2")
    assert action.reason == "latency_p99 said fail"


def test_without_a_failure_nothing_is_done() -> None:
    assert on_breach(STEADY, [verdict("pass"), verdict("undecided")], "rollback") is None


def test_drifted_inputs_alone_are_told_and_never_blamed() -> None:
    action = on_breach(STEADY, [verdict("fail", "input_drift")], "rollback")
    assert action is not None
    assert (action.act, action.version) == ("notify", None)
    both = on_breach(STEADY, [verdict("fail", "input_drift"), verdict("fail", "disagreement")], "rollback")
    assert both is not None
    assert (both.act, both.cause) == ("rollback", "disagreement")


def test_what_the_phase_does_not_allow_is_told_instead() -> None:
    paused = transitions.pause(STEADY, "", 0.0)
    action = on_breach(paused, [verdict("fail")], "pause")
    assert action is not None
    assert action.act == "notify"
    rollback = on_breach(paused, [verdict("fail")], "rollback")
    assert rollback is not None
    assert rollback.act == "rollback"


STAGES = (Stage(canary=5.0, requests=100, duration=60.0), Stage(canary=50.0, requests=10))


def started(strategy: Any = "canary", stages: tuple[Stage, ...] = STAGES) -> RouteState:
    return transitions.start(RouteState("r", "steady", "v1"), Release("v2", strategy, stages), "", 1000.0)


@pytest.mark.parametrize(
    ("outcome", "legs", "now", "act"),
    [
        ("pass", 100, 1060.0, "advance"),
        ("pass", 99, 1060.0, None),
        ("pass", 100, 1059.9, None),
        ("undecided", 100, 1060.0, None),
        ("fail", 100, 1060.0, None),
    ],
)
def test_a_stage_needs_requests_duration_and_a_pass(outcome: Any, legs: int, now: float, act: str | None) -> None:
    action = on_pass(started(), [verdict(outcome)], legs, now)
    assert (action.act if action else None) == act


@pytest.mark.parametrize(
    ("strategy", "end"), [("canary", "promote"), ("blue-green", "promote"), ("shadow", None), ("ab-test", None)]
)
def test_what_follows_the_last_stage_is_the_strategys(strategy: Any, end: str | None) -> None:
    state = transitions.enter(started(strategy), 1, "", 2000.0)
    action = on_pass(state, [verdict("pass")], 10, 2000.0)
    assert (action.act if action else None) == end


def test_paused_and_steady_routes_do_not_advance() -> None:
    assert on_pass(transitions.pause(started(), "", 0.0), [verdict("pass")], 1000, 9999.0) is None
    assert on_pass(STEADY, [verdict("pass")], 1000, 9999.0) is None


def test_a_strategy_without_stages_begins_with_its_own() -> None:
    assert transitions.weights(started("shadow", ())) == ({}, {"v2": 100.0})
    assert started("big-bang", ()).phase == "promoted"
    assert started("blue-green", ()).primary == "v2"


def line(version: str, metric: str, value: float, **changes: Any) -> Verdict:
    return Verdict(metric, changes.pop("outcome", "pass"), value, 0.0, 500, 0, metric, version=version, **changes)


def test_an_ab_test_is_won_by_the_best_arm_that_has_proved_the_outcome() -> None:
    plan = Release(
        "v2", "ab-test", (Stage(canary=60.0, requests=10),), arms={"v2": 30.0, "v3": 30.0}, promote_winner=True
    )
    state = transitions.start(RouteState("r", "steady", "v1"), plan, "", 0.0)
    errors = [line("v2", "error_rate", 1.0), line("v3", "error_rate", 1.0)]

    def winner(*outcomes: Verdict) -> str | None:
        action = on_pass(state, [*errors, *outcomes], 10, 1.0)
        return action.version if action else None

    better, open_ = {"aim": True, "proved": True}, {"aim": True, "outcome": "undecided"}
    assert winner(line("v2", "accuracy", 0.02, **better), line("v3", "accuracy", 0.05, **better)) == "v3"
    assert winner(line("v2", "accuracy", 0.02, **better), line("v3", "accuracy", 0.05, **open_)) == "v2"
    assert winner(line("v2", "accuracy", 0.02, **open_), line("v3", "accuracy", 0.05, **open_)) is None
    assert winner(line("v2", "accuracy", 0.9, proved=True), line("v3", "accuracy", 0.8, proved=True)) is None, "no aim"
    unproved = line("v2", "refusal_rate", 0.0, outcome="undecided")
    assert winner(unproved, line("v2", "accuracy", 0.05, **better)) is None, "a limit of its own is open"
    assert winner(unproved, line("v2", "accuracy", 0.05, **better), line("v3", "accuracy", 0.01, **better)) == "v3"
