"""wrk as the load generator: one thread, so that it leaves a core to the proxy, and a script that reports JSON."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtests.traffic import PATH

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT_SECONDS = 5
"""A request that takes longer counts as an error; also the longest a run outlives its duration."""


class Result(msgspec.Struct, frozen=True):
    """What wrk saw. Latencies in microseconds, corrected by wrk for coordinated omission; errors by kind."""

    requests: int
    seconds: float
    bytes: int
    connect: int
    read: int
    write: int
    status: int
    timeout: int
    p50: float
    p90: float
    p99: float
    p999: float
    mean: float
    max: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        """Requests that did not get a 2xx or 3xx answer."""
        return self.connect + self.read + self.write + self.status + self.timeout


@dataclass(frozen=True, slots=True)
class Load:
    """How a run is driven. `pause_ms`: mean pause of a connection between requests (None: as fast as it goes)."""

    bodies: Path
    connections: int = 32
    pause_ms: float | None = None
    close: bool = False
    path: str = PATH


class LoadFailed(Exception):
    """wrk itself failed; the message is what it said."""


def drive(port: int, load: Load, seconds: float) -> Result:
    """One run of `seconds` against a loopback port. Raises LoadFailed when wrk gives no result."""
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_SECONDS}s"]
    command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}{load.path}"]
    done = subprocess.run(
        command, env=_environment(load), capture_output=True, text=True, timeout=seconds + 4 * TIMEOUT_SECONDS
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise LoadFailed(f"wrk ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return msgspec.json.decode(lines[-1], type=Result)


def _environment(load: Load) -> dict[str, str]:
    extra = {"LOAD_BODIES": str(load.bodies), "LOAD_PATH": load.path}
    if load.close:
        extra["LOAD_CLOSE"] = "1"
    if load.pause_ms is not None:
        extra["LOAD_DELAY_MS"] = str(load.pause_ms)
    return {**os.environ, **extra}
