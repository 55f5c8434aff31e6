"""The tests that run a second time, on the compiled package: those of its rooms, and some with real processes."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

from loadtests.compiled import HOUSE, environment, package

TESTS = (
    *("contracts/test_build.py", "http1", "routing", "dataplane"),
    *("process/test_chaos.py", "process/test_streams.py", "process/test_drain.py"),
)
"""That it is compiled, the tests of what is, and some in which real processes run it."""

EXPECTED = "PENUMBRA_BUILD_EXPECTED"
"""The variable that says to a test which build it should meet."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal for when the parent ends."""


def tested() -> tuple[int, str]:
    """The exit code of those tests on the compiled package, and all that was written."""
    code = f"from tests.support.compiled import main; main({[f'tests/{each}' for each in TESTS]})"
    argv = [sys.executable, "-c", code]
    output = subprocess.STDOUT
    done = subprocess.run(argv, cwd=HOUSE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True)
    return done.returncode, done.stdout


def main(tests: list[str]) -> None:
    """Becomes pytest on `tests`, with the compiled package. Is interrupted when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    argv = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-o", f"pythonpath={package()} .", *tests]
    os.execve(sys.executable, argv, environment() | {EXPECTED: "compiled"})
