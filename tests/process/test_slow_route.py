"""A broken canary on a slow route: the worker ejects it, and where inferences show it, it is rolled back by itself."""

from __future__ import annotations

import pytest

from tests.process.conftest import Start
from tests.support.running import PATIENCE, call, eventually
from tests.support.upstream import Upstream

GARBAGE = b"\x00 not an answer\r\n\r\n"


@pytest.mark.parametrize("percent", [10, 50])
def test_one_client_and_a_broken_canary(start: Start, b: Upstream, percent: int) -> None:
    running = start(route=f"canary: {{version: b, percent: {percent}}}")

    def ask() -> None:
        assert call(running.data, "POST", "/predict", {}).status == 200

    for _ in range(40):
        ask()
    b.garbage = GARBAGE

    def rolled_back() -> bool:
        ask()
        return bool(running.route()["phase"] == "rolled_back")

    eventually(rolled_back, f"a rollback within {PATIENCE} s")
    assert running.route()["split"] == {"a": 100.0}


def test_what_is_broken_for_probes_alone_is_ejected_and_judged_by_nothing(start: Start, b: Upstream) -> None:
    running = start(route="canary: {version: b, percent: 50}")
    b.garbage = GARBAGE

    def ejected() -> bool:
        assert running.get("/healthz").status == 200
        return bool(running.events("route r: canary b is ejected"))

    eventually(ejected, "an ejection")
    route = running.route()
    assert (route["phase"], route["split"]) == ("steady", {"a": 50.0, "b": 50.0})
    b.garbage = b""

    def back() -> bool:
        assert running.get("/healthz").status == 200
        return bool(running.events("route r: canary b is back"))

    eventually(back, "its return")
