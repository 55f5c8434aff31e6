from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.address import Address
from proxy.contracts.journal import AccessLog, Tracing
from proxy.contracts.operation import Capture
from proxy.contracts.release import RouteState
from proxy.contracts.settings import Guard, Release, RouteSettings, Settings, Stage
from proxy.contracts.table import Match, Share, Timeouts, Version
from proxy.release import transitions
from proxy.release.phases import TransitionRefused
from proxy.release.plan import basis, guard_of, judged_guard, merge, table_of

VERSIONS = {name: Version(name, "localhost", 80, name) for name in ("v1", "v2", "v3")}
RELEASE = Release(
    "v2", "canary", (Stage(shadow=100.0, requests=10), Stage(canary=5.0, requests=10)), Guard(false_alarm=0.01)
)


def section(**changes: Any) -> RouteSettings:
    given: dict[str, Any] = {"primary": "v1", "split": (Share("v2", 10.0),), "shadows": (Share("v3", 50.0),)}
    return RouteSettings(name="r", match=Match("/"), protocol="json", **(given | changes))


def taken(route: RouteSettings, live: RouteState | None = None, now: float = 5.0) -> RouteState:
    return merge(route, live, VERSIONS, now)[0]


def test_a_new_section_is_taken_as_it_stands() -> None:
    state = taken(section())
    assert (state.phase, state.primary, state.split, state.shadows) == ("steady", "v1", {"v2": 10.0}, {"v3": 50.0})
    assert (state.candidate, state.basis, state.since) == ("v2", basis(section()), 5.0)


def test_an_unchanged_section_keeps_the_live_state() -> None:
    live = transitions.split(taken(section()), {"v3": 30.0}, "by hand", 9.0)
    assert taken(section(), live) is live
    assert taken(section(timeouts=Timeouts(connect=9.0)), live) is live


@pytest.mark.parametrize(
    "changes",
    [{"primary": "v3"}, {"split": (Share("v2", 11.0),)}, {"shadows": ()}, {"split": (), "release": RELEASE}],
)
def test_a_section_that_says_something_else_about_traffic_wins(changes: dict[str, Any]) -> None:
    live = transitions.split(taken(section()), {"v3": 30.0}, "by hand", 9.0)
    assert basis(section(**changes)) != basis(section())
    assert taken(section(**changes), live) == taken(section(**changes))


def test_a_live_state_with_a_version_that_is_gone_is_given_up() -> None:
    live = transitions.split(taken(section()), {"v2": 30.0}, "by hand", 9.0)
    state, _ = merge(section(), live, ("v1", "v3"), 5.0)
    assert state.split == {"v2": 10.0}, "the section itself is what configuration vouches for"


def test_a_rolled_back_version_gets_nothing_from_a_changed_section() -> None:
    live = transitions.rollback(taken(section()), (), "bad", 9.0)
    state, warnings = merge(section(split=(Share("v2", 50.0),)), live, VERSIONS, 10.0)
    assert (state.phase, transitions.weights(state)[0], state.rolled_back) == ("rolled_back", {}, ("v2",))
    assert warnings == (
        "routes.r.canary: v2 was rolled back and gets live traffic only by a change through the admin API",
    )


def test_a_rolled_back_version_is_not_made_primary_by_a_changed_section() -> None:
    live = transitions.rollback(taken(section()), (), "bad", 9.0)
    state, warnings = merge(section(primary="v2", split=()), live, VERSIONS, 10.0)
    assert state.primary == "v1"
    assert "routes.r.primary" in warnings[0]


def test_a_rolled_back_candidate_is_not_released_by_a_changed_section() -> None:
    live = transitions.rollback(taken(section()), (), "bad", 9.0)
    state, warnings = merge(section(split=(), release=RELEASE), live, VERSIONS, 10.0)
    assert (state.phase, transitions.weights(state)) == ("rolled_back", ({}, {"v3": 50.0}))
    assert "routes.r.release" in warnings[0]


