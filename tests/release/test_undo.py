"""What an undo puts back, row by row of its table; sequences are in tests/control/test_effects.py."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Guard, Release, Stage
from proxy.release import transitions
from proxy.release.audit import GENESIS, Change, Entry, entry_of, seal
from proxy.release.phases import TransitionRefused
from proxy.release.undo import Undoable, last_change, put_back

STEADY = RouteState("r", "steady", "v1", {"v2": 10.0}, candidate="v2", basis="b")
PLAN = Release("v2", "canary", (Stage(shadow=100.0), Stage(canary=10.0)), guard=Guard())
RAMPING = transitions.enter(transitions.start(STEADY, PLAN, "", 1.0), 1, "", 2.0)
FAILED = Verdict("error_rate", "fail", 9.0, 1.5, 100, 0, "worse", version="v2")


def entry(who: str, action: str, before: RouteState | None, after: RouteState, **more: Any) -> Entry:
    return entry_of(seal(Change(who, action, "r", "why", before, after, **more), 7, GENESIS, 100.0))


def undone(before: RouteState, after: RouteState, now: RouteState | None = None, **more: Any) -> RouteState:
    """The state after an undo of a change by a person; `now`: the live state, where that is another one."""
    evidence, give, action = more.get("evidence"), more.get("give", False), more.get("action", "split")
    change = last_change([entry("ops", action, before, after, evidence=evidence)], "r")
    return put_back(now or after, change, more.get("failing", ()), give, "oops", 200.0)


MOVES = {
    "split": (STEADY, transitions.split(STEADY, {"v3": 50.0}, "", 3.0)),
    "shadows": (STEADY, transitions.shadows(STEADY, {"v3": 50.0}, "", 3.0)),
    "release": (STEADY, RAMPING),
    "pause": (RAMPING, transitions.pause(RAMPING, "", 3.0)),
    "promote": (RAMPING, transitions.promote(RAMPING, None, "", 3.0)),
    "rollback": (RAMPING, transitions.rollback(RAMPING, (), "", 3.0)),
}


@pytest.mark.parametrize("action", MOVES)
def test_what_was_comes_back_and_stages_begin_anew(action: str) -> None:
    before, after = MOVES[action]
    back = undone(before, after, action=action)
    assert back == replace(before, reason="oops", since=200.0, stage_since=200.0)


@pytest.mark.parametrize("action", MOVES)
def test_an_undo_can_be_undone(action: str) -> None:
    before, after = MOVES[action]
    back = undone(before, after)
    assert transitions.weights(undone(after, back, action="undo")) == transitions.weights(after)


def test_nobody_has_changed_anything() -> None:
    with pytest.raises(TransitionRefused, match="nothing to undo"):
        put_back(STEADY, None, (), False, "", 0.0)
    assert last_change([entry("scorecard", "rollback", *MOVES["rollback"])], "r") is None
    assert last_change([entry("ops", "split", STEADY, STEADY)], "r") is None
    assert last_change([entry("ops", "split", *MOVES["split"])], "other") is None


@pytest.mark.parametrize("who", ["configuration", "scorecard", "identity", "fleet", "penumbra"])
def test_what_no_person_did_is_passed_over_and_told(who: str) -> None:
    by_hand, later = entry("ops", "split", *MOVES["split"]), entry(who, "rollback", *MOVES["rollback"])
    change = last_change([later, by_hand], "r")
    assert change is not None
    assert (change.action, change.since) == ("split", f"rollback by {who} (entry 7 of the audit): why")
    with pytest.raises(TransitionRefused, match=f"r has changed since the split by ops: rollback by {who}"):
        put_back(MOVES["rollback"][1], change, (), True, "", 0.0)


def test_another_configuration() -> None:
    before, after = MOVES["split"]
    with pytest.raises(TransitionRefused, match="configuration of r has changed"):
        undone(before, after, replace(after, basis="c"))


@pytest.mark.parametrize("more", [{"evidence": [FAILED]}, {"failing": {"v2"}}])
def test_a_version_that_was_found_bad_comes_back_only_where_it_is_said(more: dict[str, Any]) -> None:
    for action in ("rollback", "split"):
        before, after = MOVES[action]
        with pytest.raises(TransitionRefused, match=r"v2 would get live traffic again.*give_traffic"):
            undone(before, after, **more)
        assert transitions.weights(undone(before, after, give=True, **more)) == transitions.weights(before)


def test_a_bad_version_is_taken_off_without_more_words() -> None:
    before, after = replace(STEADY, split={}, candidate=None), STEADY
    assert undone(before, after, failing={"v2"}).split == {}


def test_a_version_of_before_that_a_breach_had_taken_off() -> None:
    before = replace(STEADY, rolled_back=("v2",))  # as no transition makes it
    with pytest.raises(TransitionRefused, match="found bad"):
        undone(before, transitions.split(before, {}, "", 3.0))


def test_time_and_notes_are_no_change() -> None:
    before, after = MOVES["promote"]
    settled = replace(transitions.unguarded(after), baseline_fault="broken", stage_since=9.0)
    back = undone(before, after, settled)
    assert (back.phase, back.primary, back.baseline_fault) == ("ramping", "v1", "broken")


def test_a_guard_whose_time_is_over_does_not_come_back() -> None:
    promoted = replace(MOVES["promote"][1], after=Guard(), until=150.0)
    assert undone(promoted, transitions.split(promoted, {"v1": 5.0}, "", 3.0)).after is None
    still = replace(promoted, until=250.0)
    assert undone(still, transitions.split(still, {"v1": 5.0}, "", 3.0)).after == Guard()


@pytest.mark.parametrize("bad", [{"route": "r"}, "text", msgspec.to_builtins(replace(STEADY, split={"v2": 300.0}))])
def test_a_damaged_state_is_not_put_back(bad: Any) -> None:
    after = msgspec.to_builtins(STEADY)
    change = Undoable(1, 0.0, "ops", "split", {"r": bad}, {"r": after})
    with pytest.raises(TransitionRefused, match=r"cannot be read|not sound"):
        put_back(STEADY, change, (), True, "", 0.0)


def test_a_route_that_was_new_has_nothing_before() -> None:
    with pytest.raises(TransitionRefused, match="was new"):
        put_back(STEADY, Undoable(1, 0.0, "ops", "split", {}, {"r": msgspec.to_builtins(STEADY)}), (), True, "", 0.0)


def test_routes_that_did_not_move_stay() -> None:
    change = last_change([entry("ops", "shadows", *MOVES["shadows"])], "r")
    other = replace(STEADY, route="s")
    assert put_back(other, change, (), False, "", 0.0) is other
