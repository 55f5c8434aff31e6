"""`python -m loadtests.fleet`: what a fleet costs, and how soon it finds a fault, as tables in Markdown."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from loadtests.fleet.delay import delays
from loadtests.fleet.weigh import weigh
from loadtests.statistics.tables import table

HEADS = ("members", "routes", "Redis, of a core", "the judge, of a core", "looks a second", "Redis", "the judge")


def main(
    members: Annotated[int, typer.Option(min=2, help="sidecars")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="time that is weighed")] = 30.0,
    routes: Annotated[int, typer.Option(min=1, help="routes with a canary, all under load")] = 1,
    runs: Annotated[int, typer.Option(min=0, help="simulated rollbacks; 0: none")] = 60,
) -> None:
    """Weighs a fleet, and simulates rollbacks."""
    with tempfile.TemporaryDirectory() as folder:
        found = weigh(members, seconds, routes, Path(folder))
    cpu = f"{found.redis_cpu:.1%}", f"{found.judge_cpu:.1%}"
    memory = f"{found.redis_memory / 2**20:.0f} MiB", f"{found.judge_memory / 2**20:.0f} MiB"
    print(table(HEADS, [(f"{found.members}", f"{routes}", *cpu, f"{found.looks / seconds:.2f}", *memory)]), end="\n\n")
    if runs:
        print(delays(runs))


if __name__ == "__main__":
    typer.run(main)
