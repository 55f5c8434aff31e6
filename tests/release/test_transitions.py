"""Transitions: what each event makes of a live state, the weights that follow, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Guard, Release, Stage
from proxy.contracts.strategies import STRATEGIES, StrategyRow
from proxy.release import transitions
from proxy.release.phases import TransitionRefused

STEADY = RouteState("r", "steady", "v1", {"v2": 10.0}, {"v3": 100.0})
STAGES = (Stage(shadow=50.0, requests=5), Stage(canary=20.0, requests=5))
RELEASE = Release("v2", "canary", STAGES, rollback_window=60.0)


def started(release: Release = RELEASE) -> RouteState:
    return transitions.start(replace(STEADY, split={}), release, "go", 1.0)


def test_a_release_goes_through_its_stages_and_ends_with_a_promote() -> None:
    first = started()
    assert (first.phase, transitions.weights(first)) == ("shadowing", ({}, {"v3": 100.0, "v2": 50.0}))
    second = transitions.enter(first, 1, "passed", 2.0)
    assert (second.phase, transitions.weights(second)) == ("ramping", ({"v2": 20.0}, {"v3": 100.0}))
    last = transitions.enter(second, 2, "passed", 3.0)
    assert (last.phase, last.primary, last.previous, transitions.weights(last)[0]) == ("promoted", "v2", "v1", {})


@pytest.mark.parametrize("row", STRATEGIES.values(), ids=lambda row: row.name)
def test_a_release_without_stages_begins_as_its_row_says(row: StrategyRow) -> None:
    state = started(Release("v2", row.name))
    if row.first_shadow is None:
        assert (state.phase, state.primary) == ("promoted", "v2")
    else:
        assert (state.phase, transitions.weights(state)[1]["v2"]) == ("shadowing", row.first_shadow)


def test_arms_keep_their_percents() -> None:
    arms = {"v2": 30.0, "v3": 20.0}
    state = started(Release("v2", "ab-test", (Stage(canary=50.0),), arms=arms))
    assert (transitions.weights(state)[0], transitions.candidates(state)) == (arms, ("v2", "v3"))


def test_a_pause_keeps_the_weights_and_a_resume_the_phase() -> None:
    ramping = transitions.enter(started(), 1, "", 2.0)
    paused = transitions.pause(ramping, "lunch", 3.0)
    assert (paused.phase, transitions.weights(paused)) == ("paused", transitions.weights(ramping))
    resumed = transitions.resume(paused, "back", 9.0)
    assert (resumed.phase, resumed.stage, resumed.stage_since) == ("ramping", 1, 9.0)


def test_a_rollback_takes_all_traffic_off_and_remembers_the_version() -> None:
    rolled = transitions.rollback(transitions.enter(started(), 1, "", 2.0), (), "bad", 3.0)
    assert (rolled.phase, rolled.rolled_back, transitions.weights(rolled)[0]) == ("rolled_back", ("v2",), {})
    again = transitions.start(rolled, RELEASE, "fixed", 4.0)
    assert (again.phase, again.rolled_back) == ("shadowing", ())


def test_a_rollback_after_a_promote_restores_the_primary_before() -> None:
    promoted = transitions.guarded(transitions.promote(STEADY, "v2", "", 1.0), Guard(), 1.0)
    assert promoted.after is None, "no release, so no window"
    back = transitions.rollback(promoted, (), "bad", 2.0)
    assert (back.primary, back.previous, back.rolled_back) == ("v1", None, ("v2",))


def test_the_guard_of_a_promote_lasts_as_long_as_its_window() -> None:
    promoted = transitions.promote(transitions.enter(started(), 1, "", 2.0), None, "", 3.0)
    guarded = transitions.guarded(promoted, Guard(), 3.0)
    assert (guarded.after, guarded.until, transitions.candidates(guarded)) == (Guard(), 63.0, ("v2",))
    assert transitions.candidates(transitions.unguarded(guarded)) == ()


def test_a_split_by_hand_ends_a_release_and_forgives_a_version() -> None:
    rolled = transitions.rollback(STEADY, (), "bad", 1.0)
    split = transitions.split(rolled, {"v2": 5.0, "v3": 0.0}, "once more", 2.0)
    assert (split.phase, split.split, split.rolled_back, split.candidate) == ("steady", {"v2": 5.0}, (), "v2")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (lambda: transitions.start(STEADY, Release("v1", "canary", STAGES), "", 0.0), "v1 is the primary already"),
        (lambda: transitions.promote(STEADY, "v9", "", 0.0), "v9 is not a candidate"),
        (lambda: transitions.promote(replace(STEADY, split={}), None, "", 0.0), "promote needs one candidate"),
        (lambda: transitions.promote(replace(STEADY, split={"a": 1.0, "b": 1.0}), None, "", 0.0), "needs one"),
        (lambda: transitions.rollback(replace(STEADY, split={}), (), "", 0.0), "nothing to roll back"),
        (lambda: transitions.rollback(replace(STEADY, phase="promoted"), (), "", 0.0), "no primary before v1"),
        (lambda: transitions.resume(STEADY, "", 0.0), "resume is not possible in phase steady"),
    ],
)
def test_what_is_impossible_is_refused_with_the_reason(event: Callable[[], RouteState], why: str) -> None:
    with pytest.raises(TransitionRefused, match=why):
        event()


def test_what_only_takes_traffic_off() -> None:
    split = RouteState("r", "steady", "v1", split={"v2": 10.0}, shadows={"v3": 50.0})
    less = transitions.split(split, {"v2": 5.0}, "", 1.0)
    assert transitions.takes_off(split, transitions.rollback(split, (), "", 1.0))
    assert transitions.takes_off(split, less)
    assert transitions.takes_off(split, transitions.shadows(split, {}, "", 1.0))
    promoted = transitions.promote(split, "v2", "", 1.0)
    for before, after in (
        (less, split),
        (split, split),
        (split, promoted),
        (split, transitions.split(split, {"v2": 5.0, "v3": 1.0}, "", 1.0)),
    ):
        assert not transitions.takes_off(before, after)
    assert transitions.takes_off(promoted, transitions.rollback(promoted, (), "", 1.0))
