"""What a route gathers while its state lasts, and what goes with the state."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.release import RouteState, Verdict
from proxy.control.route_control import RouteControl, RouteStatus, followed, live_split
from proxy.release import plan, transitions
from tests.control.houses import GUARD, canary_release, section

STEADY = RouteState("cancer", "steady", "v1")
SHADOWING = transitions.start(STEADY, canary_release(), "try", 1.0)
RAMPING = transitions.enter(SHADOWING, 1, "passed", 2.0)
LINE = Verdict("error_rate", "fail", 3.0, 1.5, 20, 0, "too many", version="v2")


def control(state: RouteState, **status: Any) -> RouteControl:
    return RouteControl(section(), state, RouteStatus(**status))


@pytest.mark.parametrize(
    ("state", "role", "version", "counted"),
    [
        (SHADOWING, "shadow", "v2", 7),
        (SHADOWING, "canary", "v2", 0),
        (RAMPING, "canary", "v2", 7),
        (RAMPING, "shadow", "v2", 0),
        (RAMPING, "primary", "v1", 0),
        (STEADY, "canary", "v2", 0),
    ],
)
def test_legs_of_a_stage_are_those_of_its_candidate_in_its_role(
    state: RouteState, role: str, version: str, counted: int
) -> None:
    route = control(state)
    route.count(role, version, 7)
    assert route.status.legs == counted


def test_the_next_stage_begins_to_count_anew_and_keeps_what_was_notified() -> None:
    route = control(SHADOWING, legs=50, notified=frozenset({"error_rate"}))
    route.enter(SHADOWING, RAMPING, 1)
    assert (route.status.legs, route.status.notified) == (0, {"error_rate"})
    assert (route.situation.stage, route.situation.split) == (canary_release().stages[1], {"v2": 10.0})


def test_a_warning_about_a_rolled_back_version_goes_once_it_is_released_again() -> None:
    released = replace(section(), release=canary_release())
    back = replace(STEADY, rolled_back=("v2",))
    said = plan.withheld(released, back)
    assert said and not plan.withheld(released, STEADY)
    route = RouteControl(released, back, RouteStatus(warnings=said))
    route.enter(back, replace(back, shadows={"v3": 1.0}), 1)
    assert route.status.warnings == said
    route.enter(back, SHADOWING, 2)
    assert SHADOWING.rolled_back == () == route.status.warnings


def test_a_full_stage_waits_for_the_legs_that_began_before_it_was_full() -> None:
    route, timeouts = control(RAMPING, legs=9), section().timeouts
    assert RAMPING.release is not None
    full = RAMPING.stage_since + route.situation.stage.duration if route.situation.stage else 0.0
    assert not route.awaits_legs(0.0, full), "it has not its requests yet"
    route.status.legs = 10_000
    assert not route.awaits_legs(0.0, full - 0.1), "its duration is not over"
    assert route.awaits_legs(full - 1.0, full)
    assert not route.awaits_legs(None, full) and not route.awaits_legs(full + 0.1, full + 1.0)
    most = timeouts.response + timeouts.idle
    assert route.awaits_legs(full - 1.0, full + most)
    assert not route.awaits_legs(full - 1.0, full + most + 1.0), "what is still under way is sending"


def test_other_candidates_are_notified_of_anew() -> None:
    route = control(RAMPING, notified=frozenset({"error_rate"}))
    route.enter(RAMPING, STEADY, 1)
    assert route.status.notified == frozenset()


def test_the_lines_at_a_rollback_stay_while_it_lasts() -> None:
    back = transitions.rollback(RAMPING, (), "bad", 3.0)
    route = control(RAMPING, verdicts=(LINE,))
    route.enter(RAMPING, back, 1)
    assert route.status.at_rollback == (LINE,)
    route.status.verdicts = ()
    route.enter(back, replace(back, reason="still"), 1)
    assert route.status.at_rollback == (LINE,)
    route.enter(back, STEADY, 1)
    assert route.status.at_rollback == ()


def test_what_is_left_goes_to_the_primary() -> None:
    assert live_split(control(RAMPING)) == {"v1": 90.0, "v2": 10.0}


def test_another_scorecard_begins_new_evidence_for_the_same_candidate() -> None:
    split = RouteState("cancer", "steady", "v1", split={"v2": 10.0})
    known = control(split, legs=7)
    same = followed(known, section(), split, ("a warning",), 50.0)
    assert (same.status.anew, same.status.legs, same.status.warnings) == (0.0, 7, ("a warning",))
    other = section(guard=replace(GUARD, false_alarm=0.01))
    anew = followed(known, other, split, (), 50.0)
    anew.enter(split, split, 1)
    assert anew.status.anew == 50.0
    assert followed(None, other, split, (), 50.0).status == RouteStatus()
    back = transitions.rollback(split, (), "bad", 60.0)
    anew.enter(split, back, 2)
    assert anew.status.anew == 50.0, "the lines at the rollback are told with it"
    anew.enter(back, split, 3)
    assert anew.status.anew == 0.0


def test_a_version_that_was_rolled_back_is_gone_unless_it_gets_copies() -> None:
    back = transitions.rollback(RAMPING, ("v2",), "bad", 3.0)
    assert control(back).gone == {"v2"} and control(RAMPING).gone == frozenset()
    assert control(replace(back, shadows={"v2": 10.0})).gone == frozenset()
