"""What `penumbra demo --fleet` has up: a Redis of its own, and three sidecars with their clients."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from proxy.demo import front, servers
from proxy.demo.admin import AdminClient
from proxy.demo.display import Display
from proxy.demo.front import ROUTE, Front
from proxy.demo.processes import DemoProcess
from proxy.demo.servers import ModelServer
from proxy.demo.setup import CONNECTIONS, TRAFFIC_SEED, USERS, DemoOptions, served, trained
from proxy.demo.traffic import JsonClient, Traffic

SIDECARS = ("one", "two", "three")
REDIS = "redis-server"
REDIS_READY = re.compile("Ready to accept connections")
PATIENCE = 20.0
"""Seconds until the demo gives up on what takes one or two."""
POLL_SECONDS = 0.01


class RedisMissing(Exception):
    """There is no Redis that the demo could start."""


@dataclass(slots=True)
class DemoSidecar:
    """One of the fleet, its admin API, and its clients."""

    front: Front
    admin: AdminClient
    traffic: Traffic
    clients: AsyncExitStack
    """Ends them."""


@dataclass(slots=True)
class FleetSetup:
    """What the acts act upon."""

    display: Display
    options: DemoOptions
    models: dict[str, ModelServer]
    folder: Path
    redis: str
    session: aiohttp.ClientSession
    sidecars: dict[str, DemoSidecar] = field(default_factory=dict)
    traffic: list[Traffic] = field(default_factory=list)
    """Of all sidecars that there were."""
    starts: int = 0

    async def start(self, name: str) -> None:
        """Starts a sidecar with an empty disk, and its clients."""
        self.starts += 1
        home = self.folder / f"{name}-{self.starts}"
        home.mkdir()
        alone = front.configuration(list(self.models.values()), home / "penumbra.db")
        fleet = {"redis": self.redis, "name": "demo", "instance": name, "lease": "3s"}
        running = front.start({**alone, "fleet": fleet}, home)
        clients = AsyncExitStack()
        try:
            await front.ready(running)
            rows, rate = servers.load_rows(self.folder), self.options.rate / len(SIDECARS)
            traffic = Traffic(JsonClient(running.url), rows, rate, CONNECTIONS, USERS, TRAFFIC_SEED)
            await clients.enter_async_context(traffic.running())
        except BaseException:
            await running.child.stop()
            raise
        self.traffic.append(traffic)
        self.sidecars[name] = DemoSidecar(running, AdminClient(self.session, running.admin), traffic, clients)

    async def end(self, name: str) -> None:
        """Ends the clients of a sidecar, and kills it with all its processes."""
        gone = self.sidecars.pop(name)
        await gone.clients.aclose()
        gone.front.child.kill()

    async def close(self) -> None:
        """Ends all that was started."""
        for each in self.sidecars.values():
            await each.clients.aclose()
            await each.front.child.stop()

    def begin_act(self) -> None:
        """Begins a fresh count at every sidecar."""
        for each in self.sidecars.values():
            each.traffic.begin_act()

    async def routes(self) -> dict[str, dict[str, Any]]:
        """The route as each sidecar shows it."""
        return {name: await each.admin.route(ROUTE) for name, each in self.sidecars.items()}

    async def fleets(self) -> dict[str, dict[str, Any]]:
        """The fleet as each sidecar shows it."""
        return {name: await each.admin.fleet() for name, each in self.sidecars.items()}

    async def judge(self) -> str | None:
        """The sidecar that judges."""
        return next((name for name, view in (await self.fleets()).items() if view["is_judge"]), None)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> float | None:
        """Seconds until `holds`; None: it never did."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if await holds():
                return time.monotonic() - began
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def together(self) -> bool:
        """Whether every sidecar knows of all of them, one judges, and the fleet has begun."""
        views = list((await self.fleets()).values())
        known = all(len(view["members"]) == len(views) for view in views)
        known = known and not any(view["apart"] or view.get("settling") for view in views)
        return known and sum(view["is_judge"] for view in views) == 1


def redis_server() -> str:
    """The program. Raises RedisMissing."""
    found = shutil.which(REDIS)
    if found is None:
        raise RedisMissing(f"{REDIS} is not installed, and the sidecars of a fleet share one (Debian: {REDIS})")
    return found


@contextlib.asynccontextmanager
async def redis_running(folder: Path) -> AsyncIterator[str]:
    """A Redis of the demo's own, which keeps nothing on disk; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
    child = DemoProcess("Redis", (redis_server(), *place, "--save", ""), folder / "redis.log", folder)
    try:
        await child.expect(REDIS_READY, PATIENCE)
        yield f"redis://127.0.0.1:{port}"
    finally:
        await child.stop()


@contextlib.asynccontextmanager
async def built(display: Display, options: DemoOptions, folder: Path) -> AsyncIterator[FleetSetup]:
    """Trains, serves, starts Redis and the sidecars; takes all of it down again, whatever happens in the block."""
    redis_server()
    await trained(display, options, folder)
    async with (
        served(display, options, folder) as models,
        redis_running(folder) as redis,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        setup = FleetSetup(display, options, models, folder, redis, session)
        try:
            with display.busy("Starting three sidecars and a Redis between them ..."):
                for name in SIDECARS:
                    await setup.start(name)
                await setup.until(setup.together)
            for name, each in setup.sidecars.items():
                display.say(f"  {name}: traffic to {each.front.url}, admin API at {each.front.admin}")
            yield setup
        finally:
            await setup.close()
