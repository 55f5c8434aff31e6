"""How long real sidecars take to follow: from an operator's change at the judge to the flip in the last of them.

Each sidecar is asked again and again who answers. A change gives all of a route's traffic to the other version, so the
first answer of that one is the flip. The time begins when the change is sent to the judge, before it has decided.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from loadtests.processes import free_ports, program, pss_by_label, running

CONFIG = """
listen: 127.0.0.1:{data}
admin: {{listen: 127.0.0.1:{admin}}}
workers: 1
state: {state}
fleet: {{redis: "redis://127.0.0.1:{redis}", name: flip, instance: s{at}}}
versions: {{v1: {{url: "http://127.0.0.1:{model}"}}, v2: {{url: "http://127.0.0.1:{model}"}}}}
routes: {{r: {{match: {{path: /}}, protocol: opaque, primary: v1, canary: {{version: v2, percent: 0}}}}}}
"""

STEP_SECONDS = 0.05
"""Time between two requests to one sidecar, and so the grain of the figures."""

PATIENCE = 180.0
"""Seconds until all sidecars must be members of the fleet."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A real one; addresses of its traffic and its admin API."""

    pid: int
    data: str
    admin: str


@dataclass(frozen=True, slots=True)
class Flips:
    """Seconds to the flip in the last sidecar, one for each change; bytes of all sidecars together."""

    sidecars: int
    seconds: list[float]
    memory: int


def flips(count: int, changes: int, folder: Path) -> Flips:
    """Starts a model, a Redis and so many sidecars, and makes so many changes."""
    with ExitStack() as stack:
        redis, model, *ports = free_ports(2 + 2 * count)
        server = [program("redis-server"), "--port", str(redis), "--bind", "127.0.0.1", "--save", ""]
        stack.enter_context(running(server, folder / "redis.log"))
        sidecars = [
            stack.enter_context(sidecar(folder, at, ports[2 * at], ports[2 * at + 1], redis, model))
            for at in range(count)
        ]
        return asyncio.run(measured(sidecars, model, changes))


@contextmanager
def sidecar(folder: Path, at: int, data: int, admin: int, redis: int, model: int) -> Iterator[Sidecar]:
    """One sidecar that has begun to start."""
    path, log = folder / f"s{at}.yaml", folder / f"s{at}.log"
    path.write_text(CONFIG.format(data=data, admin=admin, redis=redis, model=model, at=at, state=folder / f"s{at}.db"))
    with running([sys.executable, "-m", "proxy", "run", str(path)], log) as process:
        yield Sidecar(process.pid, f"http://127.0.0.1:{data}/", f"http://127.0.0.1:{admin}")


async def measured(sidecars: list[Sidecar], model: int, changes: int) -> Flips:
    """Waits for a judge, and makes the changes one after the other."""
    runner = web.AppRunner(answering(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", model).start()
    async with aiohttp.ClientSession() as session:
        judge = await the_judge(session, sidecars)
        await flipped(session, sidecars, judge, "v2")  # a new fleet waits for further sidecars
        found = [await flipped(session, sidecars, judge, "v1" if at % 2 == 0 else "v2") for at in range(changes)]
    memory = sum(sum(pss_by_label(each.pid).values()) for each in sidecars)
    await runner.cleanup()
    return Flips(len(sidecars), found, memory)


def answering() -> web.Application:
    """The model of all versions."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def the_judge(session: aiohttp.ClientSession, sidecars: list[Sidecar]) -> Sidecar:
    """Who judges, as soon as all are members."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        views = [await view_of(session, each) for each in sidecars]
        judges = [each for each, view in zip(sidecars, views, strict=True) if view.get("is_judge")]
        if len(judges) == 1 and all(len(view.get("members", ())) == len(sidecars) for view in views):
            return judges[0]
        await asyncio.sleep(0.2)
    raise AssertionError("no judge of all sidecars")


async def view_of(session: aiohttp.ClientSession, sidecar: Sidecar) -> dict[str, Any]:
    """The fleet as a sidecar shows it; nothing while it starts."""
    try:
        async with session.get(f"{sidecar.admin}/v1/fleet") as answer:
            return dict(await answer.json())
    except (aiohttp.ClientError, ValueError):
        return {}


async def flipped(session: aiohttp.ClientSession, sidecars: list[Sidecar], judge: Sidecar, version: str) -> float:
    """Gives all traffic to a version; seconds until the last sidecar has it answer."""
    began = time.monotonic()
    split = {"v2": 100.0 if version == "v2" else 0.0}
    change = asyncio.create_task(changed(session, judge, split))
    last = max(await asyncio.gather(*(first_answer(session, each, version) for each in sidecars)))
    await change
    return last - began


async def changed(session: aiohttp.ClientSession, judge: Sidecar, split: dict[str, float]) -> None:
    """Returns when the change is answered."""
    async with session.put(f"{judge.admin}/v1/routes/r/split", json=split, headers={"if-match": "*"}) as answer:
        assert answer.status == 200, await answer.text()


async def first_answer(session: aiohttp.ClientSession, sidecar: Sidecar, version: str) -> float:
    """When a version answered first."""
    while True:
        async with session.post(sidecar.data, json={}) as answer:
            if answer.headers["x-penumbra-version"] == version:
                return time.monotonic()
        await asyncio.sleep(STEP_SECONDS)
