"""Three sidecars with a real Redis in front of real models: a release goes through all its stages, a canary dies under
load, the judge is killed within a rollback, and Redis within a promote. No client of a living sidecar notices anything.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.relay import PATH, Clients
from tests.support.redis_server import RedisServer
from tests.support.running import Running, call, eventually
from tests.support.running_fleet import RunningFleet, in_time

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Models

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

VERSIONS = (
    "versions: {{cancer-v1: {{url: '{v1}'}}, cancer-v2: {{url: '{v2}'}}, doomed: {{url: '{doomed}'}}}}\nroutes:\n"
)
ROUTE = (
    "  {name}: {{match: {{path: /v2/models/cancer/, headers: {{x-route: {name}}}}}, protocol: oip, "
    "primary: cancer-v1, {how}}}\n"
)
RELEASE = (
    "release: {candidate: cancer-v2, strategy: canary, false_alarm: 0.01, scorecard: {error_rate: {max_ratio: 1.5}}, "
    "stages: [{shadow: 100, requests: 60}, {canary: 20, requests: 30}, {canary: 50, requests: 60}]}"
)
CANARY = "canary: {{version: {}, percent: 50}}"
HOW = {
    "released": RELEASE,
    "killed": CANARY.format("doomed"),
    "undone": CANARY.format("cancer-v2"),
    "kept": CANARY.format("cancer-v2"),
    "lost": CANARY.format("cancer-v2"),
}
AT_THE_END = {
    "released": "promoted",
    "killed": "rolled_back",
    "undone": "rolled_back",
    "kept": "promoted",
    "lost": "promoted",
}

ON_DISK = ("--appendonly", "yes", "--appendfsync", "always")


def test_a_fleet_serves_through_all_that_may_happen(models: Models, tmp_path: Path) -> None:
    with models.another("cancer-v3", tmp_path) as doomed, RedisServer(*ON_DISK) as redis:
        urls = {"v1": models.servers["cancer-v1"].url, "v2": models.servers["cancer-v2"].url, "doomed": doomed.url}
        routes = "".join(ROUTE.format(name=name, how=how) for name, how in HOW.items())
        with RunningFleet(tmp_path, redis, VERSIONS.format(**urls) + routes) as fleet:
            rows = models.folder / "rows.json"
            with clients(fleet.sidecars, rows, "released"):
                fleet.in_phase("released", "promoted")
            assert actions(fleet[0], "released") == ["start", "advance", "advance", "promote"]
            with clients(fleet.sidecars, rows, "killed"):
                eventually(lambda: all(canary_legs(each) > 5 for each in fleet.sidecars), "a canary everywhere")
                doomed.child.kill()
                fleet.in_phase("killed", "rolled_back")
                in_time(lambda: no_more_of_it(fleet), "an end of the canary's traffic")
            the_judge_is_killed_within_a_rollback(fleet, rows)
            redis_is_killed_within_a_promote(fleet, rows, "kept")
            redis_is_killed_within_a_promote(fleet, rows, "lost", "--appendonly", "no")
            for route, phase in AT_THE_END.items():
                fleet.in_phase(route, phase)
            assert fleet.faults_of_chains() == []


@contextmanager
def clients(sidecars: list[Running], rows: Path, route: str) -> Iterator[list[Clients]]:
    """Clients of each of these sidecars, none of whom is told of any trouble."""
    with ExitStack() as stack:
        each = [Clients(one.data, rows, rate=40.0, threads=2, headers={"x-route": route}) for one in sidecars]
        for one in each:
            stack.enter_context(one)
        yield each
        for one in each:
            answered = one.answered
            eventually(lambda one=one, answered=answered: one.answered > answered + 10, "answers at the end")  # type: ignore[misc]
    assert [failure for one in each for failure in one.failures] == []


def actions(sidecar: Running, route: str) -> list[str]:
    """What the fleet's audit says was done."""
    entries = sidecar.ask("GET", f"/v1/audit?route={route}").json()["entries"]
    return [entry["action"] for entry in reversed(entries)]


def canary_legs(sidecar: Running) -> float:
    series = 'penumbra_requests_total{code="200",role="canary",route="killed"'
    lines = sidecar.ask("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def no_more_of_it(fleet: RunningFleet) -> bool:
    """Whether all users of a canary that was rolled back are the primary's."""
    return all({version_at(each, "killed") for _ in range(10)} == {"cancer-v1"} for each in fleet.sidecars)


def version_at(sidecar: Running, route: str) -> str:
    tensor = {"name": "row", "shape": [1, 30], "datatype": "FP64", "data": [0.0] * 30}
    return call(sidecar.data, "POST", PATH, {"inputs": [tensor]}, {"x-route": route}).version


def the_judge_is_killed_within_a_rollback(fleet: RunningFleet, rows: Path) -> None:
    judge, others = fleet.judge, fleet.others()
    name = fleet.name_of(judge)
    with clients(others, rows, "undone"):
        with asking(others[0], "undone", "rollback"):
            fleet.end(name)
        fleet.in_phase("undone", "rolled_back")
        in_time(lambda: fleet.judge, "another judge")
        fleet.start(name)
        fleet.agreed()
        fleet.in_phase("undone", "rolled_back")


def redis_is_killed_within_a_promote(fleet: RunningFleet, rows: Path, route: str, *options: str) -> None:
    with clients(fleet.sidecars, rows, route):
        with asking(fleet.others()[0], route, "promote"):
            if options:
                in_time(lambda: any(each["phase"] == "promoted" for each in fleet.routes(route)), "the first of them")
            fleet.redis.kill()
            fleet.redis.start(*options)
        fleet.in_phase(route, "promoted")
        fleet.agreed()


@contextmanager
def asking(sidecar: Running, route: str, action: str) -> Iterator[None]:
    """Within it an operator waits for the answer to a change, whatever that is."""
    path = f"/v1/routes/{route}/{action}"
    thread = threading.Thread(target=sidecar.ask, args=("POST", path, {"reason": "by hand"}))
    thread.start()
    try:
        yield
    finally:
        thread.join()
