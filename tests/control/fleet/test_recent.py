"""The traffic of a fleet: what its sidecars had together, told by the judge to each of them."""

from __future__ import annotations

from typing import Any

from proxy.control.api.traffic_view import of_fleet, traffic
from proxy.control.fleet.recent import recent_of
from proxy.control.fleet.service import FleetService
from tests.control.history.pasts import legs
from tests.control.houses import House, section, settings
from tests.support.fleets import SOME_FLEET, FleetHouse, SidecarHouse

SPLIT = settings(section(shadows=()), fleet=SOME_FLEET)


def told(house: FleetHouse, sidecar: SidecarHouse) -> dict[str, Any] | None:
    return of_fleet(FleetService(sidecar.member, house.world.store), "cancer")


def test_each_sidecar_shows_the_sum_of_all_beside_its_own() -> None:
    house = FleetHouse(SPLIT, 3)
    house.turns(5)
    assert told(house, house.sidecars[0]) == {"window": 2.0, "sidecars": 3, "arms": []}
    for n, sidecar in enumerate(house.sidecars, 1):
        sidecar.tick(legs(10 * n, n), legs(n, version="v2", role="canary"))
    house.turns(4)
    for n, sidecar in enumerate(house.sidecars, 1):
        service = FleetService(sidecar.member, house.world.store)
        shown = traffic(sidecar.board, "cancer", sidecar.clock(), service)
        assert [each["legs"] for each in shown["arms"]] == [10 * n, n], "its own"
        known = shown["fleet"]
        assert known is not None and known["sidecars"] == 3
        rows = {each["version"]: each for each in known["arms"]}
        assert rows["v1"]["recent"] == dict.fromkeys(rows["v1"]["recent"], 0) | {"good": 54, "failed": 6}
        assert (rows["v2"]["role"], rows["v2"]["recent"]["good"]) == ("canary", 6)
        assert rows["v1"]["total"]["n"] == 60 and rows["v1"]["total"]["p99"] is not None


def test_nobody_tells_where_there_is_no_fleet_or_nobody_was_heard() -> None:
    house = FleetHouse(SPLIT, 1)
    assert of_fleet(None, "cancer") is None and told(house, house.sidecars[0]) is None
    alone = House(settings(section()))
    assert traffic(alone.board, "cancer", alone.now)["fleet"] is None


def test_only_the_last_minute_of_routes_that_are_asked_for() -> None:
    house = House(settings(section()))
    house.tick(legs(10, 1))
    assert recent_of(house.board, ["cancer", "other"], house.now)["other"] == []
    (row,) = recent_of(house.board, ["cancer"], house.now)["cancer"]
    assert row.outcomes == {"good": 9, "failed": 1}
    (row,) = recent_of(house.board, ["cancer"], house.now + 61.0)["cancer"]
    assert (row.outcomes, row.n, row.p99) == ({}, 0, None)
