"""Live states that `transitions` never makes are found, and those that it makes are sound."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Release, Stage
from proxy.release import transitions
from proxy.release.soundness import fault_of

STEADY = RouteState("r", "steady", "v1")
RELEASE = Release("v2", "canary", (Stage(canary=5.0, requests=1), Stage(canary=50.0, duration=9.0)))
RAMPING = transitions.start(STEADY, RELEASE, "", 5.0)


def test_states_that_transitions_make_are_sound() -> None:
    states = [STEADY, RAMPING, transitions.pause(RAMPING, "", 6.0), transitions.rollback(RAMPING, (), "", 6.0)]
    states += [transitions.promote(RAMPING, None, "", 7.0), transitions.split(STEADY, {"v2": 100.0}, "", 1.0)]
    assert [fault_of(state) for state in states] == [""] * len(states)


@pytest.mark.parametrize(
    ("state", "changes", "said"),
    [
        (STEADY, {"since": -1.0}, "time"),
        (STEADY, {"stage_since": float("nan")}, "time"),
        (STEADY, {"until": 1e300}, "time"),
        (STEADY, {"split": {"v2": float("inf")}}, "no number"),
        (STEADY, {"split": {"v2": 60.0, "v3": 60.0}}, "shares"),
        (STEADY, {"split": {"v1": 5.0}}, "shares"),
        (STEADY, {"shadows": {"v2": -5.0}}, "shares"),
        (STEADY, {"primary": ""}, "phase"),
        (STEADY, {"phase": "paused"}, "phase"),
        (STEADY, {"phase": "ramping"}, "no such stage"),
        (RAMPING, {"stage": 2}, "no such stage"),
        (RAMPING, {"stage": -1}, "no such stage"),
        (RAMPING, {"release": replace(RELEASE, stages=(Stage(canary=500.0),))}, "shares of its release"),
        (RAMPING, {"release": replace(RELEASE, rollback_window=-1.0)}, "stages of its release"),
        (RAMPING, {"release": replace(RELEASE, guard=replace(RELEASE.guard, false_alarm=0.0))}, "scorecard"),
    ],
)
def test_what_cannot_be_is_said(state: RouteState, changes: dict[str, Any], said: str) -> None:
    assert said in fault_of(replace(state, **changes))
