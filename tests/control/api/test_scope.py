"""What reads are of: verdicts and audit of the fleet, or of one sidecar."""

from __future__ import annotations

import pytest

from proxy.control.api import views
from proxy.control.api.problems import ApiError
from proxy.control.api.scope import chain_of, route, scope_of, scorecard
from proxy.control.fleet.service import FleetService
from tests.control.houses import House, section, settings
from tests.support.fleets import FleetHouse, arm

SPLIT = settings(section(shadows=()))


def two() -> FleetHouse:
    """A fleet of two, in which the first has all of the traffic."""
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    for _ in range(4):
        fleet.sidecars[0].tick(arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 10))
        fleet.turns()
    fleet.turns(2)
    return fleet


def test_verdicts_are_the_fleet_s_unless_this_sidecar_is_asked_for() -> None:
    fleet = two()
    clock = fleet.sidecars[0].clock()
    counts = {}
    for at, each in enumerate(fleet.sidecars):
        for of in ("fleet", "sidecar"):
            shown = scorecard(each.engine, "cancer", of, clock)
            assert shown["scope"] == of
            counts[at, of] = next(line["n"] for line in shown["metrics"] if line["metric"] == "error_rate")
    assert counts == {(0, "fleet"): 40, (0, "sidecar"): 40, (1, "fleet"): 40, (1, "sidecar"): 0}


def test_a_route_says_what_its_verdict_is_of_and_has_one_state_in_both() -> None:
    fleet = two()
    idle = fleet.sidecars[1]
    whole, own = (route(idle.engine, "cancer", of, idle.clock()) for of in ("fleet", "sidecar"))
    assert (whole["scope"], own["scope"]) == ("fleet", "sidecar")
    assert whole["split"] == own["split"] == {"v1": 90.0, "v2": 10.0}
    assert "no data" in own["sentence"] and whole["sentence"] != own["sentence"]


def test_the_audit_is_the_fleet_s_chain_or_that_of_this_sidecar() -> None:
    fleet = two()
    fleet.command(fleet.sidecars[1], "split", {"split": {"v2": 30}, "reason": "more"})
    for each in fleet.sidecars:
        service = FleetService(each.member, fleet.world.store)
        of_all = views.audit(each.engine, 10, store=chain_of("fleet", service))
        assert (of_all["scope"], of_all["entries"][0]["why"], of_all["entries"][0]["who"]) == ("fleet", "more", "ada")
        own = views.audit(each.engine, 10, store=chain_of("sidecar", service))
        assert own["scope"] == "sidecar"
        assert "more" not in {entry["why"] for entry in own["entries"]}
        assert views.audit(each.engine, 10, 0, "cancer", chain_of("fleet", service))["entries"][-1]["why"] == "more"
        assert views.audit(each.engine, 10, 0, "other", chain_of("fleet", service))["entries"] == []


def test_without_a_fleet_there_is_nothing_to_choose() -> None:
    house = House(SPLIT)
    assert scope_of({}, house.engine) == scope_of({"scope": "sidecar"}, house.engine) == "sidecar"
    with pytest.raises(ApiError, match="is in no fleet"):
        scope_of({"scope": "fleet"}, house.engine)
    assert chain_of("sidecar", None) is None


def test_a_scope_that_is_none_is_refused() -> None:
    engine = two().sidecars[0].engine
    assert scope_of({}, engine) == "fleet"
    with pytest.raises(ApiError, match="allowed: sidecar or fleet") as refused:
        scope_of({"scope": "FLEET" * 99}, engine)
    assert (refused.value.field, len(refused.value.detail) < 120) == ("scope", True)
