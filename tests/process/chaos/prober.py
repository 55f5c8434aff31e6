"""How long a server is silent, from a process of its own: `python -m tests.process.chaos.prober ADDRESS`.

It asks `/healthz` twenty times a second on one connection and prints (asked, answered) for each answer, in seconds of
the monotonic clock, which all processes share. A test that is busy itself could not tell its own pauses from others.
"""

from __future__ import annotations

import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

PAUSE_SECONDS = 0.05


class Prober:
    """The process; `end` stops it and returns what it saw."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.chaos.prober", address],
            cwd=Path(__file__).resolve().parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> list[tuple[float, float]]:
        """Each answer: when it was asked for and when it came."""
        if self._process.poll() is not None:
            return []
        self._process.terminate()
        told, _ = self._process.communicate()
        rows = [line.split() for line in told.splitlines(keepends=True) if line.endswith("\n")]
        return [(float(asked), float(answered)) for asked, answered in rows]


def main(address: str) -> None:
    """Asks until it is ended."""
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=60.0)
    while True:
        asked = time.monotonic()
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            print(asked, time.monotonic(), flush=True)
        except (OSError, HTTPException):
            connection.close()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
