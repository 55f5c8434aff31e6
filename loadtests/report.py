"""Tables for people, of what `results` holds for everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from loadtests.compare import cost, p50, p99, ratio
from loadtests.results import CaseResult, Sample, spread

MIB = 1024 * 1024


def cost_table(title: str, result: CaseResult, base: str) -> Table:
    """CPU per request (median, spread), by kind of process, throughput, latency, memory; `base` against each."""
    table = Table(title=title)
    columns = (
        "peer",
        "CPU us/request",
        "spread",
        f"{base} is",
        "requests/s",
        "p50 us",
        "p99 us",
        "PSS MiB",
        "analysed",
        "errors",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "peer" else "right")
    table.add_column("CPU us/request by process")
    for name, runs in result.samples.items():
        against = f"{ratio(result.samples, base, name, cost).median:.2f} x" if base in result.samples else ""
        table.add_row(name, *_row(runs, against, sum(result.memory.get(name, {}).values())))
    if result.counted:
        table.caption = "Penumbra counted " + ", ".join(f"{name} {n:,.0f}" for name, n in result.counted.items())
    return table


def _row(runs: Sequence[Sample], against: str, memory: int) -> tuple[str, ...]:
    costs = spread([run.total for run in runs])
    return (
        f"{costs.median:.1f}",
        f"{costs.low:.1f}-{costs.high:.1f}",
        against,
        f"{spread([run.load.rate for run in runs]).median:,.0f}",
        f"{spread([p50(run) for run in runs]).median:,.0f}",
        f"{spread([p99(run) for run in runs]).median:,.0f}",
        f"{memory / MIB:.1f}",
        analysed(runs),
        f"{sum(run.load.errors for run in runs)}",
        ", ".join(f"{name} {part:.1f}" for name, part in by_process(runs).items()),
    )


def analysed(runs: Sequence[Sample]) -> str:
    """The part of the exchanges that statistics saw, in the run where it was least; "" for peers without."""
    parts = [run.analysed for run in runs if run.analysed is not None]
    return f"{min(parts):.0%}" if parts else ""


def by_process(runs: Sequence[Sample]) -> Mapping[str, float]:
    """Median CPU microseconds per request of each kind of process."""
    return {name: spread([run.cpu.get(name, 0.0) for run in runs]).median for name in runs[-1].cpu}
