"""What the history costs control: CPU and memory of ten routes with three versions each, at even traffic.

    python -m loadtests.history_cost
    python -m loadtests.history_cost --seconds 300 --rate 500

Three Penumbras work side by side on the same traffic, so that what the machine does else is in all of them: one without
a history, one that keeps it, and one that is asked for it each second as well, as an open status page does: an hour
that is there already, of one route (`/v1/routes/{route}/history`) and of all (`/v1/history`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from loadtests.cases import console, stage
from loadtests.compiled import HOUSE
from loadtests.exact import request_bytes
from loadtests.processes import accepts, cpu_by_label, free_ports, pss_by_label, running, wait_until
from loadtests.traffic import PATH, write_bodies
from proxy.contracts.histogram import bucket
from proxy.control.history.archive import StepArchive
from proxy.control.history.shelf import Block
from proxy.control.history.steps import ArmStep, LineStep, TimeStep, encode, packed

ROUTES = [f"m{number}" for number in range(10)]
ARMS = (("a", "primary"), ("b", "canary"), ("c", "shadow"))
CASES = {"none": "off", "kept": "on", "kept and asked each second": "on"}
"""What is said of a case, and its `history`."""
CONNECTIONS = 10
MIB = 1 << 20


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
def penumbra(ports: Sequence[int], home: Path, history: str) -> Iterator[tuple[int, int, int]]:
    """One that runs: its port, that of its admin API, and its process."""
    listen, admin = free_ports(2)
    home.mkdir()
    if history == "on":
        an_hour_before(f"{home}/state.db.history", int(time.time()))
    config, log = home / "penumbra.yaml", home / "log"
    config.write_text(configuration(ports, listen, admin, home, history))
    with running([sys.executable, "-P", "-m", "proxy", "run", str(config)], log, cwd=HOUSE) as process:
        wait_until(lambda: accepts(listen) and accepts(admin), process, log)
        yield listen, admin, process.pid


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


async def ask(port: int, until: float) -> None:
    """What a page asks for, each second."""
    place = 0
    while time.monotonic() < until:
        now = int(time.time())
        for path in (f"/v1/routes/{ROUTES[place % 10]}/history?from={now - 3600}", f"/v1/history?from={now - 3600}"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16 * MIB)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            if not (answer := await reader.read(-1)).startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer[:300])
            writer.close()
        place += 1
        await asyncio.sleep(1.0)


async def busy(
    places: Sequence[tuple[int, int, int]], asked: int, bodies: Sequence[bytes], rate: int, end: float
) -> None:
    """Traffic to all of them until `end`, and questions to the one at place `asked`."""
    requests = [
        request_bytes(body).replace(PATH.encode(), f"/v2/models/{route}/infer".encode(), 1)
        for route, body in zip(ROUTES * 6, bodies, strict=False)
    ]
    pause = CONNECTIONS / rate
    loads = [
        one_after_the_other(listen, requests[each:] + requests[:each], pause, end)
        for listen, _, _ in places
        for each in range(CONNECTIONS)
    ]
    await asyncio.gather(*loads, ask(places[asked][1], end))


def control(pid: int) -> tuple[float, int]:
    """CPU seconds and bytes (PSS) of control."""
    return cpu_by_label(pid).get("control", 0.0), pss_by_label(pid).get("control", 0)


def main(
    seconds: Annotated[int, typer.Option(min=10, max=3600)] = 60,
    rate: Annotated[int, typer.Option(min=10, max=2000, help="Requests a second of each, over all routes.")] = 200,
) -> None:
    """Measures, and prints a table."""
    with stage() as (stack, home, ports):
        bodies = write_bodies(home / "bodies").read_bytes().splitlines()
        places = [stack.enter_context(penumbra(ports, home / f"p{n}", of)) for n, of in enumerate(CASES.values())]
        asyncio.run(busy(places, 2, bodies, rate, time.monotonic() + 15.0))
        before, began = [control(pid) for _, _, pid in places], time.monotonic()
        asyncio.run(busy(places, 2, bodies, rate, began + seconds))
        after, took = [control(pid) for _, _, pid in places], time.monotonic() - began
    console.print(f"{len(ROUTES)} routes, {rate} requests/s, {took:.0f} s", highlight=False)
    usual = (after[0][0] - before[0][0]) / took
    for case, was, now in zip(CASES, before, after, strict=True):
        share = (now[0] - was[0]) / took
        console.print(
            f"{case:28} control: {share:6.2%} of a core ({share - usual:+.2%}), "
            f"{now[1] / MIB:.1f} MiB ({(now[1] - after[0][1]) / MIB:+.1f})",
            highlight=False,
        )


if __name__ == "__main__":
    typer.run(main)
