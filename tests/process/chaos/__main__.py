"""Seeded faults against the real program: `python -m tests.process.chaos --seed 7 --seconds 600`.

The same seed and seconds give the same schedule, which is printed first; the exit code is 1 if anything was wrong.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated

import typer
import uvloop

from tests.process.chaos.run import Report, run
from tests.process.chaos.schedule import KINDS, Fault, schedule


def chaos(seed: int, seconds: float, kinds: tuple[str, ...] = tuple(KINDS)) -> Report:
    """One run by its seed: an even one has one worker, an odd one two."""
    faults = schedule(seed, seconds, kinds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(faults, 1 + seed % 2))


def told(report: Report) -> str:
    """What came of it, in lines."""
    results = ", ".join(f"{result} {n:,}" for result, n in report.results.most_common())
    figures = (
        f"{report.changes} changes",
        f"at most {report.most >> 20} MiB at once",
        f"control silent for at most {report.silence:.2f} s",
    )
    return "\n".join((*report.told, f"clients: {results}", ", ".join(figures), *(f"WRONG  {w}" for w in report.wrong)))


def main(
    seed: Annotated[int | None, typer.Option(help="none: one by the clock")] = None,
    seconds: Annotated[float, typer.Option(help="how long faults are injected")] = 600.0,
    kind: Annotated[list[str] | None, typer.Option(help="only these kinds")] = None,
    show: Annotated[bool, typer.Option(help="print the schedule and do nothing")] = False,
) -> None:
    """Prints the schedule, runs it, and prints what was wrong."""
    chosen = int(time.time()) if seed is None else seed
    kinds = tuple(kind or KINDS)
    faults: tuple[Fault, ...] = schedule(chosen, seconds, kinds)
    print(f"seed {chosen}, {seconds:g} s, {len(faults)} faults", *faults, sep="\n", flush=True)
    if show:
        return
    report = chaos(chosen, seconds, kinds)
    print(told(report), *report.lines, sep="\n")
    sys.exit(bool(report.wrong))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
