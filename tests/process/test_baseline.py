"""A candidate with a tenth of the traffic, slower by itself: real processes, with a baseline and without one.

The candidate and the baseline are slower than the primary by the same, as arms with a tenth of its traffic are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Running, eventually
from tests.support.serving import Handler, Serving

BODY = '{"instances": [[1.0, 2.0]]}'
FAST, SLOW, SLOWER = 0.010, 0.014, 0.028
"""Seconds of an answer: the primary's, those of arms with a tenth of its traffic, and those of a slow model."""
TIMED = ", scorecard: {latency: {max_ratio: 1.1}}"
BESIDE = ", baseline: {version: v1-small}"
ENOUGH = 300
"""Requests of the candidate that are judged; without a baseline a third of them decides."""


class Model(Serving):
    """A model that takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Answering)
        self.seconds, self.status, self.asked = seconds, 200, 0


class Answering(Handler):
    def do_POST(self) -> None:  # noqa: N802 (the library calls it so)
        model: Any = self.server
        self.body()
        model.asked += 1
        time.sleep(model.seconds)
        self.answer(model.status, b'{"predictions": [1]}')


class Arms:
    """The three models, and what clients saw."""

    def __init__(self, stack: ExitStack) -> None:
        self.primary, self.candidate, self.baseline = (
            stack.enter_context(Model(seconds)) for seconds in (FAST, SLOW, SLOW)
        )
        self.statuses: set[int] = set()


@pytest.fixture
def arms() -> Iterator[Arms]:
    with ExitStack() as stack:
        yield Arms(stack)


@contextmanager
def served(arms: Arms, home: Path, more: str) -> Iterator[Running]:
    """A canary with a tenth of the traffic, under load."""
    config = home / "penumbra.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {home / 'state.db'}\n"
        f"versions: {{v1: {{url: {arms.primary.url}}}, v2: {{url: {arms.candidate.url}}}, "
        f"v1-small: {{url: {arms.baseline.url}}}}}\n"
        "routes: {r: {match: {path: /}, protocol: kserve-v1, primary: v1, canary: {version: v2, percent: 10}, "
        f"warm_up: 20{more}}}}}\n"
    )
    with Running(config) as running, clients(running.data, arms):
        yield running


@contextmanager
def clients(address: str, arms: Arms, count: int = 10) -> Iterator[None]:
    over = threading.Event()

    def ask() -> None:
        connection = HTTPConnection(address)
        while not over.is_set():
            connection.request("POST", "/v1/models/m:predict", BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            arms.statuses.add(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def line_of(running: Running, metric: str) -> Any:
    lines = running.ask("GET", "/v1/routes/r/scorecard").json()["metrics"]
    return next(line for line in lines if line["metric"] == metric)


def rolled_back(running: Running) -> str:
    eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
    reason: str = running.route()["reason"]
    return reason


def test_without_a_baseline_the_share_alone_rolls_it_back_and_the_sentence_says_so(arms: Arms, tmp_path: Path) -> None:
    with served(arms, tmp_path, TIMED) as running:
        reason = rolled_back(running)
    assert "latency ratio" in reason
    assert "a baseline would tell" in reason


def test_beside_a_baseline_as_slow_it_stays_and_goes_once_it_is_slower(arms: Arms, tmp_path: Path) -> None:
    with served(arms, tmp_path, BESIDE + TIMED) as running:
        eventually(lambda: running.route()["split"] == {"v1": 80.0, "v2": 10.0, "v1-small": 10.0}, "the split")
        eventually(lambda: line_of(running, "latency")["n"] >= ENOUGH, "its requests")
        line = line_of(running, "latency")
        assert line["verdict"] == "pass", line
        assert "of the baseline" in line["sentence"]
        assert running.route()["phase"] == "steady"
        asked = arms.candidate.asked, arms.baseline.asked
        assert max(asked) < 1.5 * min(asked), "shares that are the same"
        arms.candidate.seconds = SLOWER
        reason = rolled_back(running)
        assert "of the baseline" in reason and "latency ratio" in reason
        assert running.route()["split"] == {"v1": 100.0}
        time.sleep(0.2)
        after = arms.baseline.asked
        time.sleep(0.3)
        assert arms.baseline.asked == after, "without a candidate it gets nothing"


def test_a_broken_baseline_costs_no_client_anything_and_leaves(arms: Arms, tmp_path: Path) -> None:
    arms.primary.seconds = arms.candidate.seconds = arms.baseline.seconds = FAST
    with served(arms, tmp_path, BESIDE) as running:
        eventually(lambda: arms.baseline.asked > 20, "its first requests")
        arms.baseline.status = 503
        eventually(lambda: "v1-small" not in running.route()["split"], "its leaving")
        route = running.route()
        assert (route["phase"], route["split"]) == ("steady", {"v1": 90.0, "v2": 10.0})
        assert "v1-small is broken" in route["baseline"]["reason"]
        assert any("no baseline" in warning for warning in route["warnings"])
        (entry,) = running.ask("GET", "/v1/audit?limit=1").json()["entries"]
        assert (entry["action"], entry["who"]) == ("drop", "scorecard")
        assert arms.statuses == {200}, "the primary answered in its place"
        eventually(lambda: line_of(running, "error_rate")["n"] >= 100, "requests against the primary")
        assert line_of(running, "error_rate")["verdict"] == "pass"
        assert "baseline" not in line_of(running, "error_rate")["sentence"]
