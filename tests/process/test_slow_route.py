"""A broken canary is rolled back by itself on a slow route too: ejected by the worker, it goes on giving evidence."""

from __future__ import annotations

import pytest

from tests.process.conftest import Start
from tests.support.running import PATIENCE, eventually
from tests.support.upstream import Upstream


@pytest.mark.parametrize("percent", [10, 50])
def test_one_client_and_a_broken_canary(start: Start, b: Upstream, percent: int) -> None:
    running = start(route=f"canary: {{version: b, percent: {percent}}}")
    for _ in range(40):
        assert running.get().status == 200
    b.garbage = b"\x00 not an answer\r\n\r\n"

    def rolled_back() -> bool:
        assert running.get().status == 200
        return bool(running.route()["phase"] == "rolled_back")

    eventually(rolled_back, f"a rollback within {PATIENCE} s")
    assert running.route()["split"] == {"a": 100.0}
