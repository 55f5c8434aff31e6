"""What is said of a change before it is made is what then happens to users and streams of a real `penumbra run`, and an
undo puts back what it says it puts back."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.running import PATIENCE, Answer, Running, call, eventually
from tests.support.serving import Handler, Serving
from tests.support.upstream import Upstream

USERS = [f"user-{n}" for n in range(300)]

STICKY = 'protocol: json, primary: v1, canary: {version: v2, percent: 20, sticky: "header:x-user-id"}'
ROUTES = f"""
  moved: {{match: {{path: /moved}}, {STICKY}}}
  streamed: {{match: {{path: /streamed}}, protocol: openai, primary: v1, canary: {{version: slow, percent: 50}}}}
  ended: {{match: {{path: /ended}}, protocol: openai, primary: v1, canary: {{version: slow, percent: 50}},
          on_rollback: reset}}
  spread: {{match: {{path: /spread}}, {STICKY}}}
  bad: {{match: {{path: /bad}}, protocol: json, primary: v1, canary: {{version: broken, percent: 50}}}}
"""


class Slow(Serving):
    """Streams that begin at once, and end when they may."""

    def __init__(self) -> None:
        super().__init__(_Slow)
        self.may_end = threading.Event()


class _Slow(Handler):
    server: Slow

    def do_POST(self) -> None:  # noqa: N802
        self.body()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._tell(b"data: {}\n\n")
        self.server.may_end.wait(PATIENCE)
        self._tell(b"data: [DONE]\n\n")
        self._tell(b"")

    def _tell(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


class Stream:
    """A client that reads a stream which a version has begun."""

    def __init__(self, address: str, path: str, version: str) -> None:
        host, _, port = address.rpartition(":")
        while True:
            self._connection = HTTPConnection(host, int(port), timeout=PATIENCE)
            self._connection.request("POST", path, b'{"stream": true}', {"Content-Type": "application/json"})
            self.answer: HTTPResponse = self._connection.getresponse()
            if self.answer.getheader("x-penumbra-version") == version:
                break
            self.close()
        assert self.answer.readline() == b"data: {}\n"

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    with Slow() as server:
        yield server


@pytest.fixture(scope="module")
def running(slow: Slow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("acting")
    with ExitStack() as stack:
        good, broken = (stack.enter_context(Upstream(name)) for name in ("good", "broken"))
        good.body, broken.status = b'{"outputs": [1]}', 500
        urls = {"v1": good.url, "v2": good.url, "slow": slow.url, "broken": broken.url}
        path = folder / "penumbra.yaml"
        path.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {folder}/state.db\nworkers: 2\n"
            f"versions: {json.dumps({name: {'url': url} for name, url in urls.items()})}\nroutes:{ROUTES}"
        )
        yield stack.enter_context(Running(path))


def said(running: Running, route: str, action: str, **body: Any) -> Any:
    """What a change would do."""
    query = urlencode({"action": action, "body": json.dumps(body)})
    return running.ask("GET", f"/v1/routes/{route}/effect?{query}").json()


def done(running: Running, route: str, action: str, tag: str = "*", **body: Any) -> Answer:
    """The answer to a change, once it is in force at all workers."""
    method = "PUT" if action == "split" else "POST"
    answer = call(running.admin, method, f"/v1/routes/{route}/{action}", body, {"If-Match": tag})
    if answer.status == 200:
        eventually(lambda: running.route(route)["in_force"]["everywhere"], "in force at all workers")
    return answer


def met(running: Running, route: str) -> dict[str, str]:
    """Which version each user meets."""
    return {user: call(running.data, "POST", f"/{route}", {}, {"x-user-id": user}).version for user in USERS}


def test_as_many_users_go_as_is_said_and_an_undo_brings_the_same_ones_back(running: Running) -> None:
    first = met(running, "moved")
    effect = said(running, "moved", "rollback", reason="pager")
    assert effect["sentence"].startswith("20 % of the users of moved go from v2 back to v1")
    assert done(running, "moved", "rollback", reason="pager").status == 200
    second = met(running, "moved")
    gone = {user for user in USERS if first[user] != second[user]}
    assert gone == {user for user in USERS if first[user] == "v2"}
    assert {*second.values()} == {"v1"}
    assert abs(len(gone) / len(USERS) - 0.2) < 0.1, "of keys that are drawn once and for all"
    assert "20 % of the users of moved go from v1 to v2" in said(running, "moved", "undo")["sentence"]
    assert done(running, "moved", "undo", reason="false alarm").status == 200
    assert met(running, "moved") == first
    assert done(running, "moved", "undo", reason="after all").status == 200
    assert met(running, "moved") == second
    assert running.ask("GET", "/v1/audit?route=moved&limit=3").json()["entries"][0]["action"] in ("undo", "rollback")


@pytest.mark.parametrize(("route", "words"), [("streamed", "stay on slow until they end"), ("ended", "within 5 sec")])
def test_streams_stay_or_end_as_is_said(route: str, words: str, running: Running, slow: Slow) -> None:
    slow.may_end.clear()
    streams = [Stream(running.data, f"/{route}", "slow") for _ in range(2)]
    eventually(lambda: said(running, route, "rollback")["routes"][0]["streams"] == {"slow": 2}, "both are known")
    assert words in said(running, route, "rollback", reason="pager")["sentence"]
    assert done(running, route, "rollback", reason="pager").status == 200
    if route == "streamed":
        assert running.route(route)["left_streams"] == {"slow": 2}
        slow.may_end.set()
        assert all(each.answer.read().endswith(b"data: [DONE]\n\n") for each in streams)
    else:
        for each in streams:
            with pytest.raises(Exception, match=r"IncompleteRead|reset|closed"):
                each.answer.read()
        slow.may_end.set()
    for each in streams:
        each.close()
    eventually(lambda: not running.route(route)["left_streams"], "no stream is left")


def test_a_change_is_in_force_everywhere_only_when_a_worker_that_stood_still_or_died_follows(running: Running) -> None:
    stopped, method = running.child("worker-1"), "PUT"
    running.kill(stopped, signal.SIGSTOP)
    told = call(running.admin, method, "/v1/routes/spread/split", {"v2": 40}).json()["in_force"]
    assert (told["workers"][1], told["everywhere"], told["seconds"]) == (2, False, None)
    eventually(lambda: running.route("spread")["in_force"]["workers"] == [1, 2], "the other one follows")
    running.kill(stopped, signal.SIGKILL)
    assert not running.route("spread")["in_force"]["everywhere"]
    eventually(lambda: running.route("spread")["in_force"]["everywhere"], "the new worker follows")
    assert running.child("worker-1") != stopped
    share = sum(version == "v2" for version in met(running, "spread").values()) / len(USERS)
    assert abs(share - 0.4) < 0.12


def test_what_others_changed_meanwhile_is_not_undone_by_accident(running: Running) -> None:
    effect = said(running, "spread", "undo")
    assert done(running, "spread", "split", split={"v2": 10}, reason="the other person").status == 200
    assert done(running, "spread", "undo", tag=effect["etag"], reason="mine").status == 412
    assert running.route("spread")["split"] == {"v1": 90.0, "v2": 10.0}


def test_an_undo_brings_back_nothing_that_control_itself_took_off(running: Running) -> None:
    assert done(running, "bad", "split", split={"broken": 40}, reason="more of it").status == 200
    for _ in range(200):
        call(running.data, "POST", "/bad", {})
    eventually(lambda: running.route("bad")["phase"] == "rolled_back", "a rollback by the scorecard")
    answer = done(running, "bad", "undo", reason="a mistake")
    assert answer.status == 409
    assert "rollback by scorecard" in answer.json()["detail"]
    assert running.route("bad")["split"] == {"v1": 100.0}
