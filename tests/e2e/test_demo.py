"""The demo, as a user starts it: it holds, it ends by itself, it can be interrupted, and it leaves nothing running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = "PENUMBRA_TEST_MARK"
PATIENCE = 120.0


@dataclass
class Demo:
    """A running demo; `mark` is in the environment of every process that it starts."""

    process: subprocess.Popen[str]
    log: Path
    mark: str

    def left(self) -> list[str]:
        """The command lines of processes that carry the mark."""
        return [words for pid in os.listdir("/proc") if pid.isdigit() and (words := _marked(pid, self.mark))]

    def until(self, true: Callable[[list[str]], bool]) -> None:
        """Waits until `true` of the processes that are left."""
        deadline = time.monotonic() + PATIENCE
        while not true(left := self.left()):
            assert time.monotonic() < deadline, left
            time.sleep(0.02)

    def says(self, text: str) -> None:
        """Waits until the demo has said `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log.read_text(encoding="utf-8"):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"the demo never said {text!r}"
            time.sleep(0.05)


@contextlib.contextmanager
def demo(models_python: Path, tmp_path: Path, call: str) -> Iterator[Demo]:
    """`call` is the arguments of `main`, as Python."""
    mark, log = uuid.uuid4().hex, tmp_path / "demo.log"
    argv = [sys.executable, "-c", f"import sys; from proxy.demo.story import main; sys.exit(main({call}))"]
    venv = str(models_python.parent.parent)
    environ = os.environ | {MARK: mark, "PENUMBRA_MODELS_VENV": venv, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=sink, cwd=tmp_path, env=environ, text=True)
    try:
        yield Demo(process, log, mark)
    finally:
        process.kill()
        process.wait()


def test_the_story_holds_and_nothing_is_left(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=False, seconds=2.0, rate=150.0") as running:
        code = running.process.wait(PATIENCE)
        text = running.log.read_text(encoding="utf-8")
        assert code == 0, text
        assert running.left() == []
    for fact in ("from the kill to the flip", "0 of ", "gets nothing afterwards", "disagreement"):
        assert fact in text
    assert "BROKEN" not in text


@pytest.mark.parametrize(
    ("number", "when", "processes", "code"),
    [
        (signal.SIGINT, "Act 1", 7, 130),
        (signal.SIGTERM, "Starting", 2, 130),
        pytest.param(signal.SIGKILL, "Act 1", 7, -9, marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")),
    ],
)
def test_an_interrupted_demo_leaves_nothing(
    number: signal.Signals, when: str, processes: int, code: int, models_python: Path, tmp_path: Path
) -> None:
    """Seven: the demo, three model servers, Penumbra's supervisor, control and worker. A killed demo cannot wait for
    them, so they end after it."""
    with demo(models_python, tmp_path, "hold=False, seconds=60.0") as running:
        running.says(when)
        running.until(lambda left: len(left) >= processes)
        running.process.send_signal(number)
        assert running.process.wait(PATIENCE) == code, running.log.read_text(encoding="utf-8")
        if number == signal.SIGKILL:
            running.until(lambda left: not left)
        assert running.left() == []


def test_hold_keeps_it_up_until_it_is_interrupted(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=True, seconds=1.0, rate=150.0") as running:
        running.says("Ctrl-C ends it all")
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) == 0, running.log.read_text(encoding="utf-8")
        assert running.left() == []


def test_a_missing_models_venv_is_said(tmp_path: Path) -> None:
    with demo(tmp_path / "no" / "venv" / "python", tmp_path, "hold=False") as running:
        assert running.process.wait(PATIENCE) == 1
        assert "PENUMBRA_MODELS_VENV" in running.log.read_text(encoding="utf-8")


def _marked(pid: str, mark: str) -> str:
    """The command line of a process that carries the mark, or nothing."""
    try:
        if f"{MARK}={mark}" not in Path(f"/proc/{pid}/environ").read_text(encoding="utf-8", errors="replace"):
            return ""
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
