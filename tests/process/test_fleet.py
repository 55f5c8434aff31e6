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
from functools import partial
from typing import Any

import pytest

from tests.support.mortal import Mortal
from tests.support.redis_server import RedisServer
from tests.support.running import PATIENCE, Answer, Running, call, eventually
from tests.support.running_fleet import FleetTraffic, RunningFleet
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

ROUTES = """
versions: {{v1: {{url: "{good}"}}, v2: {{url: "{good}"}}, frail: {{url: "{frail}"}}}}
routes:
  killed: {{match: {{path: /killed}}, protocol: json, primary: v1, canary: {{version: frail, percent: 50}}}}
  hand: {{match: {{path: /hand}}, protocol: json, primary: v1, canary: {{version: v2, percent: 10}}}}
  first: {{match: {{path: /first}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  second: {{match: {{path: /second}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  third: {{match: {{path: /third}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  live: {{match: {{path: /live}}, protocol: json, primary: v1, canary: {{version: v2, percent: 50}}}}
  labelled: {{match: {{path: /labelled}}, protocol: oip, primary: v1}}
  sticky:
    match: {{path: /sticky}}
    protocol: json
    primary: v1
    canary: {{version: v2, percent: 30, sticky: "header:x-user-id"}}
"""

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


# -- one table


def test_a_split_at_any_sidecar_holds_for_all_when_it_is_answered(fleet: RunningFleet) -> None:
    for sidecar, percent in zip(fleet.others(), (20.0, 30.0), strict=True):
        answer = split(sidecar, "hand", percent)
        assert answer.status == 200
        assert answer.json()["in_force"] == {"at": 3, "of": 3}
        assert [route["split"]["v2"] for route in fleet.routes("hand")] == [percent] * 3


def test_if_match_holds_across_sidecars(fleet: RunningFleet) -> None:
    old, same, _ = (each.ask("GET", "/v1/routes/hand").headers["etag"] for each in fleet.sidecars)
    assert old == same
    assert split(fleet[0], "hand", 50.0, old).status == 200
    assert split(fleet[1], "hand", 60.0, old).status == 412
    new = fleet[2].ask("GET", "/v1/routes/hand").headers["etag"]
    assert split(fleet[1], "hand", 60.0, new).status == 200
    whole = fleet[0].ask("GET", "/v1/releases/hand").headers["etag"]
    assert call(fleet[1].admin, "POST", "/v1/releases/hand/pause", {"reason": "x"}, {"If-Match": whole}).status == 200
    assert call(fleet[2].admin, "POST", "/v1/releases/hand/resume", {"reason": "x"}, {"If-Match": whole}).status == 412
    assert fleet[2].ask("POST", "/v1/routes/hand/resume", {"reason": "x"}).status == 200


def test_of_two_changes_from_the_same_state_one_is_made(fleet: RunningFleet) -> None:
    tag = fleet[0].ask("GET", "/v1/routes/hand").headers["etag"]
    answers: list[int] = []
    asking = [
        threading.Thread(target=lambda at=at: answers.append(split(fleet[at], "hand", 70.0 + at, tag).status))
        for at in range(3)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert sorted(answers) == [200, 412, 412]


def test_users_meet_the_same_version_at_every_sidecar(fleet: RunningFleet) -> None:
    met = [versions_of_users(sidecar) for sidecar in fleet.sidecars]
    assert met[0] == met[1] == met[2]
    assert 0.27 < met[0].count("v2") / USERS < 0.33


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


def test_a_label_finds_its_prediction_at_another_sidecar(fleet: RunningFleet) -> None:
    asked = call(fleet[0].data, "POST", "/labelled/infer", {"inputs": [TENSOR]}, {"x-request-id": "asked-once"})
    assert asked.status == 200
    label = [{"request_id": "asked-once", "label": 0.5}]
    assert fleet[1].ask("POST", "/v1/feedback", label).json()["unknown"] == 1
    eventually(lambda: scored(fleet[0]), "the label at the sidecar of the prediction")
    assert not scored(fleet[2])


def scored(sidecar: Running) -> float:
    lines = sidecar.ask("GET", "/metrics").body.decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith('penumbra_labels_total{outcome="joined"}')
    )


