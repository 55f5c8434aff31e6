"""wrk as the load generator: one thread, so that it leaves a core to the proxy, and a script that reports JSON."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtests.results import Load
from loadtests.traffic import PATH

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT_SECONDS = 5
"""A request that takes longer counts as an error; also the longest a run outlives its duration."""


@dataclass(frozen=True, slots=True)
class Drive:
    """How a run is driven. `pause_ms`: mean pause of a connection between requests (None: as fast as it goes);
    `close`: a new connection for each request; `unique`: each request has an id and a trace parent of its own; `tls`:
    by TLS, whoever answers."""

    bodies: Path
    connections: int = 32
    pause_ms: float | None = None
    close: bool = False
    unique: bool = False
    path: str = PATH
    tls: bool = False

    def drive(self, port: int, seconds: float) -> Load:
        """One run of `seconds` (whole ones, at least 1) against a loopback port. Raises LoadFailed without a result."""
        return drive(port, self, seconds)


class LoadFailed(Exception):
    """wrk itself failed; the message is what it said."""


def drive(port: int, how: Drive, seconds: float) -> Load:
    """One run of `seconds` (whole ones, at least 1) against a loopback port. Raises LoadFailed without a result."""
    command = ["wrk", "-t1", f"-c{how.connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_SECONDS}s"]
    command += ["-s", str(SCRIPT), f"http{'s' * how.tls}://127.0.0.1:{port}{how.path}"]
    patience = seconds + 4 * TIMEOUT_SECONDS
    done = subprocess.run(command, env=_environment(how), capture_output=True, text=True, timeout=patience)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise LoadFailed(f"wrk ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return msgspec.json.decode(lines[-1], type=Load)


def _environment(how: Drive) -> dict[str, str]:
    extra = {"LOAD_BODIES": str(how.bodies), "LOAD_PATH": how.path}
    if how.close:
        extra["LOAD_CLOSE"] = "1"
    if how.unique:
        extra["LOAD_UNIQUE"] = "1"
    if how.pause_ms is not None:
        extra["LOAD_DELAY_MS"] = str(how.pause_ms)
    return {**os.environ, **extra}
