"""Three sidecars, one Redis: what is decided holds for all, and whatever happens to Redis or the judge, no client is
harmed and no rolled-back version gets traffic again.

The tests go on from each other's fleet; those that take Redis away come last.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.mortal import Mortal
from tests.support.redis_server import RedisServer
from tests.support.running import PATIENCE, Answer, Running, call, eventually
from tests.support.running_fleet import FleetTraffic, RunningFleet, in_time
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

ROUTES = """
versions: {{v1: {{url: "{good}"}}, v2: {{url: "{good}"}}, frail: {{url: "{frail}"}}}}
routes:
  killed: {{match: {{path: /killed}}, protocol: json, primary: v1, canary: {{version: frail, percent: 50}}}}
  hand: {{match: {{path: /hand}}, protocol: json, primary: v1, canary: {{version: v2, percent: 10}}}}
  raced: {{match: {{path: /raced}}, protocol: json, primary: v1, canary: {{version: v2, percent: 10}}}}
  first: {{match: {{path: /first}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  second: {{match: {{path: /second}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  third: {{match: {{path: /third}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  fourth: {{match: {{path: /fourth}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  live: {{match: {{path: /live}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  counted: {{match: {{path: /counted}}, protocol: json, primary: v1}}
  labelled: {{match: {{path: /labelled}}, protocol: oip, primary: v1}}
  sticky:
    match: {{path: /sticky}}
    protocol: json
    primary: v1
    canary: {{version: v2, percent: 30, sticky: "header:x-user-id"}}
"""

MADE, REFUSED, UNDECIDED = 200, 412, 503
"""Answers to a change: a judge that has no time leaves it undecided, and makes it later."""

USERS = 2000

TENSOR = {"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    with Mortal(tmp_path_factory.mktemp("frail") / "asked") as model:
        yield model


@pytest.fixture(scope="module")
def fleet(frail: Mortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    with Upstream("good") as good, RedisServer() as redis:
        good.body = json.dumps({"outputs": [TENSOR]}).encode()
        routes = ROUTES.format(good=good.url, frail=frail.url)
        with RunningFleet(tmp_path_factory.mktemp("fleet"), redis, routes) as running:
            yield running


def split(sidecar: Running, route: str, percent: float, tag: str = "*") -> Answer:
    return call(sidecar.admin, "PUT", f"/v1/routes/{route}/split", {"v2": percent}, {"If-Match": tag})


def rollback(sidecar: Running, route: str) -> Answer:
    return sidecar.ask("POST", f"/v1/routes/{route}/rollback", {"reason": "by hand"})


def versions_at(sidecar: Running, route: str, count: int = 20) -> set[str]:
    return {call(sidecar.data, "POST", f"/{route}", {}).version for _ in range(count)}


def has_a_canary(sidecar: Running) -> None:
    eventually(lambda: {"v2"} <= versions_at(sidecar, "live"), "a canary")


def primaries_answer(fleet: RunningFleet) -> None:
    """Returns when a route that has a canary has its primary alone everywhere."""
    fleet.apart()
    eventually(lambda: [versions_at(each, "live") for each in fleet.sidecars] == [{"v1"}] * 3, "primaries alone")


# -- one table


def test_a_split_at_any_sidecar_holds_for_all_when_it_is_answered(fleet: RunningFleet) -> None:
    for sidecar, percent in zip(fleet.others(), (20.0, 30.0), strict=True):

        def everywhere(sidecar: Running = sidecar, percent: float = percent) -> bool:
            answer = split(sidecar, "hand", percent)
            return answer.status == MADE and bool(answer.json()["in_force"].items() >= {"at": 3, "of": 3}.items())

        in_time(everywhere, "a split in force at three")
        assert [route["split"]["v2"] for route in fleet.routes("hand")] == [percent] * 3


def test_if_match_holds_across_sidecars(fleet: RunningFleet) -> None:
    old, whole = fleet.tag("hand"), fleet.tag("hand", "releases")
    assert split(fleet[0], "hand", 50.0, old).status in (MADE, UNDECIDED)
    fleet.shows("hand", "v2", 50.0)
    assert split(fleet[1], "hand", 60.0, old).status in (REFUSED, UNDECIDED)
    assert paused(fleet[2], "hand", whole) in (REFUSED, UNDECIDED)
    assert split(fleet[1], "hand", 70.0, fleet.tag("hand")).status in (MADE, UNDECIDED)
    fleet.shows("hand", "v2", 70.0)
    made = changes(fleet[0], "hand")
    assert {percent for action, percent in made if action == "split"} == {20.0, 30.0, 50.0, 70.0}
    assert "pause" not in dict(made)


def paused(sidecar: Running, release: str, tag: str) -> int:
    path = f"/v1/releases/{release}/pause"
    return call(sidecar.admin, "POST", path, {"reason": "x"}, {"If-Match": tag}).status


def changes(sidecar: Running, route: str) -> list[tuple[str, float]]:
    """What the fleet's audit has of a route: actions, and what the canary had after them."""
    entries = sidecar.ask("GET", f"/v1/audit?route={route}").json()["entries"]
    return [(entry["action"], entry["after"]["split"].get("v2")) for entry in entries]


def test_of_three_changes_from_the_same_state_one_is_made(fleet: RunningFleet) -> None:
    tag = fleet.tag("raced")
    answers: list[int] = []
    asking = [
        threading.Thread(target=lambda at=at: answers.append(split(fleet[at], "raced", 70.0 + at, tag).status))
        for at in range(3)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert {*answers} <= {MADE, REFUSED, UNDECIDED}
    (made,) = in_time(lambda: [change for change in changes(fleet[0], "raced") if change[0] == "split"], "a split")
    fleet.shows("raced", "v2", made[1])


def test_users_meet_the_same_version_at_every_sidecar(fleet: RunningFleet) -> None:
    def alike() -> list[str]:
        met = [versions_of_users(sidecar) for sidecar in fleet.sidecars]
        return met[0] if met[0] == met[1] == met[2] and "v2" in met[0] else []

    assert 0.27 < eventually(alike, "one version for each user").count("v2") / USERS < 0.33


def versions_of_users(sidecar: Running) -> list[str]:
    """The version that each user meets: requests on one connection, written ahead."""
    host, _, port = sidecar.data.rpartition(":")
    request = "GET /sticky HTTP/1.1\r\nHost: x\r\nx-user-id: user-%d\r\n\r\n"
    found: list[str] = []
    with socket.create_connection((host, int(port)), PATIENCE) as client, client.makefile("rb") as answers:
        for first in range(0, USERS, 50):
            client.sendall("".join(request % user for user in range(first, first + 50)).encode())
            found += [version_in(answers) for _ in range(50)]
    return found


def version_in(answers: Any) -> str:
    head = dict(line.lower().split(b": ", 1) for line in iter(answers.readline, b"\r\n") if b": " in line)
    answers.read(int(head[b"content-length"]))
    return str(head[b"x-penumbra-version"].strip(), "ascii")


def of_all(sidecar: Running) -> int:
    """Requests of the last minute at all sidecars, as one of them tells."""
    told = sidecar.ask("GET", "/v1/routes/counted/traffic").json()["fleet"] or {"arms": []}
    return sum(sum(arm["recent"].values()) for arm in told["arms"])


def test_each_sidecar_tells_the_traffic_of_all_beside_its_own(fleet: RunningFleet) -> None:
    def asked(sidecar: Running) -> int:
        assert call(sidecar.data, "POST", "/counted", {}).status == 200
        return of_all(sidecar)

    eventually(lambda: asked(fleet[0]), "traffic that the judge counts: before it judged there was none")
    eventually(lambda: len({of_all(each) for each in fleet.sidecars}) == 1, "one picture")
    before = of_all(fleet[0])
    for n, sidecar in enumerate(fleet.sidecars, 1):
        for _ in range(5 * n):
            asked(sidecar)
    eventually(lambda: min(map(of_all, fleet.sidecars)) >= before + 30, "thirty more, at each")
    told = [each.ask("GET", "/v1/routes/counted/traffic").json() for each in fleet.sidecars]
    assert [sum(arm["legs"] for arm in each["arms"]) for each in told[1:]] == [10, 15]
    assert {each["fleet"]["sidecars"] for each in told} == {3}


def test_a_label_finds_its_prediction_at_another_sidecar(fleet: RunningFleet) -> None:
    asked = call(fleet[0].data, "POST", "/labelled/infer", {"inputs": [TENSOR]}, {"x-request-id": "asked-once"})
    assert asked.status == 200
    eventually(lambda: legs(fleet[0], "labelled"), "the prediction in control")
    label = [{"request_id": "asked-once", "label": 0.5}]
    assert fleet[1].ask("POST", "/v1/feedback", label).json()["unknown"] == 1
    eventually(lambda: scored(fleet[0]), "the label at the sidecar of the prediction")
    assert not scored(fleet[2])


def scored(sidecar: Running) -> float:
    return total(sidecar, 'penumbra_labels_total{outcome="joined"')


def legs(sidecar: Running, route: str) -> float:
    return total(sidecar, f'penumbra_requests_total{{code="200",role="primary",route="{route}"')


def total(sidecar: Running, series: str) -> float:
    lines = sidecar.ask("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


# -- one verdict


def test_a_canary_that_dies_under_load_is_taken_off_everywhere(fleet: RunningFleet, frail: Mortal) -> None:
    with FleetTraffic(fleet.sidecars, "/killed") as traffic:
        frail.kill()
        fleet.in_phase("killed", "rolled_back")
        traffic.more(20)
    assert not traffic.failures
    frail.start()
    eventually(lambda: [versions_at(each, "killed") for each in fleet.sidecars] == [{"v1"}] * 3, "primaries alone")
    in_time(lambda: len({fleet.view(each)["audit"]["hash"] for each in fleet.sidecars}) == 1, "one chain")


def test_a_rollback_at_any_sidecar_holds_at_once_there_and_then_for_all(fleet: RunningFleet) -> None:
    sidecar = fleet.others()[0]
    rollback(sidecar, "hand")
    assert sidecar.route("hand")["phase"] == "rolled_back"
    fleet.in_phase("hand", "rolled_back")


# -- the judge


def test_the_judges_control_is_killed_within_a_rollback(fleet: RunningFleet) -> None:
    judge, other = fleet.judge, fleet.others()[0]
    with FleetTraffic(fleet.sidecars, "/first") as traffic:
        asking = threading.Thread(target=rollback, args=(other, "first"))
        asking.start()
        judge.kill(judge.child("control"))
        asking.join()
        fleet.in_phase("first", "rolled_back")
        traffic.more(10)
    assert not traffic.failures


def test_the_judge_dies_within_a_rollback_and_starts_again_with_an_empty_disk(fleet: RunningFleet) -> None:
    judge, others = fleet.judge, fleet.others()
    name = fleet.name_of(judge)
    with FleetTraffic(others, "/live") as traffic:
        asking = threading.Thread(target=rollback, args=(others[0], "second"))
        asking.start()
        fleet.end(name)
        fleet.wipe(name)
        fleet.end_the_term()
        asking.join()
        fleet.in_phase("second", "rolled_back")
        fleet.start(name)
        assert versions_at(fleet[int(name[1:])], "hand") == {"v1"}
        fleet.agreed()
        for route in ("hand", "second"):
            fleet.in_phase(route, "rolled_back")
        traffic.more(10)
    assert not traffic.failures
    assert fleet.faults_of_chains() == []


def test_a_judge_that_stood_still_beyond_its_term_changes_nothing(fleet: RunningFleet) -> None:
    stopped, others = fleet.judge, fleet.others()
    stopped.kill(stopped.child("control"), signal.SIGSTOP)
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        fleet.end_the_term()
        eventually(lambda: any(fleet.view(each)["is_judge"] for each in others), "another judge")
        term = max(fleet.view(each)["term"] for each in others)
        rollback(others[0], "third")
        stopped.kill(stopped.child("control"), signal.SIGCONT)
        fleet.in_phase("third", "rolled_back")
        traffic.more(10)
    assert not traffic.failures
    # Who judges in the end is nobody's: a machine that is busy enough makes a term run out. No term is an older one.
    in_time(lambda: fleet.judge and fleet.view(stopped)["term"] >= term, "a fleet with one judge")
    fleet.in_phase("third", "rolled_back")


# -- Redis


def test_while_redis_is_slow_changes_are_made_and_while_it_stands_still_primaries_answer(fleet: RunningFleet) -> None:
    has_a_canary(fleet[0])
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        with fleet.redis.slow(0.2):
            split(fleet[1], "live", 60.0)
            fleet.shows("live", "v2", 60.0)
        fleet.redis.pause()
        primaries_answer(fleet)
        fleet.redis.resume()
        has_a_canary(fleet[2])
    assert not traffic.failures


def test_a_redis_that_lacks_the_last_writes_brings_no_rolled_back_version_again(fleet: RunningFleet) -> None:
    has_a_canary(fleet[0])
    with fleet.redis.replica() as stale, FleetTraffic(fleet.sidecars, "/live") as traffic:
        stale.ask("REPLICAOF", "NO", "ONE")
        rollback(fleet[0], "fourth")
        fleet.in_phase("fourth", "rolled_back")
        lost = fleet.view(fleet[0])["term"]
        with FleetTraffic(fleet.sidecars, "/fourth") as bad:
            fleet.redis.fail_over_to(stale)
            in_time(lambda: all(fleet.view(each)["term"] > lost for each in fleet.sidecars), "a term after the loss")
            bad.more(20)
        fleet.in_phase("fourth", "rolled_back")
        has_a_canary(fleet[0])
    assert not traffic.failures + bad.failures
    assert {answer for each in bad.each for answer in each.answers} == {"v1"}
    assert fleet.faults_of_chains() == []


def test_an_empty_redis_brings_no_rolled_back_version_again_in_one_without_a_disk_neither(fleet: RunningFleet) -> None:
    with FleetTraffic([fleet[0], fleet[1]], "/live") as traffic:
        fleet.redis.kill()
        fleet.end("s2")
        fleet.wipe("s2")
        fleet.start("s2")
        primaries_answer(fleet)
        with FleetTraffic(fleet.sidecars, "/hand") as bad:
            fleet.redis.start()
            has_a_canary(fleet[0])
            bad.more(20)
    assert not traffic.failures + bad.failures
    assert {answer for each in bad.each for answer in each.answers} == {"v1"}
    for route in ("killed", "hand", "first", "second", "third", "fourth"):
        fleet.in_phase(route, "rolled_back")
    assert fleet.faults_of_chains() == []


def test_a_redis_that_cannot_be_used_any_more_is_named(fleet: RunningFleet) -> None:
    redis = fleet.redis
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        redis.ask("CONFIG", "SET", "maxmemory", 1)
        is_said(fleet, "takes no more, because used memory > 'maxmemory'")
        redis.ask("CONFIG", "SET", "maxmemory", 0)
        redis.ask("REPLICAOF", "127.0.0.1", 1)
        redis.hang_up()
        is_said(fleet, "fleet.redis: the server is a replica")
        redis.ask("REPLICAOF", "NO", "ONE")
        redis.ask("ACL", "SETUSER", "tests", "on", "nopass", "~*", "+@all")
        redis.ask("CONFIG", "SET", "requirepass", "secret")
        redis.hang_up(user="tests")
        is_said(fleet, "refuses the user or password of fleet.redis")
        primaries_answer(fleet)
        redis.ask("CONFIG", "SET", "requirepass", "", user="tests")
        has_a_canary(fleet[0])
    assert not traffic.failures


def is_said(fleet: RunningFleet, fault: str) -> None:
    """Returns when each sidecar says so, as a warning of each route, too."""

    def said(sidecar: Running) -> bool:
        return fault in (fleet.view(sidecar)["fault"] or "") and any(
            fault in warning for warning in sidecar.route("live")["warnings"]
        )

    in_time(lambda: all(map(said, fleet.sidecars)), fault)


def test_a_redis_that_may_drop_keys_is_used_with_a_warning(fleet: RunningFleet) -> None:
    fleet.redis.ask("CONFIG", "SET", "maxmemory", "64mb", "maxmemory-policy", "allkeys-lru")
    fleet.redis.hang_up()
    said = "fleet.redis: maxmemory-policy is allkeys-lru"
    in_time(lambda: any(said in warning for warning in fleet[0].route("live")["warnings"]), said)
    has_a_canary(fleet[0])


def test_what_is_no_redis_is_named(fleet: RunningFleet) -> None:
    fleet.redis.kill()
    with no_redis(fleet.redis.port):
        in_time(lambda: "no Redis" in (fleet.view(fleet[0])["fault"] or ""), "no Redis")
        primaries_answer(fleet)


@contextmanager
def no_redis(port: int) -> Iterator[None]:
    """Something that answers as a web server does."""

    def answer() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            client.recv(100)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            client.close()

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
