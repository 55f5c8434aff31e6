"""Signals in the first moments of a process do what they say: nothing is lost, nothing is left, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from proxy.signals import HELD
from tests.process.conftest import Start, Write
from tests.support.running import Running, eventually

NOTHING_YET = [[signal.SIGTERM], [signal.SIGINT], [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM]]


def holds(pid: int) -> bool:
    """Whether a process has come to its first line, and holds its signals."""
    status = Path(f"/proc/{pid}/status").read_text().partition("SigBlk:")[2].split()[0]
    return all(int(status, 16) >> (number - 1) & 1 for number in HELD)


def test_who_is_told_to_end_while_it_starts_ends_cleanly(write: Write) -> None:
    """From its first line to its first handler the supervisor imports, reads, checks and binds: most of half a second,
    and one `execve`."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as home:
        command = [sys.executable, "-P", "-m", "proxy", "run", str(write())]
        env = os.environ | {"TMPDIR": home}
        starting = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) for _ in NOTHING_YET]
        for process, numbers in zip(starting, NOTHING_YET, strict=True):
            eventually(lambda pid=process.pid: holds(pid), "a process that holds its signals")  # type: ignore[misc]
            for number in numbers:
                process.send_signal(number)
        said = [process.communicate(timeout=60.0)[1] for process in starting]
        assert [process.returncode for process in starting] == [0] * len(starting), said
        events = [[json.loads(line)["event"] for line in each.splitlines()] for each in said]  # no traceback: all JSON
        assert not any("child started" in each for each in events)
        assert os.listdir(home) == []


def born(running: Running, name: str) -> int:
    """The pid of a child that has just taken the place of a killed one."""
    old = running.child(name)
    running.kill(old)
    return eventually(lambda: (pid := running.child(name)) != old and pid, f"a new {name}")


def test_children_heed_what_they_were_told_at_birth(start: Start) -> None:
    """A reload and a Ctrl-C of the terminal do not end control; a worker that is told to end does, with 0."""
    running = start(top="workers: 2")
    control = born(running, "control")
    for number in (signal.SIGHUP, signal.SIGINT):
        running.kill(control, number)
    worker = born(running, "worker-0")
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        running.kill(worker, number)
    running.event("control is up", 2)
    running.event("child exited", 3)
    ends = {end["pid"]: end for end in running.events("child exited")}
    assert control not in ends
    assert (ends[worker].get("code"), ends[worker]["reason"]) == (0, "exited")
    assert not any("Traceback" in str(event) for event in running.log)
