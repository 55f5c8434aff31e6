"""False alarms under stalls: `python -m tests.process.chaos.false_alarms --runs 50`.

Each run is a program of its own with four routes whose canaries are as healthy as their primaries, and a seeded
schedule of pauses: an even seed stops and continues the worker (SIGSTOP), an odd one gives the program a CPU quota. A
canary that is rolled back is a false alarm; a leg that is charged to any version is a mistake all the same.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from proxy.contracts.outcome import outcome_of
from tests.process.chaos.clients import Client
from tests.process.chaos.limits import turns
from tests.process.chaos.models import Model
from tests.process.chaos.run import read
from tests.process.chaos.world import Program

CANARY = {"primary": "good", "canary": {"version": "twin", "percent": 50}}
ROUTES = {
    "soon": CANARY | {"rescue": {"after": "200ms"}},
    "late": CANARY | {"rescue": {"after": "600ms"}},
    "timed": CANARY | {"timeouts": {"response": "500ms"}},
    "slow": CANARY | {"scorecard": {"error_rate": {"max_ratio": 1.5}, "latency_p99": {"max_ratio": 1.25}}},
}
"""Deadlines of the canary alone, of both, and a line on latency."""

LEG = re.compile(r'penumbra_requests_total\{code="(\w+)",role="(\w+)"')
LAG_STEP = 0.01
CLIENTS = 6
"""Clients of each route."""
PAUSE = (0.1, 1.0)
"""Least and most seconds for which the worker is stopped; it runs for half as long between."""
QUOTA = (8, 40)
"""Least and most percent of a CPU."""


@dataclass
class Count:
    """What came of some runs. `charged`: legs that failed by a version's fault, by role and code. `lag`: the most
    seconds for which the models themselves stood still, so that they were late indeed."""

    runs: int = 0
    candidates: int = 0
    alarms: list[str] = field(default_factory=list)
    legs: Counter[str] = field(default_factory=Counter)
    charged: Counter[str] = field(default_factory=Counter)
    lag: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.candidates} healthy canaries, {len(self.alarms)} rolled back "
            f"{self.alarms or ''}; legs {dict(self.legs)}; charged {dict(self.charged)}, "
            f"models late by at most {self.lag:.3f} s"
        )


def pauses(seed: int, seconds: float) -> tuple[tuple[float, float], ...]:
    """Seconds of running and of standing still, by turns, that fill a run."""
    draw = random.Random(seed)
    made: list[tuple[float, float]] = []
    while sum(map(sum, made)) < seconds:
        still = draw.uniform(*PAUSE)
        made.append((draw.uniform(0.05, still / 2), still))
    return tuple(made)


Stall = Callable[[Program], Awaitable[None]]


def stopped(seed: int, seconds: float) -> Stall:
    """Stops and continues the worker."""

    async def stall(program: Program) -> None:
        for runs, still in pauses(seed, seconds):
            await asyncio.sleep(runs)
            for number, rest in ((signal.SIGSTOP, still), (signal.SIGCONT, 0.0)):
                for pid in program.workers_running():
                    program.running.kill(pid, number)
                await asyncio.sleep(rest)

    return stall


def throttled(seed: int, seconds: float) -> Stall:
    """Gives the program a quota of CPU; by turns of SIGSTOP where there is no cgroup."""
    percent = random.Random(seed).randint(*QUOTA)

    async def stall(program: Program) -> None:
        if program.limits.cpu is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await turns(program.pids().values(), percent / 100.0)
            return
        program.limits.cpu.quota(percent)
        await asyncio.sleep(seconds)
        program.limits.cpu.quota(0)

    return stall


async def one(stall: Stall, count: Count) -> None:
    """One run of a program, counted."""
    models = [Model("good"), Model("twin")]
    for model in models:
        await model.start()
        await model.behave("patient")
    with tempfile.TemporaryDirectory(prefix="penumbra-stall-", ignore_cleanup_errors=True) as home:
        program = Program(Path(home), models, ROUTES)
        try:
            await program.start()
            await _judged(program, stall, count)
        finally:
            program.close()
            for model in models:
                await model.stop()


async def _judged(program: Program, stall: Stall, count: Count) -> None:
    over = asyncio.Event()
    clients = [Client(program.data, route, time.monotonic, 0.005) for route in ROUTES for _ in range(CLIENTS)]
    asking = asyncio.gather(_lag(count, over), *(client.run(over) for client in clients))
    await asyncio.sleep(0.5)
    await stall(program)
    await asyncio.sleep(0.5)
    over.set()
    await asking
    await asyncio.sleep(0.5)
    count.runs += 1
    for route in ROUTES:
        answer = await program.ask("GET", f"/v1/routes/{route}")
        assert answer is not None
        count.candidates += 1
        if answer.json()["phase"] == "rolled_back":
            count.alarms.append(f"{route}: {answer.json()['reason']}")
    answer = await program.ask("GET", "/metrics")
    assert answer is not None
    for name, value in read(answer.body.decode()).items():
        if found := LEG.match(name):
            code, role = found.groups()
            count.legs[code] += int(value)
            if outcome_of(code, role == "shadow") in ("failed", "refused", "abandoned"):
                count.charged[f"{role} {code}"] += int(value)


async def _lag(count: Count, over: asyncio.Event) -> None:
    """Measures by how much this loop, the models' own, is late."""
    while not over.is_set():
        before = time.monotonic()
        await asyncio.sleep(LAG_STEP)
        count.lag = max(count.lag, time.monotonic() - before - LAG_STEP)


def false_alarms(seeds: Sequence[int], seconds: float) -> Count:
    """The count over runs with these seeds."""
    count = Count()
    for seed in seeds:
        stall = (throttled if seed % 2 else stopped)(seed, seconds)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(one(stall, count))
    return count


def main(
    runs: Annotated[int, typer.Option(min=1)] = 50,
    first: Annotated[int, typer.Option(help="seed of the first run")] = 0,
    seconds: Annotated[float, typer.Option(help="of stalls in a run")] = 5.0,
) -> None:
    """Prints how many canaries were rolled back; the exit code is 1 if any was."""
    count = false_alarms(range(first, first + runs), seconds)
    print(count)
    sys.exit(bool(count.alarms))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
