"""What commands do on the routes of a release: all together, or refused with the name of the release."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.control.api.moves import MOVES
from proxy.control.api.problems import ApiError
from proxy.release import transitions
from tests.control.houses import CANDIDATES, House, canary_release, section, settings, together


def made(**changes: Any) -> House:
    return House(settings(*together(**changes), section("alone")))


def do(house: House, name: str, action: str, body: dict[str, Any]) -> None:
    move, why = MOVES[action](house.engine, name, body, house.now)
    house.engine.command(name, action, move, "ops", why, house.now)


def splits(house: House) -> list[dict[str, float]]:
    return [house.split(name) for name in CANDIDATES]


def test_a_split_of_one_route_is_one_of_all_each_with_its_own_version() -> None:
    house = made()
    do(house, "predict", "split", {"v3": 25})
    assert splits(house) == [{"v2": 25.0}, {"v3": 25.0}, {"v2": 25.0}]
    do(house, "features", "split", {"split": {"v1": 60, "v2": 40}, "reason": "more"})
    assert splits(house) == [{"v2": 40.0}, {"v3": 40.0}, {"v2": 40.0}]
    do(house, "explain", "split", {})
    assert splits(house) == [{}, {}, {}]
    do(house, "explain", "release", {})
    do(house, "explain", "promote", {"version": "v2", "reason": "good"})
    assert [house.engine.state(name).primary for name in CANDIDATES] == list(CANDIDATES.values())
    do(house, "predict", "split", {"v1": 10})
    assert splits(house) == [{"v1": 10.0}] * 3


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("split", {"v2": 10}),
        ("release", {"candidate": "v2", "stages": [{"canary": 5, "requests": 10}]}),
    ],
)
def test_what_would_tear_it_apart_is_refused_with_its_name(action: str, body: dict[str, Any]) -> None:
    house = made()
    with pytest.raises(ApiError, match=r"release fraud-2 \(routes features, predict, explain\)") as refused:
        do(house, "predict", action, body)
    assert refused.value.kind == "refused"
    assert splits(house) == [{}, {}, {}]


def test_without_keys_users_cannot_be_told_apart() -> None:
    house = made(release=canary_release(strategy="shadow", stages=canary_release().stages[:1]), sticky=None)
    with pytest.raises(ApiError, match="features has no sticky key"):
        do(house, "predict", "split", {"v3": 25})
    do(house, "predict", "split", {"v3": 100})
    assert splits(house) == [{"v2": 100.0}, {"v3": 100.0}, {"v2": 100.0}]


def test_a_single_route_is_as_it_was() -> None:
    house = made()
    do(house, "alone", "split", {"v2": 5, "v3": 5})
    assert house.split("alone") == {"v2": 5.0, "v3": 5.0}
    do(house, "alone", "shadows", {"v2": 5})
    do(house, "alone", "release", {"candidate": "v2", "stages": [{"canary": 5, "requests": 10}]})
    assert house.split("alone") == {"v2": 5.0}
    for action, phase in (("pause", "paused"), ("resume", "ramping"), ("rollback", "rolled_back")):
        do(house, "alone", action, {"reason": "why"})
        assert house.engine.state("alone").phase == phase
    assert splits(house) == [{}, {}, {}]


def test_shadows_are_of_the_route_alone() -> None:
    house = made()
    do(house, "predict", "shadows", {"shadows": {"v2": 50}, "reason": "look"})
    assert house.shadows("predict") == {"v3": 100.0, "v2": 50.0} and house.shadows("explain") == {"v2": 100.0}


def test_it_starts_again_as_configured() -> None:
    house = made()
    do(house, "predict", "rollback", {})
    do(house, "features", "release", {"reason": "again"})
    assert [house.engine.state(name).phase for name in CANDIDATES] == ["shadowing"] * 3
    assert all(transitions.releasing(house.engine.state(name)) for name in CANDIDATES)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("split", {"v2": 10}),
        ("shadows", {"v2": 10}),
        ("release", {"candidate": "v2", "stages": [{"canary": 5, "requests": 10}]}),
    ],
)
def test_a_route_of_grpc_gets_no_version_that_is_asked_by_http1(action: str, body: dict[str, Any]) -> None:
    calls = replace(section("calls", split=(), shadows=()), protocol="grpc")
    known = settings(calls)
    said = {name: replace(version, http_said=True) for name, version in known.versions.items()}
    house = House(replace(known, versions=said))
    with pytest.raises(ApiError, match=r"v2 is asked by HTTP/1.1, and route calls takes calls of gRPC") as refused:
        do(house, "calls", action, body)
    assert refused.value.kind == "invalid" and house.split("calls") == {}
    do(House(known), "calls", action, body)  # nobody has said how it is asked: as its route wants


def test_a_version_by_grpc_is_for_routes_whose_requests_become_calls() -> None:
    known = settings(replace(section("rest", split=(), shadows=()), protocol="json"))
    versions = {name: replace(version, http=2, grpc=True) for name, version in known.versions.items()}
    with pytest.raises(ApiError, match=r"takes calls of gRPC, and requests of route rest become none"):
        do(House(replace(known, versions=versions)), "rest", "split", {"v2": 10})
    calls = settings(replace(section("rest", split=(), shadows=()), protocol="oip"))
    do(House(replace(calls, versions=versions)), "rest", "split", {"v2": 10})
