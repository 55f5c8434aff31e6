"""One release over two routes in a fleet that asks for packages: no sidecar begins before both are there and passed,
and none goes further once one is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.package import PackagedReplay
from tests.support.packages import FAILED, PASSED, document
from tests.support.redis_server import RedisServer
from tests.support.running import Answer, Running, call, eventually
from tests.support.running_fleet import RunningFleet
from tests.support.upstream import Upstream

REST = """
require_package: passed
versions:
  features-1: {{url: "{url}"}}
  features-2: {{url: "{url}", package: "{folder}/features-2.json"}}
  predict-1: {{url: "{url}"}}
  predict-2: {{url: "{url}", package: "{folder}/predict-2.json"}}
routes:
  features: {{match: {{path: /features}}, protocol: json, primary: features-1}}
  predict: {{match: {{path: /predict}}, protocol: json, primary: predict-1}}
releases:
  fraud-2:
    routes: {{features: {{candidate: features-2}}, predict: {{candidate: predict-2}}}}
    strategy: canary
    sticky: "header:x-user-id"
    stages: [{{canary: 50, requests: 600}}, {{canary: 90, requests: 1000000}}]
    require: no_breach
"""
ROUTES = ("features", "predict")
OLD, NEW = ("features-1", "predict-1"), ("features-2", "predict-2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def fleet(folder: Path) -> Iterator[RunningFleet]:
    with Upstream("model") as model, RedisServer() as redis:
        model.body = b"[1.0]"
        with RunningFleet(folder, redis, REST.format(url=model.url, folder=folder), count=2) as running:
            yield running


def packaged(folder: Path, route: str, replayed: PackagedReplay = PASSED) -> None:
    """Puts the package of the candidate of a route into its place."""
    (new := folder / "new").write_bytes(document(f"{route}-2", replace(replayed, route=route)))
    new.replace(folder / f"{route}-2.json")


def met(sidecar: Running) -> set[tuple[str, ...]]:
    """The versions that users meet on both routes."""
    users = [{"x-user-id": f"u{user}"} for user in range(20)]
    return {tuple(call(sidecar.data, "POST", f"/{route}", {}, user).version for route in ROUTES) for user in users}


def everywhere(fleet: RunningFleet, versions: set[tuple[str, ...]]) -> bool:
    return all(met(each) == versions for each in fleet.sidecars)


def stages(fleet: RunningFleet) -> set[Any]:
    return {each.ask("GET", "/v1/releases/fraud-2").json()["stage"] for each in fleet.sidecars}


def asked(sidecar: Running, action: str) -> Answer:
    return sidecar.ask("POST", f"/v1/releases/fraud-2/{action}", {"reason": "by hand"})


def warned(fleet: RunningFleet, text: str) -> bool:
    """Whether each sidecar says it, on the route that it is about."""
    return all(any(text in told for told in each.route("features")["warnings"]) for each in fleet.sidecars)


def test_a_release_of_a_fleet_begins_with_all_packages_and_goes_no_further_without_one(
    fleet: RunningFleet, folder: Path
) -> None:
    assert everywhere(fleet, {OLD}) and warned(fleet, "features-2")
    packaged(folder, "predict")
    for sidecar in fleet.sidecars:
        by_hand = sidecar.ask("PUT", "/v1/routes/features/split", {"features-2": 50})
        for refused in (by_hand, asked(sidecar, "release")):
            assert (refused.status, "package of features-2" in str(refused.json())) == (409, True), refused.body
    assert everywhere(fleet, {OLD}), "what one candidate lacks, all lack"

    packaged(folder, "features")
    eventually(lambda: everywhere(fleet, {OLD, NEW}), "the release, with both packages")

    packaged(folder, "features", FAILED)
    eventually(lambda: warned(fleet, "ended with fail"), "that the replay failed")
    held = stages(fleet)
    for _ in range(16):
        assert everywhere(fleet, {OLD, NEW}), "nobody is taken off"
    for sidecar in fleet.sidecars:
        assert asked(sidecar, "promote").status == 409
    assert stages(fleet) == held

    packaged(folder, "features")
    eventually(lambda: everywhere(fleet, {OLD, NEW}) and stages(fleet).isdisjoint(held), "the next stage")
    packaged(folder, "predict", FAILED)
    assert asked(fleet[1], "rollback").status == 200, "whatever takes traffic off is done"
    eventually(lambda: everywhere(fleet, {OLD}), "the primaries alone")
