"""The compiled package, made and tested in the background: it compiles while other tests wait for sockets."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO

from loadtests.compiled import HOUSE, environment, package, possible

WITH_IT = (
    *("contracts/test_build.py", "http1", "routing", "dataplane"),
    *("process/test_chaos.py", "process/test_streams.py", "process/test_drain.py"),
)
"""That it is compiled, the tests of what is, and some in which real processes run it."""

EXPECTED = "PENUMBRA_BUILD_EXPECTED"
"""The variable that says to a test which build it should meet."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal for when the parent ends."""

_begun: list[Background] = []


class Background:
    """`.ci/compile`, then those tests with what it made."""

    def __init__(self) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        code = f"from tests.support.compiled import main; main({[f'tests/{each}' for each in WITH_IT]})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=HOUSE,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def result(self) -> tuple[int, str]:
        """The exit code and all that was written, once it has ended."""
        code = self._process.wait()
        self._output.seek(0)
        return code, self._output.read().decode()

    def end(self) -> None:
        """Ends it, if nobody waited for it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
        self._output.close()


def main(tests: list[str]) -> None:
    """Becomes pytest on `tests`, with the compiled package. Is interrupted when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    paths = f"pythonpath={package()} ."
    argv = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-o", paths, *tests]
    os.execve(sys.executable, argv, environment() | {EXPECTED: "compiled"})


def begin() -> None:
    """Begins in the background, where it can be done."""
    if possible():
        _begun.append(Background())


def background() -> Background:
    """What was begun."""
    return _begun[0]


def end() -> None:
    """Ends what was begun."""
    while _begun:
        _begun.pop().end()
