"""`python -m loadtests.fleet COMMAND`: what a fleet costs, and how soon it finds a fault, as tables in Markdown."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from loadtests.fleet import delay as delays
from loadtests.fleet.flip import flips
from loadtests.fleet.hour import hour as hours
from loadtests.fleet.weigh import weigh as weights
from loadtests.statistics.tables import table

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def weigh(
    members: Annotated[int, typer.Option(min=2, help="sidecars")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="time that is weighed")] = 30.0,
    routes: Annotated[int, typer.Option(min=1, help="routes with a canary, all under load")] = 1,
) -> None:
    """CPU and memory of a real Redis and a real judge beside so many members."""
    with tempfile.TemporaryDirectory() as folder:
        found = weights(members, seconds, routes, Path(folder))
    cpu = f"{found.redis_cpu:.1%}", f"{found.judge_cpu:.1%}"
    memory = f"{found.redis_memory / 2**20:.0f} MiB", f"{found.judge_memory / 2**20:.0f} MiB"
    heads = ("members", "routes", "Redis, of a core", "the judge, of a core", "looks a second", "Redis", "the judge")
    print(table(heads, [(f"{found.members}", f"{routes}", *cpu, f"{found.looks / seconds:.2f}", *memory)]))


@app.command()
def delay(runs: Annotated[int, typer.Option(min=1, help="simulated rollbacks of each")] = 200) -> None:
    """Canary requests until the rollback: one proxy, the fleet's sum, one sidecar alone; simulated, seeded."""
    logging.disable()
    print(delays.delays(delays.samples(range(runs))))


@app.command()
def flip(
    sidecars: Annotated[int, typer.Option(min=1, help="real ones, of one worker each")] = 20,
    changes: Annotated[int, typer.Option(min=1, help="how many are made, one after the other")] = 100,
) -> None:
    """Time from a change at the judge to the flip in the last of real sidecars."""
    with tempfile.TemporaryDirectory() as folder:
        found = flips(sidecars, changes, Path(folder))
    figures = (f"{np.percentile(found.seconds, at):.2f} s" for at in (50, 90, 99, 100))
    heads = ("sidecars", "changes", "last flip, median", "p90", "p99", "largest", "memory of a sidecar")
    memory = f"{found.memory / found.sidecars / 2**20:.0f} MiB"
    print(table(heads, [(f"{found.sidecars}", f"{changes}", *figures, memory)]))


@app.command()
def hour(
    members: Annotated[int, typer.Option(min=1, help="sidecars")] = 200,
    looks: Annotated[int, typer.Option(min=1, help="of the judge, one a second")] = 3600,
    every: Annotated[int, typer.Option(min=1, help="looks between two lines")] = 600,
) -> None:
    """What a judge holds over an hour of looks; simulated."""
    logging.disable()
    heads = ("looks", "the process", "evidence in the store", "table in the store", "CPU of a look")
    print(table(heads, hours(members, looks, every)))


if __name__ == "__main__":
    app()
