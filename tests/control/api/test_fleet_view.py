"""The fleet as it is shown: the same members at each sidecar, who judges, who is behind, and no secret."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from proxy.control.api.event_stream import documents
from proxy.control.api.fleet_view import USUAL_LOOKS, _member
from proxy.control.api.fleet_view import fleet as view
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.store import LEADERSHIP_SECONDS
from tests.control.houses import House, section, settings
from tests.support.fleets import SOME_FLEET, FleetHouse, SidecarHouse

SECRET = "s3cret"
SPLIT = settings(section(shadows=()), fleet=replace(SOME_FLEET, redis=f"redis://ada:{SECRET}@h"))


def shown(house: FleetHouse, sidecar: SidecarHouse) -> dict[str, Any]:
    """What the admin API answers; as JSON, to see that it is."""
    found: dict[str, Any] = json.loads(json.dumps(view(FleetService(sidecar.member, house.world.store))))
    return found


def test_before_the_first_answer_there_is_nothing_but_itself() -> None:
    house = FleetHouse(SPLIT, 1)
    found = shown(house, house.sidecars[0])
    nothing = {"judge": None, "is_judge": False, "apart": True, "heard_seconds_ago": None, "revision": None}
    assert {name: found[name] for name in nothing} == nothing
    assert (found["instance"], found["members"], found["audit"]["entries"]) == ("a", [], 0)


def test_all_sidecars_show_the_same_fleet() -> None:
    house = FleetHouse(SPLIT, 3)
    house.turns(5)
    views = {each.name: shown(house, each) for each in house.sidecars}
    judge = house.judge.name
    assert {name: found["is_judge"] for name, found in views.items()} == {name: name == judge for name in "abc"}
    assert {found["judge"] for found in views.values()} == {judge}
    assert len({json.dumps(found["audit"]) for found in views.values()}) == 1
    for found in views.values():
        assert [member["instance"] for member in found["members"]] == ["a", "b", "c"]
        assert (found["apart"], found["fault"], found["warnings"], found["late_legs"]) == (False, None, [], 0)
        assert found["term"] == 1
        assert all(0 <= member["behind"] <= 2 for member in found["members"])


def test_who_has_not_come_along_is_behind_and_then_gone() -> None:
    house = FleetHouse(SPLIT, 3)
    house.turns(5)
    lost = next(each for each in house.sidecars if each is not house.judge)
    house.turns(10, only=lambda each: each is not lost)
    row = next(row for row in shown(house, house.judge)["members"] if row["instance"] == lost.name)
    assert row["behind"] >= 9
    assert row["report_seconds_ago"] >= 4.5
    house.turns(14, only=lambda each: each is not lost)
    assert lost.name not in {row["instance"] for row in shown(house, house.judge)["members"]}
    found = shown(house, lost)
    assert found["apart"]
    assert found["heard_seconds_ago"] >= 10.0


def test_one_that_follows_a_look_of_another_term_is_behind_by_nobody_knows_how_much() -> None:
    house = FleetHouse(SPLIT, 2)
    house.turns(5)
    lost = next(each for each in house.sidecars if each is house.judge)
    left = next(each for each in house.sidecars if each is not lost)
    house.turns(14, only=lambda each: each is left)
    assert left.member.session.is_judge
    found = shown(house, left)
    assert found["term"] == 2
    assert {row["instance"]: row["behind"] is None for row in found["members"]} == {lost.name: True, left.name: False}


def test_while_the_store_is_silent_nobody_judges_and_reports_grow_old() -> None:
    house = FleetHouse(SPLIT, 2)
    house.turns(5)
    assert {row["report_seconds_ago"] <= 1.5 for row in shown(house, house.judge)["members"]} == {True}
    here = house.judge
    house.world.now += LEADERSHIP_SECONDS
    found = shown(house, here)
    assert not found["is_judge"], "another one may have its term"
    house.world.now += SOME_FLEET.lease
    found = shown(house, here)
    assert (found["lost"], found["judge"], found["is_judge"]) == (True, None, False)
    assert all(row["report_seconds_ago"] >= LEADERSHIP_SECONDS + SOME_FLEET.lease for row in found["members"])


def test_whose_configuration_differs_is_named_with_the_routes() -> None:
    house = FleetHouse(SPLIT, 3)
    house.turns(5)
    odd = next(each for each in house.sidecars if each is not house.judge)
    changed = replace(SPLIT.routes[0], noise=5.0)
    odd.engine.reload(lambda: replace(odd.engine.settings, routes=(changed,)), odd.clock())
    house.turns(3)
    rows = shown(house, house.judge)["members"]
    assert {row["instance"]: row["differs"] for row in rows if row["differs"]} == {odd.name: ["cancer"]}


def test_no_secret_is_shown() -> None:
    house = FleetHouse(SPLIT, 1)
    house.turns(3)
    assert SECRET not in json.dumps(shown(house, house.sidecars[0]))


def test_one_that_follows_an_older_table_is_late() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(6)
    judge = fleet.judge.member
    place, row = judge.following.place, judge.members[0]
    after = (place[0], place[1] + USUAL_LOOKS + 1, place[2])
    (one, other) = (_member(replace(row, follows=follows), after, 0.0) for follows in (place, (0, 0, "")))
    assert (one["behind"], one["late"]) == (USUAL_LOOKS + 1, True)
    assert (other["behind"], other["late"]) == (None, True)


def test_what_is_wrong_with_the_fleet_is_a_warning_of_every_route() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(6)
    here = fleet.sidecars[0]
    service = FleetService(here.member, fleet.world.store)
    here.engine.troubles = lambda: service.notices
    assert here.engine.warnings("cancer") == []
    service.fault = "Redis at x: gone"
    assert here.engine.warnings("cancer") == ["fleet: Redis at x: gone"]
    fleet.turns(1, after=SOME_FLEET.lease, only=lambda each: each is not here)
    assert [each for each in here.engine.warnings("cancer") if "all traffic to the primaries" in each]


def test_warnings_of_the_judge_are_shown_at_each_sidecar() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.sidecars.append(SidecarHouse(fleet.world, "z", settings(section(shadows=(), primary="v3"))))
    fleet.turns(6)
    for each in fleet.sidecars:
        assert [told for told in each.engine.warnings("cancer") if "no stage advances" in told and "fleet.name" in told]


def test_listeners_hear_of_the_fleet_where_there_is_one() -> None:
    fleet, house = FleetHouse(SPLIT, 1), House(SPLIT)
    fleet.turns(4)
    (alone,) = fleet.sidecars
    service = FleetService(alone.member, fleet.world.store)
    told = {path: document for path, _, document in documents(alone.engine, alone.board, [], alone.clock(), service)}
    assert told["/v1/fleet"]["fleet"] == "test"
    assert told["/v1/audit?limit=50"]["scope"] == "fleet"
    assert told["/v1/routes"]["fleet"] == "test"
    assert "/v1/fleet" not in {path for path, *_ in documents(house.engine, house.board, [], house.now)}
