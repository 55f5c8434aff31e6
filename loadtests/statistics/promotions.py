"""Healthy candidates through the real program, from half of the traffic to the promote: none may be rolled back.

    python -m loadtests.statistics.promotions [--runs 30] [--rate 1000] [--seconds 170]

Both versions fail 1 % of their requests, refuse 2 % and leave 0.5 % unanswered until the clients leave; the scorecard
is the default one, and the promote asks for proof. A run that has no end within a minute counts as standing. Exit code
1 when a candidate was rolled back.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import uvloop

from loadtests.compiled import HOUSE
from loadtests.statistics.live import World
from loadtests.statistics.live_traffic import Mix
from loadtests.statistics.tables import table

USUAL = Mix(failed=0.01, refused=0.02, hung=0.005)
ENDS = ("promoted", "rolled_back")
MOST_SECONDS = 60.0
RELEASE = "release: {candidate: b, strategy: canary, stages: [{canary: 50, requests: 200}]}"


async def release(world: World, rate: float) -> tuple[str, int]:
    """The phase in which a release ends, and the candidate's requests until then."""
    world.primary.behaviour = world.candidate.behaviour = USUAL
    over, deadline = asyncio.Event(), time.monotonic() + MOST_SECONDS
    sending = asyncio.create_task(world.clients(rate).run(over))
    phase, requests = "", 0
    while phase not in ENDS and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        requests, phase = world.candidate.requests, await world.phase()
    over.set()
    await sending
    return phase if phase in ENDS else "standing", requests


def once(rate: float, source: Path, seed: int) -> tuple[str, int]:
    """One release, on processes of its own."""
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found: tuple[str, int] = runner.run(
            World(Path(home), source, seed).run(lambda world: release(world, rate), RELEASE)
        )
        return found


def main(
    runs: Annotated[int, typer.Option(min=1)] = 30,
    rate: Annotated[float, typer.Option(help="requests a second, of both versions")] = 1000.0,
    seconds: Annotated[float, typer.Option(help="no run begins after that")] = 170.0,
    first: Annotated[int, typer.Option(help="the first seed")] = 0,
    source: Annotated[Path, typer.Option(help="checkout that is measured")] = HOUSE,
) -> None:
    """Prints how the releases ended, and the candidate's requests until the promote."""
    ends, requests, begun = Counter[str](), list[int](), time.monotonic()
    for seed in range(first, first + runs):
        if time.monotonic() - begun > seconds:
            break
        end, count = once(rate, source, seed)
        ends[end] += 1
        requests += [count] if end == "promoted" else []
        print(seed, end, count, file=sys.stderr, flush=True)
    cells = [f"{np.quantile(requests, q, method='inverted_cdf'):,.0f}" if requests else "none" for q in (0.5, 0.9)]
    row = [str(ends.total()), *[str(ends[end]) for end in (*ENDS, "standing")], " / ".join(cells)]
    print(table(["healthy candidates", *ENDS, "standing", "candidate's requests, median / p90"], [row]))
    sys.exit(1 if ends["rolled_back"] else 0)


if __name__ == "__main__":
    typer.run(main)
