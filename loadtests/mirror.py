"""One case side by side: 10 % split, with and without a full mirror, 0.4 KB inference requests, 32 connections.

    python -m loadtests.mirror                            all peers
    python -m loadtests.mirror --only penumbra            one peer, while optimising
    python -m loadtests.mirror --case split --seconds 2

CPU per request counts user and system time of all processes of the proxy, not of load generator and model servers.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtests.compare import Sample, rounds
from loadtests.load import Load
from loadtests.processes import NotReadyError
from loadtests.proxies import PEER, Plan, Proxy, proxied
from loadtests.report import cost_table, save
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering

CASES = {"split": False, "mirror": True}
console = Console(width=150)


def run_case(
    names: list[str], mirror: bool, seconds: float, repetitions: int, connections: int
) -> dict[str, list[Sample]]:
    """Interleaved samples of the peers in `names`; those that cannot mirror sit that case out."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadtests-")))
        primary, canary, shadow = stack.enter_context(answering(home, 3))
        plan = Plan(primary, canary, shadow, mirror=mirror)
        proxies: list[Proxy] = []
        for peer in (PEER[name] for name in names if PEER[name].mirrors or not mirror):
            try:
                proxies.append(stack.enter_context(proxied(peer, plan, home)))
            except (NotReadyError, OSError) as error:
                console.print(f"[red]{peer.name} is left out:[/] {error}")
        load = Load(write_bodies(home / "bodies"), connections)
        return rounds(proxies, load, seconds, repetitions, _tell)


def _tell(name: str, turn: int, sample: Sample) -> None:
    console.print(f"  round {turn + 1} {name:9} {sample.total:6.1f} us/request {sample.load.rate:8,.0f} requests/s")


def main(
    only: Annotated[str, typer.Option(help="peers, separated by commas")] = ",".join(PEER),
    case: Annotated[str, typer.Option(help="split, mirror or both")] = "both",
    seconds: Annotated[float, typer.Option(min=1, max=10, help="length of one run")] = 3,
    repetitions: Annotated[int, typer.Option(min=1, max=20)] = 5,
    connections: Annotated[int, typer.Option(min=1, max=2000)] = 32,
) -> None:
    """Measures, prints a table for each case and writes results/mirror.json."""
    results: dict[str, dict[str, list[Sample]]] = {}
    for name, mirror in CASES.items():
        if case not in (name, "both"):
            continue
        results[name] = run_case(only.split(","), mirror, seconds, repetitions, connections)
        console.print(cost_table(f"10 % split, {name}, {connections} connections", results[name], base="penumbra"))
    console.print(f"written to {save('mirror', results)}")


if __name__ == "__main__":
    typer.run(main)
