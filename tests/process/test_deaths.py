"""What happens to clients when a process dies: nothing, or as little as there can be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from proxy.supervisor import MAX_REFUSALS
from tests.process.conftest import Start, Write
from tests.support.running import Running, Traffic, alive, eventually


def new_pid(running: Running, name: str, old: int) -> int:
    """The pid of a child that was started again."""
    return eventually(lambda: (pid := running.child(name)) != old and pid, f"a new {name}")


def test_connections_wait_while_the_only_worker_is_started_again(start: Start) -> None:
    running = start()
    old = running.child("worker-0")
    running.kill(old)
    answers = [running.get() for _ in range(3)]
    assert [answer.body for answer in answers] == [b"a"] * 3
    assert new_pid(running, "worker-0", old) != old
    exited = running.event("child exited")
    assert (exited["child"], exited["signal"], exited["restart_in"]) == ("worker-0", "SIGKILL", 0.0)


def test_no_connection_is_refused_while_a_worker_dies_again_and_again(start: Start) -> None:
    running = start()
    with Traffic(running.data, new=True) as traffic:
        for _ in range(3):
            old = running.child("worker-0")
            running.kill(old)
            new_pid(running, "worker-0", old)
            traffic.more(50)
    refused = [failure for failure in traffic.failures if "Refused" in failure]
    assert not refused
    # One exchange of each of the four clients may have been inside a worker when it was killed.
    assert len(traffic.failures) <= 3 * 4


def test_the_other_worker_serves_on(start: Start) -> None:
    running = start(top="workers: 2")
    running.kill(running.child("worker-0"), signal.SIGSTOP)
    running.kill(running.child("worker-0"))
    assert [running.get().body for _ in range(20)] == [b"a"] * 20
    eventually(lambda: len(running.events("child started")) == 4, "the worker's second start")


def test_killed_control_leaves_traffic_untouched_and_comes_back_with_the_live_split(start: Start) -> None:
    running = start()
    assert running.ask("PUT", "/v1/routes/r/split", {"b": 100}).status == 200
    running.serving("b")
    old = running.child("control")
    with Traffic(running.data) as traffic:
        running.kill(old)
        traffic.more(100)
        new_pid(running, "control", old)
        running.event("control is up", 2)
        traffic.more(100)
    assert not traffic.failures
    assert set(traffic.answers) == {"b"}
    assert running.route()["split"] == {"a": 0.0, "b": 100.0}


def test_a_worker_that_starts_without_control_serves_the_primaries(start: Start) -> None:
    running = start()
    assert running.ask("PUT", "/v1/routes/r/split", {"b": 100}).status == 200
    running.serving("b")
    running.kill(running.child("control"), signal.SIGSTOP)
    running.kill(running.child("worker-0"))
    assert running.get().body == b"a"
    running.kill(running.child("control"), signal.SIGCONT)
    running.serving("b")


def test_without_control_for_longer_than_the_lease_all_goes_to_the_primary(start: Start) -> None:
    running = start(top="lease: 500ms")
    assert running.ask("PUT", "/v1/routes/r/split", {"b": 100}).status == 200
    running.serving("b")
    running.kill(running.child("control"), signal.SIGSTOP)
    running.serving("a")
    running.kill(running.child("control"), signal.SIGCONT)
    running.serving("b")


def test_no_child_outlives_a_killed_supervisor(start: Start) -> None:
    running = start(top="workers: 2")
    children = running.children()
    assert len(children) == 3
    assert all(map(alive, children))
    running.kill(running.pid)
    eventually(lambda: not any(map(alive, children)), "the end of all children")


def test_children_that_hang_are_ended_with_their_supervisor(start: Start) -> None:
    """The lifeline is looked at by the loop: a stopped child ends as soon as it goes on."""
    running = start()
    worker = running.child("worker-0")
    running.kill(worker, signal.SIGSTOP)
    running.kill(running.pid)
    running.kill(worker, signal.SIGCONT)
    eventually(lambda: not alive(worker), "the end of the worker")


def test_the_folder_that_a_killed_supervisor_left_goes_with_the_next_start(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as home:
        monkeypatch.setenv("TMPDIR", home)
        killed = start()
        (left,) = Path(home).iterdir()
        killed.kill(killed.pid)
        eventually(lambda: not any(map(alive, killed.children())), "the end of all children")
        assert (left / "link").is_socket()
        running = start()
        assert running.get().body == b"a"
        (its,) = Path(home).iterdir()
        assert its != left
        running.kill(running.pid, signal.SIGTERM)
        eventually(lambda: not its.exists(), "the end of the folder")


def test_a_long_folder_for_temporary_files_is_no_hindrance(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    assert start().get().body == b"a"
    assert not list(deep.iterdir())


def test_a_damaged_state_file_ends_it_before_anything_is_served(write: Write, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database" * 1000)
    command = [sys.executable, "-m", "proxy", "run", str(write())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert any("state.db" in event["event"] for event in events)
    assert "control cannot start" in [event["event"] for event in events]
    assert (tmp_path / "state.db").read_bytes() == b"no database" * 1000


def test_a_state_file_that_is_damaged_later_ends_nothing(start: Start, tmp_path: Path) -> None:
    running = start()
    (tmp_path / "state.db").unlink()
    (tmp_path / "state.db").write_bytes(b"no database" * 1000)
    running.kill(running.child("control"))
    running.event("child exited", 1 + MAX_REFUSALS)
    assert running.get().body == b"a"
    assert not running.events("control cannot start")
