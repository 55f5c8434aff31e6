"""What is measured side by side: the table of cases, and how one is run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtests.compare import Sample, rounds
from loadtests.load import Load
from loadtests.processes import NotReady
from loadtests.proxies import PEER, Plan, Proxy, proxied
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering

console = Console(width=150)
KIB = 1024


@dataclass(frozen=True, slots=True)
class Case:
    """`plan` and `load` differ from the defaults (10 % split, full mirror, 30 features, 32 connections) as given."""

    title: str
    plan: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    body: int | None = None
    features: int = 30


CASES: dict[str, Case] = {
    "split": Case("10 % split", {"mirror": False}),
    "mirror": Case("10 % split, all mirrored"),
    "statistics": Case("10 % split, all mirrored, all statistics (Penumbra's alone)", {"statistics": True}),
    "one connection": Case("one connection, 10 % split", {"mirror": False}, {"connections": 1}),
    "one connection, mirror": Case("one connection, all mirrored", {}, {"connections": 1}),
    "1 KB": Case("bodies of 1 KB, all mirrored", body=KIB),
    "64 KB": Case("bodies of 64 KB, all mirrored", body=64 * KIB),
    "1 MB": Case("bodies of 1 MB, all mirrored", {}, {"connections": 8}, body=KIB * KIB),
    "new connections": Case("a new connection for each request, all mirrored", {}, {"close": True}),
    "two workers": Case("two workers, all mirrored", {"workers": 2}),
}
"""Bodies of 1 MB come from 8 connections: 32 would only measure how buffers fill."""


@contextmanager
def stage(versions: int = 3) -> Iterator[tuple[ExitStack, Path, list[int]]]:
    """A stack to start things on, a directory that goes away with it, and the ports of fast model servers."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadtests-")))
        home.chmod(0o755)
        yield stack, home, stack.enter_context(answering(home, versions))


def start(stack: ExitStack, home: Path, name: str, plan: Plan) -> Proxy | None:
    """A peer at work, or None, said aloud, when it cannot be had on this machine or cannot do this."""
    peer = PEER[name]
    if plan.mirror and not peer.mirrors:
        return None
    try:
        return stack.enter_context(proxied(peer, plan, home))
    except (NotReady, OSError) as error:
        console.print(f"[red]{name} is left out:[/]", str(error), markup=True, highlight=False)
        return None


def run_case(
    case: Case, names: Sequence[str], seconds: float, repetitions: int, connections: int | None = None
) -> dict[str, list[Sample]]:
    """Interleaved samples of the peers in `names`; those that cannot mirror sit such a case out."""
    with stage() as (stack, home, (primary, canary, shadow)):
        plan = Plan(primary, canary, shadow, **case.plan)
        started = [start(stack, home, name, plan) for name in names]
        load = Load(write_bodies(home / "bodies", case.features, case.body), **case.load | _given(connections))
        return rounds([proxy for proxy in started if proxy], load, seconds, repetitions, tell)


def _given(connections: int | None) -> dict[str, int]:
    return {} if connections is None else {"connections": connections}


Told = Callable[[str, int, Sample], None]


def tell(name: str, turn: int, sample: Sample) -> None:
    """One line for each run, as it ends."""
    cost, rate = sample.total, sample.load.rate
    console.print(f"  round {turn + 1} {name:20} {cost:7.1f} us/request {rate:8,.0f} requests/s", highlight=False)