# -- one verdict


def test_a_canary_that_dies_under_load_is_taken_off_everywhere(fleet: RunningFleet, frail: Mortal) -> None:
    with FleetTraffic(fleet.sidecars, "/killed") as traffic:
        frail.kill()
        eventually(lambda: fleet.all_in("killed", "rolled_back"), "three that flipped")
        traffic.more(20)
    assert not traffic.failures
    frail.start()
    assert [versions_at(each, "killed") for each in fleet.sidecars] == [{"v1"}] * 3
    last = {fleet.view(each)["audit"]["hash"] for each in fleet.sidecars}
    assert len(last) == 1


def test_a_rollback_at_any_sidecar_holds_for_all(fleet: RunningFleet) -> None:
    sidecar = fleet.others()[0]
    assert rollback(sidecar, "hand").json()["phase"] == "rolled_back"
    assert fleet.all_in("hand", "rolled_back")


# -- the judge


def test_the_judges_control_is_killed_within_a_rollback(fleet: RunningFleet) -> None:
    judge, other = fleet.judge, fleet.others()[0]
    with FleetTraffic(fleet.sidecars, "/first") as traffic:
        asking = threading.Thread(target=rollback, args=(other, "first"))
        asking.start()
        judge.kill(judge.child("control"))
        asking.join()
        eventually(lambda: asked_all(fleet, "first"), "three that flipped")
        traffic.more(10)
    assert not traffic.failures


def asked_all(fleet: RunningFleet, route: str) -> bool:
    """Whether a route is rolled back everywhere; a control that starts does not answer yet."""
    try:
        return fleet.all_in(route, "rolled_back")
    except OSError:
        return False


def test_the_judge_dies_within_a_rollback_and_starts_again(fleet: RunningFleet) -> None:
    eventually(lambda: fleet.judge, "a judge")
    name, other = fleet.name_of(fleet.judge), fleet.others()[0]
    asking = threading.Thread(target=rollback, args=(other, "second"))
    asking.start()
    fleet.end(name)
    asking.join()
    eventually(lambda: fleet.all_in("second", "rolled_back"), "two that flipped")
    fleet.start(name)
    eventually(lambda: fleet.all_in("second", "rolled_back"), "three that flipped")
    eventually(lambda: fleet.judge, "a judge")


def test_a_judge_that_stood_still_beyond_its_term_changes_nothing(fleet: RunningFleet) -> None:
    stopped, control = fleet.judge, fleet.judge.child("control")
    others = [each for each in fleet.sidecars if each is not stopped]
    stopped.kill(control, signal.SIGSTOP)
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        eventually(lambda: any(fleet.view(each)["is_judge"] for each in others), "another judge")
        term = max(fleet.view(each)["term"] for each in others)
        assert rollback(others[0], "third").status == 200
        stopped.kill(control, signal.SIGCONT)
        eventually(lambda: fleet.all_in("third", "rolled_back"), "three that flipped")
        traffic.more(10)
    assert not traffic.failures
    eventually(lambda: judged_since(fleet, term), "a judge of that term, or of a later one")
    assert fleet.faults_of_chains() == []


def judged_since(fleet: RunningFleet, term: int) -> bool:
    """Whether all follow one term, not below `term`. A busy machine may have had another election meanwhile."""
    terms = {fleet.view(each)["term"] for each in fleet.sidecars}
    return len(terms) == 1 and min(terms) >= term


# -- a sidecar that starts again and again