def test_other_versions_of_a_changed_section_come_in() -> None:
    live = transitions.rollback(taken(section()), (), "bad", 9.0)
    state = taken(section(split=(Share("v3", 20.0),), shadows=()), live)
    assert (state.phase, state.split, state.rolled_back) == ("steady", {"v3": 20.0}, ("v2",))


def test_a_configured_release_starts_with_its_first_stage() -> None:
    state = taken(section(split=(), release=RELEASE))
    assert (state.phase, state.stage, state.candidate) == ("shadowing", 0, "v2")
    assert transitions.weights(state) == ({}, {"v3": 50.0, "v2": 100.0})
    assert guard_of(section(), state).false_alarm == 0.01
    assert guard_of(section(), taken(section())).false_alarm == 0.001


def test_the_table_follows_from_settings_and_states() -> None:
    route = section(split=(), release=RELEASE, timeouts=Timeouts(connect=2.0))
    settings = Settings((Address("", 0),), VERSIONS, (route,), lease=7.0)
    state = transitions.enter(taken(route), 1, "", 6.0)
    table = table_of(settings, {"r": state}, 12)
    assert (table.revision, table.lease, table.versions) == (12, 7.0, VERSIONS)
    made = table.routes[0]
    assert (made.primary, made.split, made.shadows) == ("v1", (Share("v2", 5.0),), (Share("v3", 50.0),))
    assert made.timeouts.connect == 2.0
    promoted = transitions.promote(state, None, "", 8.0)
    assert table_of(settings, {"r": promoted}, 13).routes[0].primary == "v2"


def test_an_access_log_or_spans_ask_for_records_of_every_route() -> None:
    plain = Settings((Address("", 0),), VERSIONS, (section(),))
    told = [replace(plain, access_log=AccessLog()), replace(plain, tracing=Tracing("http://h"))]
    journals = [table_of(each, {"r": taken(section())}, 1).routes[0].journal for each in (plain, *told)]
    assert journals == [False, True, True]


def test_a_capture_with_bodies_wants_the_requests_of_calls_that_nobody_reads() -> None:
    plain = Settings((Address("", 0),), VERSIONS, (section(),))
    for bodies, protocol, unread in ((True, "grpc", True), (False, "grpc", False), (True, "oip", False)):
        route = replace(section(), protocol=protocol)
        settings = replace(plain, routes=(route,), capture=Capture(100.0, "/c", 1000, bodies))
        assert table_of(settings, {"r": taken(route)}, 1).routes[0].unread == unread


def test_weights_of_a_paused_release_stay() -> None:
    state = transitions.enter(taken(section(split=(), release=RELEASE)), 1, "", 6.0)
    assert transitions.weights(transitions.pause(state, "", 7.0)) == transitions.weights(state)


def test_stages_of_a_plan_in_force_do_not_follow_the_file() -> None:
    state = transitions.enter(taken(section(split=(), release=RELEASE)), 1, "", 6.0)
    assert replace(state, release=RELEASE).release == RELEASE


def test_a_primary_of_before_that_is_gone_is_forgotten() -> None:
    """Otherwise a rollback would send all traffic to a version that nobody can reach."""
    promoted = transitions.guarded(transitions.promote(taken(section()), None, "", 9.0), Guard(), 9.0)
    state, _ = merge(section(), promoted, ("v2", "v3"), 10.0)
    assert (state.phase, state.primary, state.previous, state.after) == ("promoted", "v2", None, None)
    with pytest.raises(TransitionRefused, match="nothing to roll back to"):
        transitions.rollback(state, (), "", 11.0)


def test_verdicts_of_a_rolled_back_release_are_held_to_its_own_guard() -> None:
    own = section(split=(), release=RELEASE)
    begun = taken(own)
    assert judged_guard(own, begun) == guard_of(own, begun)
    over = transitions.rollback(begun, (), "no", 9.0)
    assert judged_guard(own, over).false_alarm == 0.01 != guard_of(own, over).false_alarm
    by_hand = transitions.rollback(taken(section()), (), "no", 9.0)
    assert judged_guard(section(), by_hand) == guard_of(section(), by_hand)
