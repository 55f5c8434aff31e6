"""One release over several routes: judged as one, moved as one, in one table and one entry of the audit."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.config.releases import sealed
from proxy.contracts.release import RouteState
from proxy.contracts.settings import Baseline, Release, Stage
from proxy.control.engine_errors import NotStoredYetError, UnknownReleaseError
from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import entry_of, states_of
from proxy.release.phases import TransitionRefused
from tests.control.houses import CANDIDATES, GUARD, House, arm, canary_release, section, settings, together

LIVE = canary_release(stages=(Stage(canary=10.0, requests=100), Stage(canary=50.0, requests=100)))


def made(release: Release = LIVE, **changes: Any) -> House:
    return House(settings(*together(release, **changes), section("alone")))


def traffic(house: House, route: str, n: int = 40, bad: int = 0, share: float = 0.1) -> None:
    primary = arm("v1", "primary", round(n * (1 - share) / share), 0, 1.0 - share, route)
    house.tick(primary, arm(CANDIDATES[route], "canary", n, bad, share, route))


def places(house: House) -> list[tuple[str, int]]:
    return [(house.engine.state(route).phase, house.engine.state(route).stage) for route in CANDIDATES]


def entries(house: House) -> list[Any]:
    return [entry_of(link) for link in house.engine.audit(100)]


def by_hand(house: House, route: str, action: str, move: Callable[[RouteState], RouteState]) -> None:
    house.engine.command(route, action, move, "ops", "by hand", house.now)


def test_it_begins_on_all_routes_in_one_table() -> None:
    house = made()
    assert places(house) == [("ramping", 0)] * 3
    assert [route.group for route in house.table.routes] == ["fraud-2"] * 3 + [""]
    assert {name: house.split(name) for name in CANDIDATES} == {name: {v: 10.0} for name, v in CANDIDATES.items()}
    assert len(house.tables) == 1


def test_a_breach_on_one_route_takes_all_back_in_one_table_and_one_entry() -> None:
    house = made()
    traffic(house, "features")
    tables, count = len(house.tables), len(entries(house))
    traffic(house, "predict", bad=40)
    assert places(house) == [("rolled_back", 0)] * 3
    assert len(house.tables) == tables + 1
    assert not any(house.split(name) for name in CANDIDATES)
    assert house.split("alone") == {"v2": 10.0}
    newest, *_ = entries(house)
    assert len(entries(house)) == count + 1
    assert (newest.route, newest.action, set(states_of(newest))) == ("fraud-2", "rollback", set(CANDIDATES))
    assert "predict: error_rate" in newest.why
    assert {line["route"] for line in newest.evidence} == set(CANDIDATES)
    assert house.engine.rollbacks == {(name, "error_rate"): 1 for name in CANDIDATES}
    assert [change.route for change in house.heard][-1] == "fraud-2"


def test_its_entries_are_found_by_its_name_and_by_each_of_its_routes() -> None:
    house = made()
    traffic(house, "predict", bad=40)
    for name in ("fraud-2", *CANDIDATES):
        assert [entry_of(link).action for link in house.engine.audit(9, route=name)] == ["rollback", "start"]
    assert [entry_of(link).route for link in house.engine.audit(9, route="alone")] == ["alone"]


def test_a_stage_ends_when_each_route_has_what_it_needs() -> None:
    house = made()
    for route in ("features", "predict"):
        for _ in range(5):
            traffic(house, route)
    assert places(house) == [("ramping", 0)] * 3
    assert house.engine.release("fraud-2").legs == 0
    tables = len(house.tables)
    for _ in range(5):
        traffic(house, "explain")
    assert places(house) == [("ramping", 1)] * 3
    assert len(house.tables) == tables + 1
    assert {name: house.split(name) for name in CANDIDATES} == {name: {v: 50.0} for name, v in CANDIDATES.items()}
    assert len({house.engine.state(route).stage_since for route in CANDIDATES}) == 1


def test_a_route_whose_scorecard_does_not_pass_holds_all_of_them() -> None:
    house = made(replace(LIVE, require="proof"))
    for _ in range(40):
        for route in ("features", "predict"):
            traffic(house, route)
    for _ in range(3):
        traffic(house, "explain")
    assert places(house) == [("ramping", 0)] * 3
    verdict = house.engine.release("fraud-2").verdict
    assert (verdict.outcome, verdict.sentence.startswith("explain: ")) == ("undecided", True)


def test_all_are_promoted_at_once_and_a_breach_leads_all_back() -> None:
    house = made(replace(LIVE, rollback_window=60.0, stages=(Stage(canary=50.0, requests=10),)))
    for _ in range(20):
        for route in CANDIDATES:
            traffic(house, route, share=0.5)
    assert places(house) == [("promoted", 0)] * 3
    assert {route.name: route.primary for route in house.table.routes[:3]} == CANDIDATES
    tables = len(house.tables)
    house.tick(arm("v3", "primary", 200, 200, 1.0, "predict"))
    assert places(house) == [("rolled_back", 0)] * 3
    assert {route.primary for route in house.table.routes[:3]} == {"v1"}
    assert len(house.tables) == tables + 1


def test_the_window_ends_for_all_at_once() -> None:
    house = made(replace(LIVE, rollback_window=60.0, stages=(Stage(canary=50.0, requests=10),)))
    by_hand(house, "features", "promote", lambda s: transitions.promote(s, None, "", house.now))
    house.now += 61.0
    tables = len(house.tables)
    house.engine.on_time(house.now)
    assert [house.engine.state(route).after for route in CANDIDATES] == [None] * 3
    assert len(house.tables) == tables + 1
    assert entries(house)[0].action == "settle"


@pytest.mark.parametrize("route", CANDIDATES)
def test_a_command_on_any_of_its_routes_is_one_on_all(route: str) -> None:
    house = made()
    tables = len(house.tables)
    by_hand(house, route, "pause", lambda s: transitions.pause(s, "", house.now))
    assert places(house) == [("paused", 0)] * 3
    by_hand(house, route, "resume", lambda s: transitions.resume(s, "", house.now))
    assert places(house) == [("ramping", 0)] * 3
    by_hand(house, route, "rollback", lambda s: transitions.rollback(s, (), "", house.now))
    assert places(house) == [("rolled_back", 0)] * 3
    assert len(house.tables) == tables + 3
    assert [(entry.action, len(entry.beside)) for entry in entries(house)[:3]] == [
        ("rollback", 2),
        ("resume", 2),
        ("pause", 2),
    ]


def test_what_one_route_refuses_is_made_on_none() -> None:
    house = made()

    def only_features(state: RouteState) -> RouteState:
        if state.route != "features":
            raise TransitionRefused("not here")
        return transitions.pause(state, "", house.now)

    tables = len(house.tables)
    with pytest.raises(TransitionRefused):
        by_hand(house, "features", "pause", only_features)
    assert places(house) == [("ramping", 0)] * 3
    assert len(house.tables) == tables


def test_shadows_by_hand_are_of_one_route() -> None:
    house = made()
    by_hand(house, "features", "shadows", lambda s: transitions.shadows(s, {"v3": 50.0}, "", house.now))
    assert [house.shadows(route) for route in CANDIDATES] == [{"v3": 50.0}, {}, {}]
    assert (entries(house)[0].route, entries(house)[0].beside) == ("features", {})


def test_on_breach_pause_pauses_all_and_notify_none() -> None:
    for wanted, phase in (("pause", "paused"), ("notify", "ramping")):
        guard = replace(GUARD, on_breach=wanted)
        house = made(replace(LIVE, guard=guard))
        for _ in range(3):
            traffic(house, "predict", bad=40)
        assert places(house) == [(phase, 0)] * 3
        told = [entry for entry in entries(house) if entry.action == wanted]
        assert [entry.route for entry in told] == ["fraud-2" if wanted == "pause" else "predict"]


def test_what_is_only_told_of_one_route_hides_no_breach_of_another() -> None:
    told, acts, plain = together(LIVE)
    assert told.release
    assert acts.release
    told = replace(told, release=replace(told.release, guard=replace(told.release.guard, on_breach="notify")))
    house = House(settings(told, acts, plain))
    traffic(house, "features", bad=40)
    assert places(house) == [("ramping", 0)] * 3
    traffic(house, "explain", bad=40)
    assert places(house) == [("rolled_back", 0)] * 3


def test_a_broken_baseline_leaves_by_itself() -> None:
    sections = together(LIVE)
    with_one = replace(sections[0], baseline=Baseline("v3"))
    house = House(settings(with_one, *sections[1:]))
    house.tick(
        arm("v1", "primary", 400, 0, 0.8, "features"),
        arm("v3", "baseline", 40, 40, 0.1, "features"),
        arm("v2", "canary", 40, 0, 0.1, "features"),
    )
    assert places(house) == [("ramping", 0)] * 3
    assert (entries(house)[0].action, entries(house)[0].route) == ("drop", "features")


def test_a_restart_goes_on_as_one() -> None:
    store = Store(":memory:")
    configured = settings(*together(LIVE), section("alone"))
    house = House(configured, store)
    for route in CANDIDATES:
        for _ in range(5):
            traffic(house, route)
    assert places(house) == [("ramping", 1)] * 3
    again = House(configured, store, house.table)
    assert places(again) == [("ramping", 1)] * 3
    traffic(again, "predict", bad=40, share=0.5)
    assert places(again) == [("rolled_back", 1)] * 3
    third = House(configured, store, again.table)
    assert places(third) == [("rolled_back", 1)] * 3
    assert not any(third.split(name) for name in CANDIDATES)
    assert third.engine.status("explain").at_rollback
    assert {line.route for line in third.engine.status("explain").at_rollback} == {"explain"}


def test_a_rollback_that_could_not_be_stored_is_honoured_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(":memory:")
    configured = settings(*together(LIVE))
    house = House(configured, store)

    def full(*args: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(store, "save", full)
        with pytest.raises(NotStoredYetError):
            by_hand(house, "predict", "rollback", lambda s: transitions.rollback(s, (), "", house.now))
        with pytest.raises(StoreError):
            by_hand(house, "predict", "release", lambda s: transitions.start(s, LIVE, "", house.now))
    again = House(configured, store, house.table)
    assert places(again) == [("rolled_back", 0)] * 3


def test_a_route_that_is_back_alone_takes_the_others_back() -> None:
    """An older state file, or a damaged row: half a release pairs what does not belong together."""
    store = Store(":memory:")
    configured = settings(*together(LIVE))
    house = House(configured, store)
    published = replace(
        house.table,
        revision=house.table.revision + 1,
        routes=tuple(replace(r, split=()) if r.name == "predict" else r for r in house.table.routes),
    )
    again = House(configured, store, published)
    assert places(again) == [("rolled_back", 0)] * 3
    assert "predict" in again.engine.state("features").reason


def test_a_changed_membership_begins_anew_on_all() -> None:
    house = made()
    for route in CANDIDATES:
        for _ in range(5):
            traffic(house, route)
    assert places(house) == [("ramping", 1)] * 3
    two = together(LIVE, {"features": "v2", "predict": "v3"})
    left = section("explain", split=())
    assert house.engine.reload(lambda: settings(*two, left), house.now)
    assert [house.engine.state(route).stage for route in ("features", "predict")] == [0, 0]
    assert (house.engine.state("explain").phase, house.split("explain")) == ("steady", {})
    assert house.engine.release("explain").several is False
    with pytest.raises(UnknownReleaseError):
        house.engine.release("predict")
    tables = len(house.tables)
    assert house.engine.reload(lambda: settings(*together(LIVE)), house.now)
    assert places(house) == [("ramping", 0)] * 3
    assert len(house.tables) == tables + 1


def test_a_changed_primary_of_one_begins_all_anew() -> None:
    house = made()
    for route in CANDIDATES:
        for _ in range(5):
            traffic(house, route)
    changed = together(LIVE, primary="v1", noise=5.0)
    assert house.engine.reload(lambda: settings(*changed, section("alone")), house.now)
    assert places(house) == [("ramping", 1)] * 3, "what says nothing about traffic begins nothing anew"
    sections = list(together(LIVE))
    other = [replace(sections[0], primary="v3"), *sections[1:]]
    assert house.engine.reload(lambda: settings(*sealed(other)), house.now)
    assert places(house) == [("ramping", 0)] * 3


def test_a_version_that_was_rolled_back_keeps_the_next_release_waiting() -> None:
    house = made()
    traffic(house, "predict", bad=40)
    fixed = together(LIVE, CANDIDATES | {"explain": "v3"}, name="fraud-3")
    assert house.engine.reload(lambda: settings(*fixed), house.now)
    assert places(house) == [("rolled_back", 0)] * 3
    assert not any(house.split(name) for name in CANDIDATES)
    plans = {route.section.name: route.section.release for route in house.engine.release("fraud-3").routes}

    def start(state: RouteState) -> RouteState:
        plan = plans[state.route]
        assert plan is not None
        return transitions.start(state, plan, "", house.now)

    by_hand(house, "predict", "release", start)
    assert places(house) == [("ramping", 0)] * 3


def test_strategies() -> None:
    shadow = made(Release("v2", "shadow", (Stage(shadow=100.0, requests=10),), guard=GUARD))
    assert places(shadow) == [("shadowing", 0)] * 3
    assert all(shadow.shadows(route) == {version: 100.0} for route, version in CANDIDATES.items())
    big = made(Release("v2", "big-bang", accept_risk=True, rollback_window=60.0, guard=GUARD))
    assert [big.engine.state(route).primary for route in CANDIDATES] == list(CANDIDATES.values())
    blue = made(Release("v2", "blue-green", guard=GUARD, rollback_window=60.0))
    assert places(blue) == [("promoted", 0)] * 3


def test_an_arm_of_a_test_that_breaches_takes_the_test_back_on_all() -> None:
    sections = [
        replace(each, release=replace(each.release, strategy="ab-test", arms={each.release.candidate: 50.0}))
        for each in together(replace(LIVE, stages=(Stage(canary=50.0),)))
        if each.release
    ]
    house = House(settings(*sections))
    assert places(house) == [("ramping", 0)] * 3
    traffic(house, "explain", bad=40, share=0.5)
    assert places(house) == [("rolled_back", 0)] * 3


def test_false_alarm_of_the_whole_is_divided_over_the_routes() -> None:
    house = made(replace(LIVE, guard=replace(GUARD, false_alarm=0.03)))
    release = house.engine.release("fraud-2")
    assert [route.guard.false_alarm for route in release.routes] == [0.01] * 3
    for route in CANDIDATES:
        traffic(house, route)
    lines = {line.metric: line for line in house.engine.status("predict").verdicts}
    assert lines["error_rate"].log_breach < log(1 / 0.01)


def test_three_healthy_routes_are_ever_taken_back_no_more_often_than_stated() -> None:
    """Seeded runs, a look at each tick: of runs that are each taken back with probability 0.3 at most, 15 of 20 are
    once in 25,000; were each route judged at 0.3, the whole would be at 0.66."""
    random, back = Random(11), 0
    release = replace(LIVE, stages=(Stage(canary=50.0, requests=10**9),), guard=replace(GUARD, false_alarm=0.3))
    for _ in range(20):
        house = House(settings(*together(release)))
        for _ in range(10):
            arms = []
            for route, candidate in CANDIDATES.items():
                bad = [sum(random.random() < 0.1 for _ in range(40)) for _ in range(2)]
                arms.append(arm("v1", "primary", 40, bad[0], 0.5, route))
                arms.append(arm(candidate, "canary", 40, bad[1], 0.5, route))
            house.tick(*arms)
        back += places(house)[0][0] == "rolled_back"
        house.store.close()
    assert back < 15


def test_many_requests_without_a_key_are_a_warning() -> None:
    house = made()
    for _ in range(4):
        house.tick(arm("v1", "primary", 30, 0, 1.0, "predict"), arm("v1", "primary", 270, 0, 0.9, "features"))
        traffic(house, "predict", 10)
    (warning,) = [said for said in house.engine.warnings("predict") if "no key" in said]
    assert warning.startswith("23% of 520 requests had no key at header:x-user-id")
    assert not any("no key" in said for said in house.engine.warnings("features"))
    by_hand(house, "predict", "rollback", lambda s: transitions.rollback(s, (), "", house.now))
    house.tick(arm("v1", "primary", 500, 0, 1.0, "predict"))
    by_hand(house, "predict", "release", lambda s: transitions.start(s, s.release or LIVE, "", house.now))
    assert not any("no key" in said for said in house.engine.warnings("predict"))
