"""The states of one release over several routes: moved on all or on none, and what one of them lost takes all back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.release import PHASES, RouteState
from proxy.release import plan, transitions
from proxy.release.phases import TransitionRefused
from proxy.release.together import aligned, all_aligned, moved
from tests.control.houses import canary_release, section, together

SECTIONS = together()
BEGUN = tuple(plan.fresh(each, (), None, 5.0)[0] for each in SECTIONS)


def test_a_move_is_made_on_all() -> None:
    assert [state.phase for state in moved(BEGUN, lambda s: transitions.pause(s, "", 6.0))] == ["paused"] * 3


def only(*names: str) -> object:
    def move(state: RouteState) -> RouteState:
        if state.route not in names:
            raise TransitionRefused(f"{state.route} refuses")
        return replace(state, reason="moved")

    return move


def test_or_on_none_unless_it_takes_traffic_off() -> None:
    with pytest.raises(TransitionRefused, match="predict refuses"):
        moved(BEGUN, only("features", "explain"))  # type: ignore[arg-type]
    partly = moved(BEGUN, only("features"), partly=True)  # type: ignore[arg-type]
    assert [state.reason == "moved" for state in partly] == [True, False, False]
    with pytest.raises(TransitionRefused):
        moved(BEGUN, only(), partly=True)  # type: ignore[arg-type]


def test_states_that_stand_together_stay_as_they_are() -> None:
    assert aligned(SECTIONS, BEGUN, 9.0) == BEGUN


@given(st.lists(st.sampled_from([*PHASES, "next"]), min_size=3, max_size=3))
def test_whatever_was_found_they_stand_together_afterwards(phases: list[str]) -> None:
    def put(state: RouteState, phase: str) -> RouteState:
        match phase:
            case "next":
                return transitions.enter(state, 1, "", 7.0)
            case "paused":
                return transitions.pause(state, "", 7.0)
            case "promoted":
                return transitions.promote(state, None, "", 7.0)
            case "rolled_back":
                return transitions.rollback(state, (), "found", 7.0)
            case "steady":
                return transitions.split(state, {}, "", 7.0)
        return state if phase == "shadowing" else transitions.enter(state, 2, "", 7.0)

    states = tuple(map(put, BEGUN, phases))
    after = aligned(SECTIONS, states, 9.0)
    assert len({(s.phase, transitions.effective(s), s.stage if transitions.releasing(s) else 0) for s in after}) == 1
    if "rolled_back" in phases:
        assert {state.phase for state in after} == {"rolled_back"}
        assert not any(transitions.weights(state)[0] for state in after)
        assert all(state.primary == "v1" for state in after)


def test_routes_of_no_release_over_several_are_left_alone() -> None:
    alone = section("alone", split=(), release=canary_release())
    state = plan.fresh(alone, (), None, 5.0)[0]
    back = transitions.rollback(BEGUN[1], (), "", 6.0)
    states = all_aligned([(alone, state), *zip(SECTIONS, (BEGUN[0], back, BEGUN[2]), strict=True)], 9.0)
    assert states["alone"] is state
    assert [states[each.name].phase for each in SECTIONS] == ["rolled_back"] * 3
    assert states["predict"] is back
