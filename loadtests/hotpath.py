"""A profile of the busy proxy: what to read before touching the hot path.

    python -m loadtests.hotpath                     flame graph of the worker while it mirrors
    python -m loadtests.hotpath --process control   ... of the statistics
    python -m loadtests.hotpath --native            ... with the frames of compiled extensions

By hand, for a proxy that runs: `py-spy record --pid PID --duration 5 --rate 400 --output profile.svg`; one look:
`py-spy dump --pid PID`. System calls: `strace -c -f -p PID`. A sampling profiler costs little, but do not take CPU
figures from a run that is profiled. py-spy needs ptrace: root, or kernel.yama.ptrace_scope=0.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtests.load import Drive, drive
from loadtests.processes import label, tree
from loadtests.proxies import PEER, Plan, proxied
from loadtests.results import RESULTS
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering

console = Console(width=150)


def pid_of(root: int, kind: str) -> int:
    """The first process of that kind in the tree. Raises typer.BadParameter when there is none."""
    labels = {label(stat.pid): stat.pid for stat in reversed(tree(root))}
    if kind not in labels:
        raise typer.BadParameter(f"no process {kind!r}; there are {sorted(labels)}")
    return labels[kind]


def spy(pid: int, output: Path, seconds: int, rate: int, native: bool) -> subprocess.Popen[bytes]:
    """py-spy at work; `raw` for folded stacks (text), anything else is a flame graph."""
    program = Path(sys.executable).with_name("py-spy")
    command = [str(program) if program.exists() else "py-spy", "record", "--pid", str(pid), "--output", str(output)]
    command += [
        "--duration",
        str(seconds),
        "--rate",
        str(rate),
        "--format",
        "raw" if output.suffix == ".txt" else "flamegraph",
    ]
    return subprocess.Popen([*command, *(["--native"] if native else [])], stdout=subprocess.DEVNULL)


def hottest(folded: str, count: int) -> list[tuple[float, str]]:
    """The functions with the largest own time in folded stacks ("a;b;c 12"), as (share, name)."""
    own: dict[str, int] = {}
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        leaf = stack.rpartition(";")[2]
        own[leaf] = own.get(leaf, 0) + int(samples)
    total = sum(own.values()) or 1
    ranked = sorted(own.items(), key=lambda item: -item[1])
    return [(samples / total, name) for name, samples in ranked[:count]]


def heaviest(folded: str, count: int) -> list[tuple[float, str]]:
    """The functions with the largest time of their own and of what they call, as (share, name); lines are left out."""
    under: dict[str, int] = {}
    total = 0
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        total += int(samples)
        for name in {frame.rpartition(":")[0] or frame for frame in stack.split(";")}:
            under[name] = under.get(name, 0) + int(samples)
    ranked = sorted(under.items(), key=lambda item: -item[1])
    return [(samples / (total or 1), name) for name, samples in ranked[:count]]


def main(
    process: Annotated[str, typer.Option(help="worker, control or supervisor")] = "worker",
    seconds: Annotated[int, typer.Option(min=1, max=30)] = 4,
    mirror: Annotated[bool, typer.Option(help="with a full mirror, or the split alone")] = True,
    statistics: Annotated[bool, typer.Option(help="analyse bodies, judge a full scorecard")] = True,
    pause_ms: Annotated[float | None, typer.Option(help="pace the load: mean pause of a connection")] = None,
    native: Annotated[bool, typer.Option(help="frames of compiled extensions too")] = False,
    text: Annotated[bool, typer.Option(help="folded stacks and the hottest functions instead of a picture")] = False,
) -> None:
    """Puts load on the proxy and records where one of its processes spends its time."""
    RESULTS.mkdir(exist_ok=True)
    output = RESULTS / f"hotpath-{process}.{'txt' if text else 'svg'}"
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadtests-")))
        primary, canary, shadow = stack.enter_context(answering(home, 3))
        proxy = stack.enter_context(
            proxied(PEER["interpreted"], Plan(primary, canary, shadow, mirror=mirror, statistics=statistics), home)
        )
        how = Drive(write_bodies(home / "bodies"), pause_ms=pause_ms)
        drive(proxy.port, how, 1)
        spying = spy(pid_of(proxy.process.pid, process), output, seconds, 400, native)
        result = drive(proxy.port, how, seconds + 1)
        spying.wait(30)
    console.print(f"{result.rate:,.0f} requests/s while profiled; written to {output}")
    if text:
        folded = output.read_text()
        for title, ranked in (("own time", hottest(folded, 20)), ("with what they call", heaviest(folded, 30))):
            console.print(title)
            for share, name in ranked:
                console.print(f"{share:6.1%}  {name}", highlight=False, markup=False)


if __name__ == "__main__":
    typer.run(main)
