"""The demo as a user starts it, for tests: what it says, and every process that it has started."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


def _marked(pid: str, mark: str) -> str:
    """The command line of a process that carries the mark, or nothing."""
    try:
        if f"{MARK}={mark}" not in Path(f"/proc/{pid}/environ").read_text(encoding="utf-8", errors="replace"):
            return ""
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
