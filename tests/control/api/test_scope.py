"""What reads are of: verdicts and audit of the fleet, or of one sidecar."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.control.api import views
from proxy.control.api.problems import ApiError
from proxy.control.api.release_view import gate as release_gate
from proxy.control.api.release_view import release as whole_release
from proxy.control.api.release_view import releases
from proxy.control.api.release_view import scorecard as release_scorecard
from proxy.control.api.scope import chain_of, scope_of, seen
from proxy.control.api.verdicts import SCOPES, Scope
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from tests.control.houses import House, section, settings
from tests.support.fleets import FleetHouse, SidecarHouse, arm

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
        for of in SCOPES:
            shown = views.scorecard(seen(each.engine, of, clock), "cancer")
            assert shown["scope"] == of
            counts[at, of] = next(line["n"] for line in shown["metrics"] if line["metric"] == "error_rate")
    assert counts == {(0, "fleet"): 40, (0, "sidecar"): 40, (1, "fleet"): 40, (1, "sidecar"): 0}


def test_a_route_says_what_its_verdict_is_of_and_has_one_state_in_both() -> None:
    fleet = two()
    idle = fleet.sidecars[1]
    own, whole = (views.route(seen(idle.engine, of, idle.clock()), "cancer") for of in SCOPES)
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


def shown_of(engine: Engine) -> list[dict[str, Any]]:
    """Every read that has a verdict."""
    release = engine.release("cancer")
    return [
        views.route(engine, "cancer"),
        views.scorecard(engine, "cancer"),
        views.gate(engine, "cancer"),
        whole_release(engine, release),
        release_scorecard(engine, release),
        release_gate(engine, release),
    ]


def test_every_read_says_what_it_is_of() -> None:
    idle = two().sidecars[1]
    of: Scope
    for of in SCOPES:
        engine = seen(idle.engine, of, idle.clock())
        lists = [views.routes(engine, ()), releases(engine)]
        assert {each["scope"] for each in (*shown_of(engine), *lists)} == {of}
    assert idle.engine.alone is False


def test_the_gate_of_the_fleet_is_its_verdict_at_any_sidecar() -> None:
    """One has all of the traffic; the others say as it does, and of their own requests that there are none."""
    fleet = two()
    release = fleet.sidecars[0].engine.release("cancer")
    gates = [views.gate(each.engine, "cancer") for each in fleet.sidecars]
    assert gates[0] == gates[1]
    assert release_gate(fleet.sidecars[0].engine, release)["sentence"] == gates[0]["sentence"]
    idle = fleet.sidecars[1]
    own = views.gate(seen(idle.engine, "sidecar", idle.clock()), "cancer")
    assert (own["scope"], own["sentence"] != gates[1]["sentence"]) == ("sidecar", True)
    for _ in range(20):
        fleet.sidecars[0].tick(arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 10, 8))
        fleet.turns()
    fleet.turns(2)
    assert [views.gate(each.engine, "cancer")["verdict"] for each in fleet.sidecars] == ["fail", "fail"]


def passing() -> FleetHouse:
    """A fleet whose release was promoted: its gates pass."""
    fleet = two()
    fleet.command(fleet.sidecars[0], "promote", {"version": "v2", "reason": "good"})
    assert [views.gate(each.engine, "cancer")["verdict"] for each in fleet.sidecars] == ["pass", "pass"]
    return fleet


def test_a_gate_of_a_fleet_that_is_not_heard_is_undecided_and_says_why() -> None:
    fleet = passing()
    lost = next(each for each in fleet.sidecars if each is not fleet.judge)
    fleet.turns(30, only=lambda each: each is not lost)
    for shown in shown_of(lost.engine):
        assert (shown["verdict"], shown["sentence"]) == ("undecided", "the fleet's store has been silent for the lease")
    fleet.turns(2)
    assert views.gate(lost.engine, "cancer")["verdict"] == "pass"
    late = SidecarHouse(fleet.world, "z", SPLIT)
    assert views.gate(late.engine, "cancer")["sentence"] == "no table of the fleet has come yet"


def test_a_gate_of_a_route_that_the_judge_does_not_have_is_undecided_and_what_is_rolled_back_has_failed() -> None:
    fleet = two()
    other = settings(replace(section(shadows=()), name="elsewhere"))
    odd = SidecarHouse(fleet.world, "z", other)
    fleet.sidecars.append(odd)
    fleet.turns(4)
    assert "is not the one that the fleet judges by" in views.gate(odd.engine, "elsewhere")["sentence"]
    asked, lost = fleet.sidecars[:2]
    fleet.command(asked, "rollback", {"reason": "bad"})
    fleet.turns(60, only=lambda each: each is not lost)
    assert views.gate(lost.engine, "cancer")["verdict"] == "fail"


def test_what_is_of_one_sidecar_is_of_no_fleet() -> None:
    engine = two().sidecars[0].engine
    assert scope_of({}, engine, "sidecar") == "sidecar"
    with pytest.raises(ApiError, match="sidecar, which this is always of"):
        scope_of({"scope": "fleet"}, engine, "sidecar")
    with pytest.raises(ApiError, match="fleet, which this is always of"):
        scope_of({"scope": "sidecar"}, engine, "fleet")


def test_without_a_fleet_there_is_nothing_to_choose() -> None:
    house = House(SPLIT)
    assert seen(house.engine, "sidecar", 0.0) is house.engine
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
