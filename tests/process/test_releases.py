"""Releases on real processes: every phase outlives the death of every process, and a rolled-back version stays out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.control.state.evidence_snapshots import unsealed
from proxy.control.state.store import Store
from tests.process.conftest import Start, Write
from tests.support.running import Running, Traffic, eventually
from tests.support.upstream import Upstream

STAGES = "{shadow: 100, requests: 20}, {canary: 30, requests: 40}, {canary: 60, requests: 40}"
HELD = "{shadow: 100, requests: 1000000}, {canary: 50, requests: 1000000}"


@pytest.fixture(autouse=True)
def predictions(a: Upstream, b: Upstream) -> None:
    """Both versions answer what can be read: an answer that is none is charged to its version."""
    a.body = b.body = b"[1.0]"


def release(stages: str = STAGES, strategy: str = "canary") -> str:
    return f"release: {{candidate: b, strategy: {strategy}, stages: [{stages}], false_alarm: 0.01}}"


def change(running: Running, action: str) -> None:
    assert running.ask("POST", f"/v1/routes/r/{action}", {"reason": "a test"}).status == 200


def standing(route: dict[str, Any]) -> dict[str, Any]:
    """What must outlive a death."""
    kept = ("phase", "primary", "split", "shadows", "rolled_back", "previous", "paused_from")
    return {name: route[name] for name in kept} | {"stage": route["release"]["stage"]}


def test_a_good_candidate_becomes_primary_by_itself(start: Start) -> None:
    running = start(route=release())
    with Traffic(running.data) as traffic:
        eventually(lambda: running.route()["phase"] == "promoted", "the promote")
        running.serving("b")
        traffic.more(50)
    assert not traffic.failures
    actions = [entry["action"] for entry in reversed(running.ask("GET", "/v1/audit").json()["entries"])]
    assert actions == ["start", "advance", "advance", "promote"]


def test_a_dead_candidate_never_leaves_its_shadow_stage(start: Start, b: Upstream) -> None:
    running = start(route=release())
    b.status = 500
    with Traffic(running.data) as traffic:
        eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
        traffic.more(50)
    assert not traffic.failures
    assert set(traffic.answers) == {"a"}
    assert "error_rate" in running.route()["reason"]


def test_a_candidate_that_breaks_under_live_traffic_is_rolled_back_and_no_client_sees_it(
    start: Start, b: Upstream
) -> None:
    running = start(route=release(HELD.replace("1000000", "20", 1)))
    with Traffic(running.data) as traffic:
        eventually(lambda: running.route()["split"].get("b") == 50.0, "live traffic")
        b.status = 503
        eventually(lambda: running.route()["phase"] == "rolled_back", "the rollback")
        traffic.more(50)
    assert not traffic.failures, "503 of a canary is rescued"
    assert running.route()["split"] == {"a": 100.0}


def shadowing(running: Running) -> None:
    assert running.route()["phase"] == "shadowing"


def ramping(running: Running) -> None:
    with Traffic(running.data) as traffic:
        eventually(lambda: running.route()["phase"] == "ramping", "live traffic")
        traffic.more(10)


def paused(running: Running) -> None:
    ramping(running)
    change(running, "pause")


def rolled_back(running: Running) -> None:
    ramping(running)
    change(running, "rollback")


def promoted(running: Running) -> None:
    ramping(running)
    change(running, "promote")


PHASES = [shadowing, ramping, paused, rolled_back, promoted]


@pytest.mark.parametrize("reach", PHASES)
def test_the_death_of_any_process_in_any_phase_changes_nothing(write: Write, reach: Callable[[Running], None]) -> None:
    config = write(route=release(HELD if reach is shadowing else HELD.replace("1000000", "20", 1)))
    with Running(config) as running:
        reach(running)
        before = standing(running.route())
        with Traffic(running.data) as traffic:
            for victim in ("control", "worker-0"):
                kill(running, victim)
                traffic.more(50)
                assert standing(running.route()) == before
        assert len(traffic.failures) <= 4, "only exchanges inside the killed worker may fail, one for each client"
        running.kill(running.pid)
        running.wait()
    with Running(config) as again:
        assert standing(again.route()) == before
        if reach is rolled_back:
            assert {again.get().version for _ in range(30)} == {"a"}


def test_a_stage_goes_on_where_a_killed_control_was(start: Start, tmp_path: Path) -> None:
    running = start(route=release(HELD.replace("1000000", "20", 1)))
    paused(running)

    def requests() -> int:
        return int(running.route()["release"]["requests"])

    eventually(lambda: kept(tmp_path / "state.db", "r") == requests() > 0, "the stage's requests in the state file")
    had = requests()
    kill(running, "control")
    assert requests() == had
    line, *_ = running.ask("GET", "/v1/routes/r/scorecard").json()["metrics"]
    assert line["n"] > 0 and line["n_shadow"] > 0


def kept(path: Path, route: str) -> int:
    """The requests of a stage that a control after this one would begin with."""
    store = Store(str(path), write=False)
    try:
        row = store.remembered().get(route)
        return unsealed(row).legs if row else 0
    finally:
        store.close()


def kill(running: Running, victim: str) -> None:
    """Kills a child and returns when its successor is up."""
    old = running.child(victim)
    running.kill(old)
    eventually(lambda: running.child(victim) != old, f"a new {victim}")
    if victim == "control":
        running.event("control is up", 2)
