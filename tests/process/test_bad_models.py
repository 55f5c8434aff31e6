"""A bad model never stays, whatever HTTP says: real processes, real clients, one candidate that is bad in its own way.

Each is rolled back within a hundred of its requests, by the default scorecard and by one that names errors alone; a
healthy one becomes primary.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.support.running import Running, eventually
from tests.support.upstream import Upstream

GOOD = b'{"predictions": [1]}'
BODY = json.dumps({"instances": [[1.0, 2.0]]})
PATH = "/v1/models/m:predict"
SCORECARDS = {"default": "", "errors alone": ", scorecard: {error_rate: {max_ratio: 1.5}}"}
MOST_REQUESTS = 100
"""Requests of a bad candidate until its rollback."""
GAP_SECONDS = 0.02
"""Between the requests of a client, so that the hundred are no single tick."""


@pytest.fixture(params=SCORECARDS)
def released(request: pytest.FixtureRequest, tmp_path: Path, a: Upstream, b: Upstream) -> Iterator[Running]:
    """A release of `b` at half of the traffic, by both scorecards."""
    a.body = b.body = GOOD
    config = tmp_path / "penumbra.yaml"
    stages = "[{canary: 50, requests: 50}]"
    release = f"{{candidate: b, strategy: canary, stages: {stages}{SCORECARDS[request.param]}}}"
    config.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path / 'state.db'}\nanalysis_cpu: 50\n"
        f"versions: {{a: {{url: {a.url}}}, b: {{url: {b.url}}}}}\n"
        f"routes: {{r: {{match: {{path: /}}, protocol: kserve-v1, primary: a, release: {release}}}}}\n"
    )
    with Running(config) as running:
        yield running


@contextmanager
def clients(address: str, count: int = 4, patience: float = 10.0) -> Iterator[None]:
    """Clients that ask the model, one request after the other, and leave when their patience ends."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            connection = HTTPConnection(address, timeout=patience)
            try:
                connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
                connection.getresponse().read()
            except (OSError, HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(GAP_SECONDS)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def rolled_back(running: Running, metric: str, b: Upstream) -> None:
    eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
    route = running.route()
    assert route["primary"] == "a"
    assert metric in route["reason"]
    assert running.ask("GET", "/v1/audit?limit=1").json()["entries"][0]["why"] == route["reason"]
    assert running.events(f"r: rollback: {route['reason']}"), "the log says it in the same words"
    assert len(b.seen) <= MOST_REQUESTS


@pytest.mark.parametrize(
    ("status", "metric"), [(400, "refusal_rate"), (307, "refusal_rate"), (429, "refusal_rate"), (500, "error_rate")]
)
def test_a_candidate_that_never_answers_well_is_rolled_back(
    released: Running, b: Upstream, status: int, metric: str
) -> None:
    b.status = status
    with clients(released.data):
        rolled_back(released, metric, b)


@pytest.mark.parametrize("body", [b"{}", b"", b'{"predictions": [NaN]}', b'{"error": "not ready"}', b"<html>"])
def test_a_candidate_whose_answers_are_none_is_rolled_back(released: Running, b: Upstream, body: bytes) -> None:
    b.body = body
    with clients(released.data):
        rolled_back(released, "invalid_rate", b)


def test_a_candidate_that_hangs_until_clients_leave_is_rolled_back(released: Running, b: Upstream) -> None:
    b.hold()
    with clients(released.data, count=20, patience=0.5):
        rolled_back(released, "abandonment_rate", b)


def test_a_healthy_candidate_is_proved_and_promoted(released: Running) -> None:
    with clients(released.data, count=8):
        eventually(lambda: released.route()["phase"] == "promoted", "the promote")
    assert "limits held" in released.route()["reason"]
    promote = released.ask("GET", "/v1/audit?limit=1").json()["entries"][0]
    assert "proved: less than 0.02 above the primary's" in json.dumps(promote)
