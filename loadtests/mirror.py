"""The case to watch with every change: 10 % split, full mirror, 0.4 KB inference requests, 32 connections.

    python -m loadtests.mirror                            split, mirror, statistics, whole, unique, paced; all peers
    python -m loadtests.mirror --only penumbra            one peer, while optimising
    python -m loadtests.mirror --case mirror --seconds 2

CPU per request counts user and system time of all processes of the proxy, not of load generator and model servers.
`python -m loadtests.bench` runs everything else too.
"""

from __future__ import annotations

from typing import Annotated

import typer

from loadtests.cases import CASES, console, run_case
from loadtests.proxies import PEER
from loadtests.report import cost_table
from loadtests.results import Bench, save

WATCHED = "split,mirror,statistics,whole,unique,paced"


def main(
    only: Annotated[str, typer.Option(help="peers, separated by commas")] = ",".join(PEER),
    case: Annotated[str, typer.Option(help="cases, separated by commas")] = WATCHED,
    seconds: Annotated[float, typer.Option(min=1, max=10, help="length of one run")] = 3,
    repetitions: Annotated[int, typer.Option(min=1, max=20)] = 5,
    connections: Annotated[int | None, typer.Option(min=1, max=2000, help="instead of the case's own")] = None,
) -> None:
    """Measures, prints a table for each case and writes results/mirror.json."""
    bench = Bench()
    for name in case.split(","):
        bench.cases[name] = run_case(CASES[name], only.split(","), seconds, repetitions, connections)
        console.print(cost_table(CASES[name].title, bench.cases[name], base="penumbra"))
    console.print(f"written to {save(bench, 'mirror')}")


if __name__ == "__main__":
    typer.run(main)
