"""A child is waited for, explains itself when it fails, and is gone in the end, even when the demo is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.demo.processes import DemoProcess, ProcessFailed

TALKS = "import time; print('ready at 4711', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
READY = re.compile(r"ready at (\d+)")


def start(tmp_path: Path, script: str) -> DemoProcess:
    return DemoProcess("child", [sys.executable, "-c", script], tmp_path / "child.log", tmp_path)


def test_what_a_child_says_is_found_and_it_stops(tmp_path: Path) -> None:
    async def story() -> None:
        child = start(tmp_path, TALKS)
        assert (await child.expect(READY, 20))[1] == "4711"
        await child.stop()
        assert child.process.returncode == -signal.SIGTERM
        await child.stop()

    asyncio.run(story())


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    async def story() -> None:
        child = start(tmp_path, STUBBORN)
        await child.expect(re.compile("ready"), 20)
        await child.stop(grace=0.05)
        assert child.process.returncode == -signal.SIGKILL

    asyncio.run(story())


def test_a_child_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = start(tmp_path, "print('no disk left'); raise SystemExit(3)")
    with pytest.raises(ProcessFailed, match=r"child ended with code 3 before it was ready(.|\n)*no disk left"):
        asyncio.run(child.expect(READY, 20))


def test_a_child_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    child = start(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ProcessFailed, match=r"not ready after 0\.1 s"):
        asyncio.run(child.expect(READY, 0.1))
    child.kill()
    child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a killed process")
def test_a_child_does_not_outlive_a_killed_demo(tmp_path: Path) -> None:
    demo = (
        "import sys, time; from pathlib import Path; from proxy.demo.processes import DemoProcess;"
        f"child = DemoProcess('child', [sys.executable, '-c', {TALKS!r}], Path('child.log'), Path());"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", demo],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < until, "the child outlived its parent"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether `pid` still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
