"""Who a baseline is compared for, how much it gets, and what cannot stand beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.release import Outcome, RouteState, Verdict
from proxy.contracts.settings import ASSUMED, Baseline, Guard, Limit, Release, RouteSettings, Stage
from proxy.contracts.table import Match, Share
from proxy.release import transitions
from proxy.release.baseline import (
    MAX_LATENCY_RATIO,
    hold_back,
    in_force,
    judged_by,
    percent_beside,
    problems,
    refusals,
    why_idle,
)
from proxy.release.plan import basis, merge

FOLLOWS = Baseline("v1b")
STAGES = (Stage(shadow=100.0, requests=1), Stage(canary=5.0, requests=1), Stage(canary=50.0, requests=1))
RELEASE = Release("v2", "canary", STAGES)


def section(**changes: Any) -> RouteSettings:
    given: dict[str, Any] = {"primary": "v1", "baseline": FOLLOWS}
    return RouteSettings(name="r", match=Match("/"), protocol="json", **(given | changes))


def begun(route: RouteSettings) -> RouteState:
    return merge(route, None, ("v1", "v1b", "v2", "v3"), 5.0)[0]


RELEASING = begun(section(release=RELEASE))


def percent(route: RouteSettings, state: RouteState) -> float:
    share = in_force(route, state)
    return share.percent if share else 0.0


@given(st.floats(0, 100), st.floats(0, 100))
def test_it_follows_the_candidate_and_leaves_the_primary_as_much(one: float, other: float) -> None:
    split = {"v2": one, "v3": min(other, 100.0 - one)}
    mine, primary = percent_beside(FOLLOWS, split), 100.0 - sum(split.values())
    assert 0.0 <= mine <= max(split.values())
    assert mine <= primary - mine + 1e-9
    assert mine == max(split.values()) or mine == pytest.approx(primary / 2.0)


@pytest.mark.parametrize(
    ("split", "follows", "fixed"),
    [
        ({}, 0.0, 0.0),
        ({"v2": 0.0}, 0.0, 0.0),
        ({"v2": 5.0}, 5.0, 10.0),
        ({"v2": 50.0}, 25.0, 10.0),
        ({"v2": 5.0, "v3": 20.0}, 20.0, 10.0),
        ({"v2": 95.0}, 2.5, 5.0),
        ({"v2": 100.0}, 0.0, 0.0),
    ],
)
def test_a_fixed_percent_stays_and_no_candidate_means_no_baseline(
    split: dict[str, float], follows: float, fixed: float
) -> None:
    assert (percent_beside(FOLLOWS, split), percent_beside(Baseline("v1b", 10.0), split)) == (follows, fixed)


def test_it_follows_a_release_through_its_stages() -> None:
    route, state = section(release=RELEASE), RELEASING
    assert in_force(route, state) is None, "copies are no traffic"
    state = transitions.enter(state, 1, "passed", 6.0)
    assert in_force(route, state) == Share("v1b", 5.0)
    assert percent(route, transitions.pause(state, "wait", 7.0)) == 5.0
    state = transitions.enter(state, 2, "passed", 8.0)
    assert percent(route, state) == 25.0
    assert in_force(route, transitions.rollback(state, (), "bad", 9.0)) is None
    assert in_force(route, transitions.promote(state, "v2", "good", 9.0)) is None


def test_it_follows_a_split_by_hand() -> None:
    route = section(split=(Share("v2", 10.0),))
    state = begun(route)
    assert percent(route, state) == 10.0
    assert percent(route, transitions.split(state, {"v2": 20.0}, "more", 9.0)) == 20.0
    assert in_force(route, transitions.split(state, {}, "none", 9.0)) is None
    assert in_force(section(), RouteState("r", "steady", "v1")) is None


def test_beside_another_primary_it_gets_nothing_and_says_why() -> None:
    route = section(release=RELEASE)
    promoted = transitions.promote(transitions.enter(RELEASING, 1, "passed", 6.0), "v2", "good", 9.0)
    again = transitions.start(promoted, replace(RELEASE, candidate="v3", stages=(Stage(canary=5.0),)), "more", 10.0)
    assert transitions.weights(again)[0] == {"v3": 5.0}
    assert in_force(route, again) is None
    assert why_idle(route, again) == "v1b is of the model of v1, and the primary is v2"


def test_a_broken_one_gets_nothing_until_somebody_begins_anew() -> None:
    route = section(split=(Share("v2", 10.0),))
    broken = transitions.without_baseline(begun(route), "it fails")
    assert in_force(route, broken) is None and why_idle(route, broken) == "it fails"
    assert merge(route, broken, ("v1", "v1b", "v2"), 9.0)[0] is broken, "a restart forgets nothing"
    assert percent(route, transitions.split(broken, {"v2": 20.0}, "mended", 9.0)) == 20.0
    started = transitions.start(broken, replace(RELEASE, stages=(Stage(canary=5.0),)), "mended", 9.0)
    assert percent(route, started) == 5.0
    changed = replace(route, baseline=Baseline("v1b", 5.0))
    assert percent(changed, merge(changed, broken, ("v1", "v1b", "v2"), 9.0)[0]) == 5.0


def test_a_section_without_a_baseline_has_the_digest_of_before() -> None:
    assert basis(section(baseline=None)) == "aef64ea30a82cbb6"
    assert len({basis(section(baseline=each)) for each in (None, FOLLOWS, Baseline("v1b", 5.0), Baseline("v3"))}) == 4


def test_it_is_judged_by_the_lines_that_compare_and_no_stricter_than_equality() -> None:
    lines = {
        "error_rate": Limit(max=0.02, max_ratio=0.5),
        "latency": Limit(max_ratio=1.05),
        "latency_p99": Limit(max=0.2),
        "accuracy": Limit(min=0.9, max_drop=0.02),
        "disagreement": Limit(max=0.05),
    }
    own = judged_by(Guard(lines, false_alarm=0.01))
    assert own.scorecard == {
        "error_rate": Limit(max_ratio=1.0),
        "latency": Limit(max_ratio=MAX_LATENCY_RATIO),
        "accuracy": Limit(max_drop=0.02),
    }
    assert own.false_alarm == 0.01
    assert judged_by(Guard()).scorecard == ASSUMED


def verdict(metric: str, bound: str, outcome: Outcome, version: str = "v2") -> Verdict:
    return Verdict(metric, outcome, 1.0, 2.0, 100, 0, f"{metric} said", version=version, bound=bound, proved=True)


def test_nothing_passes_by_a_baseline_that_is_not_known_to_be_sound() -> None:
    mine = (
        verdict("error_rate", "max_ratio", "pass"),
        verdict("error_rate", "max", "pass"),
        verdict("disagreement", "max", "pass"),
        verdict("latency", "max_ratio", "fail"),
    )
    own = (verdict("error_rate", "max_ratio", "pass", "v1b"), verdict("latency", "max_ratio", "undecided", "v1b"))
    assert hold_back(mine, own[:1]) == mine
    held = hold_back(mine, own)
    assert [each.outcome for each in held] == ["undecided", "pass", "pass", "fail"]
    assert held[0].sentence == "error_rate said, but its baseline v1b is not known to be sound: latency said"
    assert not held[0].proved and held[1:] == mine[1:]


CANARY = {"split": (Share("v2", 10.0),)}


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        (CANARY, []),
        ({"release": RELEASE}, []),
        ({"release": Release("v2", "blue-green", STAGES)}, []),
        ({"release": Release("v2", "ab-test", (Stage(canary=50.0),), arms={"v2": 50.0})}, []),
        ({"split": (Share("v2", 100.0),)}, ["baseline"]),
        ({"split": (Share("v2", 0.0),)}, []),
        ({"release": Release("v2", "canary", (*STAGES, Stage(canary=100.0, requests=1)))}, []),
        (CANARY | {"baseline": Baseline("v1b", 89.0)}, []),
        ({}, ["baseline"]),
        ({"release": Release("v2", "blue-green")}, ["baseline"]),
        ({"release": Release("v2", "big-bang")}, ["baseline"]),
        ({"release": Release("v2", "shadow", STAGES[:1])}, ["baseline"]),
        (CANARY | {"guard": Guard({"latency_p99": Limit(max=0.2)})}, ["baseline"]),
        (CANARY | {"baseline": Baseline("v1")}, ["baseline.version"]),
        (CANARY | {"baseline": Baseline("v2")}, ["baseline.version"]),
        (CANARY | {"shadows": (Share("v1b", 5.0),)}, ["baseline.version"]),
        ({"release": replace(RELEASE, candidate="v1b")}, ["baseline.version"]),
        (CANARY | {"baseline": Baseline("v1b", 0.0)}, ["baseline.percent"]),
        (CANARY | {"baseline": Baseline("v1b", 90.0)}, ["baseline.percent"]),
        ({"release": RELEASE, "baseline": Baseline("v1b", 50.0)}, ["baseline.percent"]),
    ],
)
def test_each_mistake_has_its_place(changes: dict[str, Any], paths: list[str]) -> None:
    found = problems(section(**changes))
    assert [problem.path for problem in found] == paths
    assert all(problem.found and problem.allowed for problem in found)


def test_what_somebody_asks_for_must_fit_beside_it() -> None:
    route = section(split=(Share("v2", 10.0),), baseline=Baseline("v1b", 10.0))
    state = begun(route)
    assert refusals(route, state) == () == refusals(replace(route, baseline=None), state)

    def asked(**percents: float) -> list[str]:
        return [each.path for each in refusals(route, transitions.split(state, percents, "", 9.0))]

    assert (asked(v2=89.0), asked(v2=90.0), asked(v1b=5.0)) == ([], ["baseline.percent"], ["baseline.version"])
    copies = transitions.shadows(state, {"v1b": 5.0}, "", 9.0)
    assert [each.path for each in refusals(route, copies)] == ["baseline.version"]
    started = transitions.start(state, replace(RELEASE, stages=(STAGES[0], Stage(canary=95.0))), "", 9.0)
    assert [each.path for each in refusals(route, started)] == ["baseline.percent"]
    assert refusals(route, transitions.start(state, Release("v2", "shadow"), "", 9.0)) == (), "it gets nothing then"
