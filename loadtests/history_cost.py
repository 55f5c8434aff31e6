"""What the history costs control: CPU and memory of ten routes with three versions each, at even traffic.

    python -m loadtests.history_cost
    python -m loadtests.history_cost --seconds 300 --rate 500

Penumbras work side by side on the same traffic, so that what the machine does else is in all of them: one without a
history, one that keeps it, one whose history is asked for as an open status page asks (all routes each 15 s, one route
each 5 s: an hour at first, then what has come since), and one that is asked for the whole hours each second.

The difference of two processes has the noise of both, which is larger than the figure on a busy machine. So the calls
of the history are timed one by one in control as well, by the CPU clock of their thread: keeping by its calls for each
tick, look and write, answers by the reading of steps and the making of their series. What aiohttp and the kernel take
for an answer is in the difference alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from loadtests.cases import console, stage
from loadtests.compiled import HOUSE, interpreted
from loadtests.exact import request_bytes
from loadtests.processes import accepts, cpu_by_label, free_ports, pss_by_label, running, wait_until
from loadtests.traffic import PATH, write_bodies
from proxy.contracts.histogram import bucket
from proxy.control.history.archive import StepArchive
from proxy.control.history.shelf import Block
from proxy.control.history.steps import ArmStep, LineStep, TimeStep, encode, packed

ROUTES = [f"m{number}" for number in range(10)]
ARMS = (("a", "primary"), ("b", "canary"), ("c", "shadow"))
CASES = {"none": "off", "kept": "on", "with a page open": "on", "asked for hours each second": "on"}
"""What is said of a case, and its `history`."""
PAGE, HOURS = 2, 3
"""Places of the cases that are asked."""
OF_ROUTE, OF_ALL = 5.0, 15.0
"""Seconds between the questions of a page, about a route and about all."""
SERIES = "observed,requests,inferences,outcome.failed,latency.p99"
"""What the page asks for of all routes."""

TIMED = """\
import json, os, sys, threading, time
if "control" in sys.orig_argv:
    from proxy.control.history import archive, past
    spent = {"keeping": 0.0, "answers": 0.0}
    def timed(owner, name, what):
        inner = getattr(owner, name)
        def outer(*given, **more):
            begun = time.thread_time()
            try:
                return inner(*given, **more)
            finally:
                spent[what] += time.thread_time() - begun
        setattr(owner, name, outer)
    for owner, name in ((past.Past, "on_tick"), (past.Past, "look"), (archive.StepArchive, "write"),
                        (archive.StepArchive, "trim"), (past.History, "under_way"), (past.History, "forget_stored")):
        timed(owner, name, "keeping")
    for owner, name in ((past, "_made"), (past.History, "held"), (past.History, "opened")):
        timed(owner, name, "answers")
    def tell():
        while True:
            time.sleep(0.5)
            with open(os.environ["HISTORY_COST"] + ".new", "w") as file:
                json.dump(spent, file)
            os.replace(file.name, os.environ["HISTORY_COST"])
    threading.Thread(target=tell, daemon=True).start()
