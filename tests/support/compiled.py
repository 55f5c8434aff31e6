"""Tests that run a second time, on the compiled package: see `tests/compiled`."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

from loadtests.compiled import HOUSE, environment, package

EXPECTED = "PENUMBRA_BUILD_EXPECTED"
"""The variable that says to a test which build it should meet."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal for when the parent ends."""


def tested(*arguments: str) -> tuple[int, str]:
    """The exit code of pytest with these arguments on the compiled package, and all that was written."""
    code = f"from tests.support.compiled import main; main({list(arguments)})"
    argv = [sys.executable, "-c", code]
    output = subprocess.STDOUT
    done = subprocess.run(argv, cwd=HOUSE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True)
    return done.returncode, done.stdout


def main(arguments: list[str]) -> None:
    """Becomes pytest with these arguments and the compiled package. Is interrupted when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    argv = [
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-o",
        f"pythonpath={package()} .",
        *("-W", "ignore:the (type, exc, tb) signature of throw():DeprecationWarning"),  # mypyc's own, from 3.12 on
        *arguments,
    ]
    os.execve(sys.executable, argv, environment() | {EXPECTED: "compiled"})
