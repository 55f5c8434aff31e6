"""How long clients wait for a Penumbra that begins, and for a worker that was killed; and what idle clients take.

Elapsed time on a machine that does little else, and beside it the CPU time of all processes in it, which a busy machine
does not stretch. A client that comes before there is a worker waits in the backlog, so its answer is the moment itself.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from loadtests.cases import console, stage
from loadtests.exact import request_bytes
from loadtests.processes import cpu_by_label, free_ports, label, pss_by_label, running, tree, wait_until
from loadtests.proxies import PEER, PEERS, Peer, Plan, answers, followed, render
from loadtests.results import Spread, spread
from loadtests.traffic import write_bodies

MIB = 1024 * 1024
ROUNDS = 9
"""Starts, and kills: one of each a round, since a child that keeps dying waits before it is started again."""
IDLE, MOST = 10_000, 5_000
"""Clients that have had an answer each, and stay; and how many there are in truth, since a worker gives clients less
than half of the files that it may open, and machines allow 20,000. The figure is theirs, as many times as needed."""
SETTLE_SECONDS = 1.5
"""Until memory is read: ticks, and what control makes of them, are over."""

FIRST, FIRST_CPU = "from `penumbra run` to the first answer", "from `penumbra run` to the first answer, CPU"
BACK, BACK_CPU = "from the death of the only worker to an answer", "from the death of the only worker to an answer, CPU"
CLIENTS = f"memory of {IDLE:,} idle clients"

Moment = tuple[float, float]
"""Seconds, and CPU seconds of all processes in them."""


def run_starts(name: str = "penumbra") -> dict[str, Spread]:
    """Seconds of each moment, and MiB, by what `FIRST` and its like say."""
    with stage(1) as (stack, home, (model,)):
        plan = Plan(model, model, model, mirror=False)
        moments = [_round(PEER[name], plan, home / str(turn)) for turn in range(ROUNDS)]
        idle = _idle(stack, PEER[name], plan, home)
    firsts, backs = zip(*moments, strict=True)
    found = {FIRST: [each[0] for each in firsts], FIRST_CPU: [each[1] for each in firsts]}
    found |= {BACK: [each[0] for each in backs], BACK_CPU: [each[1] for each in backs]}
    return {what: spread(values) for what, values in found.items()} | {CLIENTS: spread([idle])}


def _round(peer: Peer, plan: Plan, home: Path) -> tuple[Moment, Moment]:
    """The first answer of a new Penumbra, and the first after its worker was killed."""
    home.mkdir()
    listen, admin = free_ports(2)
    config, log = _config(peer, plan, home, listen, admin), home / "log"
    began = time.monotonic()
    with running(peer.command(config, plan), log, env=peer.environment()) as process:
        wait_until(lambda: answers(listen, plan), process, log, every=0.002)
        first = time.monotonic() - began, _cpu(process.pid)
        wait_until(lambda: followed(admin, plan.workers), process, log)
        back = _timed(process.pid, lambda: kill_worker(process.pid), lambda: answers(listen, plan))
    console.print(f"  {first[0]:.2f} s to the first answer, {back[0]:.2f} s without a worker", highlight=False)
    return first, back


def _config(peer: Peer, plan: Plan, home: Path, listen: int, admin: int) -> Path:
    path = home / peer.template
    path.write_text(render((PEERS / peer.template).read_text(), plan, listen, admin, home))
    return path


def _cpu(root: int) -> float:
    return sum(cpu_by_label(root).values())


def _timed(root: int, act: Callable[[], None], done: Callable[[], bool]) -> Moment:
    cpu, began = _cpu(root), time.monotonic()
    act()
    while not done():
        time.sleep(0.002)
    return time.monotonic() - began, _cpu(root) - cpu


def kill_worker(root: int) -> None:
    """Ends a worker of a process tree at once, and returns when it is no more: no answer of it is still to come."""
    pid = next(stat.pid for stat in tree(root) if label(stat.pid) == "worker")
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/stat").exists() and label(pid) == "worker":
        time.sleep(0.0005)


def _idle(stack: ExitStack, peer: Peer, plan: Plan, home: Path) -> float:
    """MiB that `IDLE` clients take, each after a request of its own, beside the first."""
    home = home / "idle"
    home.mkdir()
    listen, admin = free_ports(2)
    config, log = _config(peer, plan, home, listen, admin), home / "log"
    process = stack.enter_context(running(peer.command(config, plan), log, env=peer.environment()))
    wait_until(lambda: followed(admin, plan.workers), process, log)
    request = request_bytes(write_bodies(home / "bodies").read_bytes().splitlines()[0])
    with ExitStack() as clients:
        _ask(clients, listen, request)
        time.sleep(SETTLE_SECONDS)
        before = sum(pss_by_label(process.pid).values())
        for _ in range(MOST):
            _ask(clients, listen, request)
        time.sleep(SETTLE_SECONDS)
        return (sum(pss_by_label(process.pid).values()) - before) / MIB * (IDLE / MOST)


def _ask(clients: ExitStack, port: int, request: bytes) -> None:
    """One more client, which gets its answer and stays."""
    client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10.0))
    client.sendall(request)
    answer = client.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"a client that shall be idle got {answer[:600]!r}")


def starts_table(found: dict[str, Spread]) -> Table:
    """One line for each moment."""
    table = Table(title="Starts, and idle clients")
    for name in ("what", "median", "noise"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for what, value in found.items():
        unit = "MiB" if what == CLIENTS else "s"
        table.add_row(what, f"{value.median:.2f} {unit}", f"{value.low:.2f}-{value.high:.2f}")
    return table


if __name__ == "__main__":
    import sys

    console.print(starts_table(run_starts(*sys.argv[1:])))
