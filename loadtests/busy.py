"""A busy neighbour: a process that does nothing but spin on one core, as another container on the same machine may."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.processes import stop

MAIN = ("split", "statistics", "body-64k", "events")
"""Cases that are measured beside it."""
SPIN = "while True: pass"


@contextmanager
def neighbour() -> Iterator[int]:
    """Spins until the end; yields its process id."""
    process = subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        stop(process)
