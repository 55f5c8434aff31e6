"""The worst traffic that was found, all of it at once, in 512 MiB: `python -m tests.process.chaos.worst_traffic`.

Every bound is at its default. Nothing may be killed: no process ends, a well-behaved client gets its answers, or is
told what docs/reliability.md names for a crowd, and control answers.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tests.process.chaos import findings
from tests.process.chaos.clients import Client
from tests.process.chaos.hostile import Crowd
from tests.process.chaos.models import Model
from tests.process.chaos.prober import Prober
from tests.process.chaos.visible import GOOD, row_of
from tests.process.chaos.world import MEMORY, Program, Routes, resident

CROWDS: dict[str, int] = {
    "slow-heads": 200,
    "half-uploads": 200,
    "two-byte-uploads": 2100,
    "slow-readers": 100,
    "aborts": 4,
    "garbage": 4,
    "pipelines": 2,
    "bombs": 8,
    "long-names": 4,
    "slow-admins": 40,
}
"""Clients of each kind; those that wait are as many as were seen to hurt."""

MAY_SEE = ("more clients than two fifths", "the proxy's host has no descriptor", "the worker has no memory")
"""Beginnings of rows of docs/reliability.md: what a well-behaved client may be told meanwhile."""

ROUTES: Routes = {
    "steady": {"primary": "good", "canary": {"version": "twin", "percent": 50}},
    "hostile": {"protocol": "oip", "primary": "sink", "shadows": [{"version": "other", "percent": 100}]},
}
LOOK_SECONDS = 0.25
MOST_SILENCE = 5.0
"""Seconds: half of the lease, after which workers do without control. On a machine of its own it is below one."""


@dataclass
class Figures:
    """What was seen: most bytes at once, by process too; the longest silence of control; results of the clients."""

    most: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    silence: float = 0.0
    slowest: float = 0.0
    results: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {size >> 20}" for name, size in sorted(self.parts.items()))
        lines = (
            *self.told,
            f"at most {self.most >> 20} MiB at once ({parts}); control silent for at most {self.silence:.2f} s",
            f"well-behaved clients: {dict(self.results)}, the slowest answer in {self.slowest:.2f} s",
            *(f"WRONG  {line}" for line in self.wrong),
        )
        return "\n".join(lines)


async def worst(seconds: float, scale: float) -> Figures:
    """The figures of one run. `scale`: part of the clients."""
    models = [Model(name) for name in ("good", "twin", "sink", "other")]
    for model in models:
        await model.start()
    with tempfile.TemporaryDirectory(prefix="penumbra-worst-", ignore_cleanup_errors=True) as home:
        program = Program(Path(home), models, ROUTES)
        try:
            await program.start()
            with Prober(program.admin) as prober:
                figures = await _attacked(program, seconds, scale)
                over = time.monotonic()
                answered = prober.end()
            figures.silence = findings.longest_silence([*answered, (over, over)], ())
            if not answered or figures.silence > MOST_SILENCE:
                figures.wrong.append(f"control was silent for {figures.silence:.2f} s, answers: {len(answered)}")
            return figures
        finally:
            program.close()
            for model in models:
                await model.stop()


async def _attacked(program: Program, seconds: float, scale: float) -> Figures:
    figures, over = Figures(told=program.limits.told), asyncio.Event()
    begun = time.monotonic()
    before = program.pids()
    clients = [Client(program.data, "steady", lambda: time.monotonic() - begun) for _ in range(4)]
    asking = asyncio.gather(*(client.run(over) for client in clients), _watch(program, figures, over))
    crowds = [Crowd(kind, _address(program, kind), max(int(n * scale), 1)) for kind, n in CROWDS.items()]
    await asyncio.sleep(seconds)
    for crowd in crowds:
        await crowd.end()
    await asyncio.sleep(2.0)
    over.set()
    await asking
    results = [result for client in clients for result in client.results]
    figures.results = Counter(each.result for each in results)
    figures.slowest = max(each.ended - each.began for each in results)
    figures.wrong += [f"clients: {result}" for result in figures.results if not _named(result)]
    figures.wrong += _ended(program, before, figures)
    return figures


def _address(program: Program, kind: str) -> str:
    return program.admin if kind == "slow-admins" else program.data


def _named(result: str) -> bool:
    return result == GOOD or any(row_of(row).allows(result) for row in MAY_SEE)


def _ended(program: Program, before: dict[str, int], figures: Figures) -> list[str]:
    found = [f"{name} was started again" for name, pid in before.items() if program.pids().get(name) != pid]
    group = program.limits.memory
    if group is not None and group.killed:
        found.append(f"{group.killed} processes were killed for want of memory")
    if figures.most > MEMORY:
        found.append(f"{figures.most:,} bytes at once, {MEMORY:,} are allowed")
    return found + findings.of_log(program.log)


async def _watch(program: Program, figures: Figures, over: asyncio.Event) -> None:
    while not over.is_set():
        sizes = {name: resident(pid) for name, pid in program.pids().items()}
        figures.most = max(figures.most, sum(sizes.values()))
        figures.parts = Counter({name: max(size, figures.parts[name]) for name, size in sizes.items()})
        await asyncio.sleep(LOOK_SECONDS)


def attack(seconds: float, scale: float) -> Figures:
    """The figures of one run, on a loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(worst(seconds, scale))


def main(
    seconds: Annotated[float, typer.Option()] = 90.0,
    scale: Annotated[float, typer.Option(help="part of the clients")] = 1.0,
) -> None:
    """Prints what was seen; the exit code is 1 if anything was wrong."""
    figures = attack(seconds, scale)
    print(figures)
    sys.exit(bool(figures.wrong))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
