"""A new configuration: by signal or by file change, without dropping a request; a broken one changes nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.process.conftest import Start, Write
from tests.support.running import Running, Traffic, eventually

CANARY = "canary: {version: b, percent: 100}"


def hang_up(running: Running) -> None:
    running.kill(running.pid, signal.SIGHUP)


def nothing(running: Running) -> None:
    """The file is watched."""


@pytest.mark.parametrize("tell", [hang_up, nothing])
def test_a_new_file_is_in_force_and_no_request_is_dropped(start: Start, write: Write, tell: object) -> None:
    running = start()
    assert callable(tell)
    with Traffic(running.data) as traffic:
        write(CANARY)
        tell(running)
        running.serving("b")
        traffic.more(50)
        write()
        tell(running)
        running.serving("a")
        traffic.more(50)
    assert not traffic.failures
    assert set(traffic.answers) == {"a", "b"}


def test_a_broken_file_leaves_the_old_one_in_force_and_says_so(start: Start, write: Write) -> None:
    running = start(route=CANARY)
    running.serving("b")
    assert failed(running) == 0.0
    write(CANARY.replace("100", "101"))
    hang_up(running)
    event = running.event("the new configuration is not used")
    assert "routes.r.canary.percent: found '101'; allowed: a number from 0 to 100" in event["event"]
    configuration = running.ask("GET", "/v1/routes").json()["configuration"]
    assert configuration["in_force"] is False
    assert configuration["problems"] == [
        {"path": "routes.r.canary.percent", "found": "'101'", "allowed": "a number from 0 to 100"}
    ]
    assert failed(running) == 1.0
    assert running.get().version == "b"
    write(CANARY)
    hang_up(running)
    eventually(lambda: failed(running) == 0.0, "a configuration that is in force again")
    pipe = running.config.with_suffix(".pipe")
    os.mkfifo(pipe)
    pipe.replace(running.config)  # nobody has its other end, and nobody waits for one
    event = running.event("the new configuration is not used", 2)
    assert f"{running.config}: a pipe; allowed: a regular file" in event["event"]
    assert (failed(running), running.get().version) == (1.0, "b")


def failed(running: Running) -> float:
    lines = running.ask("GET", "/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("penumbra_config_reload_failed "))


def test_control_that_starts_over_a_broken_file_goes_on_with_what_was_in_force(start: Start, write: Write) -> None:
    running = start(route=CANARY)
    write("canary: {}")
    running.kill(running.child("control"))
    running.event("control is up", 2)
    assert running.get().version == "b"
    configuration = running.ask("GET", "/v1/routes").json()["configuration"]
    assert [problem["path"] for problem in configuration["problems"]] == [
        "routes.r.canary.version", "routes.r.canary.percent",
    ]  # fmt: skip


def test_what_needs_a_restart_is_refused_by_name(start: Start, write: Write) -> None:
    running = start()
    write(top="workers: 2\ndrain: 1s")
    hang_up(running)
    running.event("the new configuration is not used")
    problems = running.ask("GET", "/v1/routes").json()["configuration"]["problems"]
    assert [problem["path"] for problem in problems] == ["workers", "drain"]
    assert "1 until" in problems[0]["allowed"]


def test_an_address_in_use_is_a_clear_error(write: Write) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "proxy", "run", str(write(listen=address))]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    line = json.loads(ended.stderr.splitlines()[-1])
    assert (line["event"], line["address"], line["error"]) == ("cannot listen", address, "Address already in use")