def test_a_sidecar_that_starts_again_and_again_with_an_empty_disk_harms_nobody(fleet: RunningFleet) -> None:
    name, *_ = (name for name in ("s0", "s1", "s2") if fleet._running[name] is not fleet.judge)
    others = [each for each in fleet.sidecars if each is not fleet._running[name]]
    with FleetTraffic(others, "/live") as traffic:
        for _ in range(2):
            fleet.end(name)
            fleet.wipe(name)
            fleet.start(name)
            assert versions_at(fleet.sidecars[-1], "hand") == {"v1"}
        eventually(fleet.agreed, "three members")
        eventually(lambda: fleet.all_in("hand", "rolled_back"), "a rollback that an empty disk does not know")
        traffic.more(10)
    assert not traffic.failures
    assert fleet.faults_of_chains() == []


# -- Redis


def test_while_redis_stands_still_primaries_answer_and_so_does_the_admin_api(fleet: RunningFleet) -> None:
    eventually(lambda: {"v2"} <= versions_at(fleet[0], "live"), "a canary")
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        fleet.redis.pause()
        eventually(lambda: apart(fleet), "three that are apart")
        assert [versions_at(each, "live") for each in fleet.sidecars] == [{"v1"}] * 3
        fleet.redis.resume()
        eventually(lambda: {"v2"} <= versions_at(fleet[2], "live"), "a canary again")
    assert not traffic.failures


def apart(fleet: RunningFleet) -> bool:
    return all(fleet.view(each)["apart"] for each in fleet.sidecars)


def test_an_empty_redis_brings_no_rolled_back_version_again(fleet: RunningFleet) -> None:
    with FleetTraffic(fleet.sidecars, "/live") as traffic:
        fleet.redis.kill()
        eventually(lambda: apart(fleet), "three that are apart")
        assert [versions_at(each, "live") for each in fleet.sidecars] == [{"v1"}] * 3
        with FleetTraffic(fleet.sidecars, "/hand") as bad:
            fleet.redis.start()
            eventually(lambda: {"v2"} <= versions_at(fleet[0], "live"), "a canary again")
            bad.more(20)
    assert not traffic.failures + bad.failures
    assert {answer for each in bad.each for answer in each.answers} == {"v1"}
    for route in ("killed", "hand", "first", "second", "third"):
        eventually(partial(fleet.all_in, route, "rolled_back"), f"{route} as it was")
    assert fleet.faults_of_chains() == []


@contextmanager
def another(redis: RedisServer, *options: str) -> Iterator[None]:
    """A server of another kind in the place of Redis."""
    redis.kill()
    redis.start(*options)
    try:
        yield
    finally:
        redis.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--requirepass", "secret"), "fleet.redis"),
        (("--replicaof", "127.0.0.1 1"), "fleet.redis: the server is a replica"),
    ],
    ids=["password", "replica"],
)
def test_a_redis_that_cannot_be_used_is_named(fleet: RunningFleet, options: tuple[str, ...], said: str) -> None:
    with another(fleet.redis, *options):
        eventually(lambda: said in (fleet.view(fleet[0])["fault"] or ""), said)
        eventually(lambda: apart(fleet), "three that are apart")
        assert versions_at(fleet[0], "live") == {"v1"}
        assert any(said in warning for warning in fleet[0].route("live")["warnings"])


def test_what_is_no_redis_is_named(fleet: RunningFleet) -> None:
    with no_redis(fleet.redis.port):
        eventually(lambda: "no Redis" in (fleet.view(fleet[0])["fault"] or ""), "no Redis")
        assert versions_at(fleet[0], "live") == {"v1"}


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


def test_a_redis_that_may_drop_keys_is_used_with_a_warning(fleet: RunningFleet) -> None:
    with another(fleet.redis, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"):
        eventually(lambda: {"v2"} <= versions_at(fleet[0], "live"), "a canary again")
        said = fleet[0].route("live")["warnings"]
        assert any("fleet.redis: maxmemory-policy is allkeys-lru" in warning for warning in said)
