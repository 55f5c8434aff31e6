"""The metrics of sidecars in a fleet."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from proxy.control.fleet.follower import Follower
from proxy.control.fleet.service import FleetService
from proxy.control.telemetry.fleet_metrics import OF_THE_FLEET, FleetCollector
from tests.control.houses import section, settings
from tests.support.fleets import SOME_FLEET, FleetHouse, SidecarHouse

SPLIT = settings(section(shadows=()))


def shown(house: SidecarHouse, service: FleetService | None = None) -> dict[str, float]:
    """The samples of a sidecar, by name."""
    collector = FleetCollector(service or FleetService(house.member, house.world.store))
    return {sample.name: sample.value for metric in collector.collect() for sample in metric.samples}


def test_each_sidecar_says_who_is_there_and_whether_it_judges() -> None:
    fleet = FleetHouse(SPLIT, 3)
    fleet.turns(4)
    found = [shown(each) for each in fleet.sidecars]
    assert {each["penumbra_fleet_members"] for each in found} == {3.0}
    assert sum(each["penumbra_fleet_is_judge"] for each in found) == 1.0
    assert {each["penumbra_fleet_has_judge"] for each in found} == {1.0}
    assert {each["penumbra_fleet_lost"] for each in found} == {0.0}
    assert {each["penumbra_fleet_differing_routes"] for each in found} == {0.0}
    assert len({each["penumbra_fleet_revision"] for each in found}) == 1
    assert found[0]["penumbra_fleet_revision"] > 0.0


def test_what_is_the_fleet_s_is_the_same_at_each_sidecar() -> None:
    fleet = FleetHouse(SPLIT, 3)
    fleet.turns(4)
    alike = [{name: n for name, n in shown(each).items() if name in OF_THE_FLEET} for each in fleet.sidecars]
    assert alike[0] and alike[0] == alike[1] == alike[2]


def test_a_sidecar_that_hears_nothing_is_apart_after_its_lease() -> None:
    fleet = FleetHouse(SPLIT, 2)
    silent = fleet.sidecars[1]
    assert shown(silent)["penumbra_fleet_lost"] == 1.0
    assert "penumbra_fleet_report_age_seconds" not in shown(silent)
    fleet.turns(4)
    fleet.turns(1, after=SOME_FLEET.lease - 0.1, only=lambda each: each is not silent)
    assert shown(silent)["penumbra_fleet_lost"] == 0.0
    fleet.turns(1, after=0.1, only=lambda each: each is not silent)
    assert shown(silent)["penumbra_fleet_lost"] == 1.0
    assert shown(silent)["penumbra_fleet_has_judge"] == 0.0
    assert shown(silent)["penumbra_fleet_report_age_seconds"] >= SOME_FLEET.lease


def test_routes_that_differ_are_counted_once() -> None:
    fleet = FleetHouse(SPLIT, 2)
    other = settings(section(shadows=(), primary="v3"))
    fleet.sidecars.append(SidecarHouse(fleet.world, "z", other))
    fleet.turns(6)
    assert shown(fleet.judge)["penumbra_fleet_differing_routes"] == 1.0


def test_turns_and_late_requests_are_counted() -> None:
    fleet = FleetHouse(SPLIT, 1)
    (alone,) = fleet.sidecars
    service = FleetService(alone.member, fleet.world.store)
    service.turns.update({"done": 2, "unavailable": 1})
    collector = FleetCollector(service)
    rows = {(s.name, *s.labels.values()): s.value for metric in collector.collect() for s in metric.samples}
    assert rows["penumbra_fleet_turns_total", "done"] == 2.0
    assert rows["penumbra_fleet_turns_total", "unavailable"] == 1.0
    assert rows["penumbra_fleet_late_requests_total",] == 0.0
    assert rows["penumbra_fleet_refused_looks_total",] == 0.0
    assert rows["penumbra_fleet_info", "test", "a"] == 1.0


def test_looks_that_are_not_followed_yet_are_counted() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    behind = next(each for each in fleet.sidecars if each is not fleet.judge)
    term, look, stamp = behind.member.following.place
    behind.member.following.newest = (term, look + 3, stamp)
    assert shown(behind)["penumbra_fleet_behind"] == 3.0
    behind.member.following.newest = (term + 1, 2, "another")
    assert shown(behind)["penumbra_fleet_behind"] == 2.0
    assert shown(fleet.judge)["penumbra_fleet_behind"] == 0.0


def test_a_rollback_of_the_fleet_is_counted_once_at_each_sidecar() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    for _ in range(20):
        fleet.traffic(90, 10, 8)
    fleet.turns(4)
    late = SidecarHouse(fleet.world, "late", SPLIT)
    fleet.sidecars.append(late)
    fleet.turns(4)
    counted = [dict(each.engine.rollbacks) for each in fleet.sidecars]
    assert counted == [{("cancer", "fleet"): 1}, {("cancer", "fleet"): 1}, {}]


def test_a_rollback_by_hand_is_counted_where_it_was_asked_for_and_elsewhere() -> None:
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    fleet.command(fleet.sidecars[1], "rollback", {"reason": "it fails"})
    assert [dict(each.engine.rollbacks) for each in fleet.sidecars] == [
        {("cancer", "fleet"): 1},
        {("cancer", "manual"): 1},
    ]


def test_a_sidecar_that_is_to_hold_its_split_does_so_without_the_store() -> None:
    fleet = FleetHouse(replace(SPLIT, fleet=replace(SOME_FLEET, on_lost="hold")), 1)
    (alone,) = fleet.sidecars
    asyncio.run(fleet.go(1, 0.5, lambda each: False))
    assert alone.split() == {}
    fleet.turns(4)
    assert alone.split() == {"v2": 10.0}
    fleet.turns(1, after=SOME_FLEET.lease + 1.0, only=lambda each: False)
    assert alone.split() == {"v2": 10.0}
    assert isinstance(alone.engine, Follower) and not alone.engine.apart
    assert shown(alone)["penumbra_fleet_lost"] == 1.0
