"""Three sidecars, one Redis: a release has one story, which is the same at each of them, of the requests of all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.process.test_messages import Receiver
from tests.support.redis_server import RedisServer
from tests.support.running import Running, call
from tests.support.running_fleet import RunningFleet, in_time
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

ROUTES = """
versions: {{v1: {{url: "{good}"}}, v2: {{url: "{bad}"}}}}
routes:
  fraud:
    match: {{path: /}}
    protocol: json
    primary: v1
    release:
      candidate: v2
      strategy: canary
      stages: [{{canary: 50, requests: 100000}}]
      scorecard: {{error_rate: {{max_ratio: 1.5}}}}
notify: [{{url: "{chat}/hook", name: ops}}]
"""


def stories(fleet: RunningFleet) -> list[Any]:
    """The story at each sidecar."""
    return [story_at(each) for each in fleet.sidecars]


def story_at(sidecar: Running) -> Any:
    (release,) = sidecar.ask("GET", "/v1/routes/fraud/releases").json()["releases"]
    return sidecar.ask("GET", f"/v1/routes/fraud/releases/{release['id']}").json()


def ramps(sidecar: Running) -> bool:
    """Whether the candidate has traffic here; a GET asks no model anything, and counts nowhere."""
    return any(sidecar.get().version == "v2" for _ in range(20)) and sidecar.route("fraud")["in_force"]["everywhere"]


def asked(server: Upstream) -> int:
    """Inferences that a server has had."""
    return sum(method == "POST" for method, _ in list(server.seen))


def same(fleet: RunningFleet, count: int) -> list[Any] | None:
    """The stories, once each has counted so many requests of clients at the candidate."""
    found = stories(fleet)
    counted = {json.dumps(each["touched"], sort_keys=True) for each in found}
    return found if len(counted) == 1 and found[0]["touched"]["live"]["requests"] == count else None


def test_a_story_is_one_and_of_all_sidecars(tmp_path: Path) -> None:
    with Upstream("good") as good, Upstream("bad") as bad, RedisServer() as redis, Receiver() as chat:
        good.body = bad.body = b'{"predictions": [0.1]}'
        routes = ROUTES.format(good=good.url, bad=bad.url, chat=chat.url)
        with RunningFleet(tmp_path, redis, routes) as fleet:
            in_time(lambda: all(map(ramps, fleet.sidecars)), "the release, everywhere")
            for sidecar in fleet.sidecars:
                for _ in range(20):
                    assert call(sidecar.data, "POST", "/predict", {"instances": [1]}).status == 200
            well = asked(bad)
            found = in_time(lambda: same(fleet, well), "the same counts everywhere")
            assert {each["touched"]["scope"] for each in found} == {"fleet"}
            assert found[0]["touched"]["route_requests"] == asked(good) + well == 60 > well > 0
            bad.status = 503
            for _ in range(2000):
                for sidecar in fleet.sidecars:
                    assert call(sidecar.data, "POST", "/predict", {"instances": [1]}).status == 200
                if fleet[0].route("fraud")["phase"] == "rolled_back":
                    break
            in_time(
                lambda: all(each.route("fraud")["phase"] == "rolled_back" for each in fleet.sidecars), "the rollback"
            )
            found = in_time(lambda: same(fleet, stories(fleet)[0]["touched"]["live"]["requests"]), "one story")
            assert {each["id"] for each in found} == {found[0]["id"]}
            touched = found[0]["touched"]
            assert well < touched["live"]["requests"] <= asked(bad), "what ended after the rollback is no evidence"
            assert touched["live"]["bad"] == touched["live"]["requests"] - well == touched["rescued"]
            (line,) = (each for each in found[0]["changes"][-1]["verdicts"] if each["metric"] == "error_rate")
            requests = touched["live"]["requests"]
            whole = line["n"] == requests or f" of {requests:,}, since the evidence began" in line["sentence"]
            assert whole, f"the verdict rests on {requests} requests: {line['sentence']}"
            told = in_time(lambda: [each for _, _, each in chat.heard if each["event"] == "rollback"], "the message")
            assert len(told) == 1 and told[0]["release"] == found[0]["id"]
            assert told[0]["touched"]["fraud"]["live"]["requests"] == requests
            explained = fleet[1].ask("GET", "/v1/routes/fraud/explain").json()
            assert "counted at all sidecars of the fleet" in explained["to_whom"].lower()
            assert f"{requests} requests met v2" in explained["summary"]
