"""Candidates without the package that is asked for get no live traffic, on whatever way, and lose none."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.package import Package
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Role
from proxy.control.api import moves
from proxy.control.api.problems import ApiError
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.phases import TransitionRefused
from tests.control.houses import House, canary_release, section, settings, together
from tests.support.packages import FAILED, PASSED, package

RELEASED = section(split=(), shadows=(), release=canary_release())
FAULT = Package("v2.json", "it was altered: its digest is not that of its text")


def demanding(*sections: RouteSettings, **packages: Package) -> Settings:
    return settings(*(sections or (RELEASED,)), require_package="passed", packages=packages)


@pytest.mark.parametrize("packages", [{}, {"v2": FAULT}, {"v2": package("v2")}, {"v2": package("v2", FAILED)}])
def test_a_release_does_not_begin_without_its_package(packages: dict[str, Package]) -> None:
    house = House(demanding(**packages))
    state = house.engine.state("cancer")
    assert (state.phase, house.split(), house.shadows(), state.release) == ("steady", {}, {}, None)
    assert any("v2" in warning for warning in house.engine.warnings("cancer"))
    with pytest.raises(ApiError, match="v2"):
        moves.start(house.engine, "cancer", {"reason": "again"}, house.now)
    named = {"reason": "again", "candidate": "v2", "strategy": "canary", "stages": [{"canary": 5, "requests": 10}]}
    move, why = moves.start(house.engine, "cancer", named, house.now)
    with pytest.raises(TransitionRefused, match="v2"):
        house.engine.command("cancer", "release", move, "ops", why, house.now)
    with pytest.raises(TransitionRefused, match="v2"):
        split(house, v2=10.0)


def split(house: House, **percents: float) -> None:
    house.engine.command(
        "cancer", "split", lambda s: transitions.split(s, percents, "by hand", house.now), "ops", "by hand", house.now
    )


def test_it_begins_with_the_reload_after_its_package_is_right() -> None:
    house = House(demanding(v2=FAULT))
    house.engine.reload(lambda: demanding(v2=package("v2", PASSED)), house.now)
    assert (house.engine.state("cancer").phase, house.shadows()) == ("shadowing", {"v2": 100.0})
    assert house.engine.warnings("cancer") == []


def test_a_restart_changes_nothing() -> None:
    store = Store(":memory:")
    first = House(demanding(v2=FAULT), store)
    before = first.engine.state("cancer")
    assert House(demanding(v2=FAULT), store).engine.state("cancer") == before
    begun = House(demanding(v2=package("v2", PASSED)), store)
    assert begun.engine.state("cancer").phase == "shadowing"


def test_one_that_has_begun_stays_where_it_is_and_goes_no_further() -> None:
    house = House(demanding(v2=package("v2", PASSED)))
    house.engine.reload(lambda: demanding(v2=FAULT), house.now)
    assert house.shadows() == {"v2": 100.0}
    fill(house)
    assert house.engine.state("cancer").stage == 0
    assert any("altered" in warning for warning in house.engine.warnings("cancer"))
    with pytest.raises(TransitionRefused):
        promote(house)
    house.engine.reload(lambda: demanding(v2=package("v2", PASSED)), house.now)
    fill(house)
    assert house.engine.state("cancer").stage == 1


def test_one_that_was_begun_by_hand_goes_no_further_either() -> None:
    """The configuration names no candidate: the package is asked of what is live."""
    by_hand = section(split=(), shadows=())
    house = House(demanding(by_hand, v2=package("v2", PASSED)))
    stages = [{"shadow": 100, "requests": 100}, {"canary": 50, "requests": 100}]
    named = {"reason": "now", "candidate": "v2", "strategy": "canary", "stages": stages}
    move, why = moves.start(house.engine, "cancer", named, house.now)
    house.engine.command("cancer", "release", move, "ops", why, house.now)
    house.engine.reload(lambda: demanding(by_hand, v2=FAULT), house.now)
    fill(house)
    assert (house.engine.state("cancer").stage, house.split()) == (0, {})
    assert any("altered" in warning for warning in house.engine.warnings("cancer"))
    house.engine.reload(lambda: demanding(by_hand, v2=package("v2", PASSED)), house.now)
    fill(house)
    assert (house.engine.state("cancer").stage, house.split()) == (1, {"v2": 50.0})


def test_one_goes_no_further_while_another_model_answers_than_the_one_that_was_replayed() -> None:
    house = House(demanding(v2=package("v2", replace(PASSED, answered_as=("model_version=2",)))))
    answers(house, "model_version=7")
    fill(house)
    assert (house.engine.state("cancer").stage, house.shadows()) == (0, {"v2": 100.0})
    why = r"model_version=7 answers as v2 on route cancer, and the replay that passed is of model_version=2"
    assert any(why in warning for warning in house.engine.warnings("cancer"))
    with pytest.raises(TransitionRefused, match=why):
        promote(house)
    answers(house, "model_version=2", 250)
    fill(house)
    assert house.engine.state("cancer").stage == 1
    assert not any("answers as" in warning for warning in house.engine.warnings("cancer"))


def test_one_that_said_nothing_of_itself_may_be_anybody() -> None:
    house = House(demanding(v2=package("v2", PASSED)))
    answers(house, "model_version=7")
    fill(house)
    assert house.engine.state("cancer").stage == 1


def answers(house: House, identity: str, count: int = 20) -> None:
    """Copies that say who answered."""
    arms: tuple[tuple[str, Role, str], ...] = (("v1", "primary", "model_version=1"), ("v2", "shadow", identity))
    legs = [
        Observation(at, "cancer", version, role, 1.0, 0.0, 0.01, 200, copies=1, analysed=True, identity=who)
        for at in range(count)
        for version, role, who in arms
    ]
    house.board.on_observations(legs, house.now)
    house.now += 1.0
    house.engine.on_time(house.now)


def fill(house: House) -> None:
    from tests.control.houses import arm

    house.tick(arm("v1", "primary", 500), arm("v2", "shadow", 500, share=1.0))
    house.now += 1.0
    house.engine.on_time(house.now)


def promote(house: House) -> None:
    house.engine.command(
        "cancer", "promote", lambda s: transitions.promote(s, None, "why", house.now), "ops", "why", house.now
    )


def test_whatever_takes_traffic_off_is_done() -> None:
    house = House(demanding(v2=package("v2", PASSED)))
    house.engine.reload(lambda: demanding(v2=FAULT), house.now)
    house.engine.command(
        "cancer", "rollback", lambda s: transitions.rollback(s, (), "bad", house.now), "ops", "bad", house.now
    )
    assert house.engine.state("cancer").phase == "rolled_back"


def test_a_promoted_version_goes_back_to_a_primary_without_a_package() -> None:
    house = House(settings(RELEASED))
    promote(house)
    house.engine.reload(lambda: demanding(v2=FAULT), house.now)
    house.engine.command(
        "cancer", "rollback", lambda s: transitions.rollback(s, (), "bad", house.now), "ops", "bad", house.now
    )
    assert house.engine.state("cancer").primary == "v1"


def test_a_configured_canary_is_a_candidate_and_a_shadow_is_none() -> None:
    house = House(demanding(section(), v2=FAULT))
    assert (house.split(), house.shadows()) == ({}, {"v3": 100.0})
    house = House(demanding(section(), v2=package("v2", PASSED)))
    assert house.split() == {"v2": 10.0}


def test_a_split_may_go_down_and_not_up() -> None:
    house = House(demanding(section(), v2=package("v2", PASSED)))
    house.engine.reload(lambda: demanding(section(), v2=FAULT), house.now)
    split(house, v2=5.0)
    assert house.split() == {"v2": 5.0}
    with pytest.raises(TransitionRefused):
        split(house, v2=6.0)


def test_a_release_over_several_routes_begins_whole_or_not_at_all() -> None:
    sections = together(routes={"features": "v2", "predict": "v3"})
    packages = {"v2": package("v2", replace(PASSED, route="features")), "v3": package("v3")}
    house = House(demanding(*sections, **packages))
    assert {name: state.phase for name, state in house.engine.states.items()} == dict.fromkeys(
        ("features", "predict"), "steady"
    )
    packages["v3"] = package("v3", replace(PASSED, route="predict"))
    house.engine.reload(lambda: demanding(*sections, **packages), house.now)
    assert {state.phase for state in house.engine.states.values()} == {"shadowing"}


def test_nobody_asks_for_packages_by_default() -> None:
    house = House(settings(RELEASED, packages={"v2": FAULT}))
    assert house.engine.state("cancer").phase == "shadowing"


def test_the_audit_has_the_package_of_each_version() -> None:
    house = House(demanding(v2=package("v2", PASSED)))
    lineage: Any = house.heard[-1].lineage
    assert lineage["v2"]["package"] == package("v2", PASSED) and "package" not in lineage["v1"]