"""
"""A `sitecustomize` that times the calls of the history in control, and tells of them in a file."""
CONNECTIONS = 10
MIB = 1 << 20
HOUR = 3600
WARM_SECONDS = 15.0
MEASURED = ("cpu", "keeping", "answers")


class Place(NamedTuple):
    """A Penumbra at work: its port, that of its admin API, its process, and the file with what its history spent."""

    listen: int
    admin: int
    pid: int
    spent: Path


def configuration(ports: Sequence[int], listen: int, admin: int, home: Path, history: str) -> str:
    """Ten routes with a primary, a canary and a shadow each."""
    versions = "".join(
        f"  {name}: {{url: 'http://127.0.0.1:{port}'}}\n" for name, port in zip("abc", ports, strict=True)
    )
    routes = "".join(
        f"  {name}: {{match: {{path: /v2/models/{name}/}}, protocol: oip, primary: a, "
        "canary: {version: b, percent: 20}, shadows: [{version: c, percent: 100}]}\n"
        for name in ROUTES
    )
    head = f"listen: 127.0.0.1:{listen}\nadmin: {{listen: 127.0.0.1:{admin}}}\nstate: {home}/state.db\n"
    return f"{head}history: {history}\nversions:\n{versions}routes:\n{routes}"


def second(start: int) -> TimeStep:
    """A second as this traffic makes it."""
    latencies = {bucket(0.001 * (1.0 + each / 10.0)): 2 for each in range(12)}
    arms = {arm: ArmStep([24, 0, 0, 0, 0, 0], dict(latencies)) for arm in ARMS}
    lines = {(metric, "max_ratio", "b"): LineStep(-0.2, 1.0, 1.5, 1000) for metric in ("error_rate", "refusal_rate")}
    return TimeStep(start, 1, 1, arms, {("c", "shadow"): (24, 0)}, split={"a": 80.0, "b": 20.0}, lines=lines)


def an_hour_before(path: str, now: int) -> None:
    """The file of a Penumbra that has been at work for an hour."""
    archive = StepArchive(path, 64 * MIB)
    first = (now - 3600) // 10 * 10
    for start in range(first, now // 10 * 10 - 10, 10):
        body = packed([encode(second(at)) for at in range(start, start + 10)])
        archive.write([Block(1, route, start, body) for route in ROUTES], [], time.monotonic())
    archive.begin(now, time.monotonic())
    archive.close()


@contextmanager
def penumbra(ports: Sequence[int], home: Path, history: str) -> Iterator[Place]:
    """One that runs."""
    listen, admin = free_ports(2)
    home.mkdir()
    if history == "on":
        an_hour_before(f"{home}/state.db.history", int(time.time()))
    config, log = home / "penumbra.yaml", home / "log"
    config.write_text(configuration(ports, listen, admin, home, history))
    (home / "sitecustomize.py").write_text(TIMED)
    env = interpreted() | {"HISTORY_COST": str(home / "spent")}
    env["PYTHONPATH"] = f"{home}:{env['PYTHONPATH']}"
    with running([sys.executable, "-P", "-m", "proxy", "run", str(config)], log, cwd=HOUSE, env=env) as process:
        wait_until(lambda: accepts(listen) and accepts(admin), process, log)
        yield Place(listen, admin, process.pid, home / "spent")


async def one_after_the_other(port: int, requests: Sequence[bytes], pause: float, until: float) -> None:
    """Requests on a connection of their own, with a pause after each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    place = 0
    while time.monotonic() < until:
        writer.write(requests[place % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        place += 1
        await asyncio.sleep(pause)
    writer.close()


async def answer(port: int, path: str) -> dict[str, Any]:
    """The answer of the admin API. Raises RuntimeError on a refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16 * MIB)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    told = await reader.read(-1)
    writer.close()
    head, _, body = told.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(told[:300])
    return dict(msgspec.json.decode(body))


async def follow(port: int, path: str, more: str, pause: float, end: float) -> None:
    """Asks as the page does: for the hour, then for the steps that were not whole yet."""
    known = await answer(port, f"{path}?from={int(time.time()) - HOUR}{more}")
    while time.monotonic() + pause < end:
        await asyncio.sleep(pause)
        since = known["until"] // known["step"] * known["step"]
        known = await answer(port, f"{path}?from={since}&step={known['step']}{more}")


async def hours(port: int, end: float) -> None:
    """Asks for whole hours, each second."""
    place = 0
    while time.monotonic() < end:
        for path in (f"/v1/routes/{ROUTES[place % 10]}/history", "/v1/history"):
            await answer(port, f"{path}?from={int(time.time()) - HOUR}")
        place += 1
        await asyncio.sleep(1.0)


async def busy(places: Sequence[Place], bodies: Sequence[bytes], rate: int, end: float) -> None:
    """Traffic to all of them until `end`, and the questions of the cases that are asked."""
    requests = [
        request_bytes(body).replace(PATH.encode(), f"/v2/models/{route}/infer".encode(), 1)
        for route, body in zip(ROUTES * 6, bodies, strict=False)
    ]
    loads = [
        one_after_the_other(place.listen, requests[each:] + requests[:each], CONNECTIONS / rate, end)
        for place in places
        for each in range(CONNECTIONS)
    ]
    page = places[PAGE].admin
    asked = [
        follow(page, f"/v1/routes/{ROUTES[0]}/history", "", OF_ROUTE, end),
        follow(page, "/v1/history", f"&series={SERIES}", OF_ALL, end),
        hours(places[HOURS].admin, end),
    ]
    await asyncio.gather(*loads, *asked)


class Spent(NamedTuple):
    """CPU seconds and bytes (PSS) of control so far, and CPU seconds of the history's own calls in it."""

    cpu: float
    memory: int
    keeping: float
    answers: float


def spent(place: Place) -> Spent:
    """What control of a place has used."""
    own = msgspec.json.decode(place.spent.read_bytes())
    cpu, memory = cpu_by_label(place.pid).get("control", 0.0), pss_by_label(place.pid).get("control", 0)
    return Spent(cpu, memory, own["keeping"], own["answers"])


def main(
    seconds: Annotated[int, typer.Option(min=10, max=3600)] = 60,
    rate: Annotated[int, typer.Option(min=10, max=2000, help="Requests a second of each, over all routes.")] = 200,
) -> None:
    """Measures, and prints a table."""
    with stage() as (stack, home, ports):
        bodies = write_bodies(home / "bodies").read_bytes().splitlines()
        places = [stack.enter_context(penumbra(ports, home / f"p{n}", of)) for n, of in enumerate(CASES.values())]
        asyncio.run(busy(places, bodies, rate, time.monotonic() + WARM_SECONDS))
        before, began = [spent(place) for place in places], time.monotonic()
        asyncio.run(busy(places, bodies, rate, began + seconds))
        after, took = [spent(place) for place in places], time.monotonic() - began
    console.print(
        f"{len(ROUTES)} routes, {rate} requests/s, {took:.0f} s; control, in parts of a core", highlight=False
    )
    usual = (after[0].cpu - before[0].cpu) / took
    for case, was, now in zip(CASES, before, after, strict=True):
        share, keeping, answers = (getattr(now, name) / took - getattr(was, name) / took for name in MEASURED)
        console.print(
            f"{case:28} {share:6.2%} ({share - usual:+.2%}), of it keeping {keeping:.2%} and answers {answers:.2%}; "
            f"{now.memory / MIB:.1f} MiB ({(now.memory - after[0].memory) / MIB:+.1f})",
            highlight=False,
        )


if __name__ == "__main__":
    typer.run(main)
