"""Processes of the demo: three model servers, Penumbra in front of them, traffic."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from proxy.contracts.grpc_status import LABELS, OK
from proxy.demo import calls, front, servers
from proxy.demo.admin import AdminClient
from proxy.demo.calls import CallClient
from proxy.demo.display import Display
from proxy.demo.front import ROUTE, Front
from proxy.demo.servers import ModelServer
from proxy.demo.traffic import Client, JsonClient, Traffic
from proxy.demo.view import View, look

VERSION_NAMES = ("cancer-v1", "cancer-v2", "cancer-v3")
USERS = 1000
CONNECTIONS = 16
TRAFFIC_SEED = 7
SECONDS_BETWEEN_VIEWS = 0.25
SETTLING_SECONDS = 0.3
"""Seconds for requests under way to finish after a change, before a new count begins."""


Configured = Callable[[Sequence[ModelServer], Path], Mapping[str, object]]
"""Servers and the place of the state file to a configuration."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of `penumbra demo`."""

    models: Path
    """Python of the models venv."""
    seconds: float
    """Length of an act."""
    rate: float
    """Requests per second."""
    grpc: bool = False
    """Whether everybody speaks gRPC."""

    @property
    def code(self) -> str:
        """What counts the answers of success."""
        return LABELS[OK] if self.grpc else "200"


@dataclass(slots=True)
class Setup:
    """Objects that the acts act upon: model servers, Penumbra, its admin API, the traffic, the display."""

    display: Display
    models: dict[str, ModelServer]
    front: Front
    admin: AdminClient
    traffic: Traffic
    options: DemoOptions

    @property
    def seconds(self) -> float:
        """Length of an act."""
        return self.options.seconds

    async def look(self, act: str, last: bool = False) -> View:
        """One look at Penumbra and at the client, shown; `last` of an act."""
        route, metrics = await self.admin.route(ROUTE), await self.admin.metrics()
        view = look(act, VERSION_NAMES, route, metrics, self.traffic.act)
        self.display.show(view, last)
        return view

    async def play(self, act: str, seconds: float) -> View:
        """Lets the traffic flow for `seconds`, looking on; returns the last view."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await self.look(act)
            await asyncio.sleep(min(SECONDS_BETWEEN_VIEWS, max(0.0, until - time.monotonic())))
        return await self.look(act, last=True)

    async def change(self, split: dict[str, float], shadows: dict[str, float], reason: str) -> None:
        """Sets split and shadows through the admin API; a fresh count begins when the change has settled."""
        await self.admin.put_shadows(ROUTE, shadows, reason)
        await self.admin.put_split(ROUTE, split, reason)
        await asyncio.sleep(SETTLING_SECONDS)
        self.traffic.begin_act()


@contextlib.asynccontextmanager
async def built(
    display: Display, options: DemoOptions, folder: Path, configured: Configured = front.configuration
) -> AsyncIterator[Setup]:
    """Trains, serves, starts Penumbra; takes all of it down again, whatever happens in the block."""
    await trained(display, options, folder)
    async with (
        served(display, options, folder) as models,
        _fronted(display, options, configured(list(models.values()), folder / "penumbra.db"), folder) as running,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        client: Client = CallClient(running.url) if options.grpc else JsonClient(running.url)
        traffic = Traffic(client, servers.load_rows(folder), options.rate, CONNECTIONS, USERS, TRAFFIC_SEED)
        async with traffic.running():
            yield Setup(display, models, running, AdminClient(session, running.admin), traffic, options)


async def trained(display: Display, options: DemoOptions, folder: Path) -> None:
    """Trains the versions."""
    with display.busy("Training three versions on the breast-cancer data ..."):
        async for fact in servers.train(options.models, folder):
            display.say(_progress(fact))


def _progress(fact: dict[str, Any]) -> str:
    if fact["step"] == "data":
        return f"  {fact['rows']} rows of {fact['features']} features; {fact['unseen']} of them become traffic"
    return f"  {fact['version']}: {fact['family']}, {fact['accuracy']:.1%} right on the rows held out of its training"


@contextlib.asynccontextmanager
async def served(display: Display, options: DemoOptions, folder: Path) -> AsyncIterator[dict[str, ModelServer]]:
    """The model servers by version, while the block runs."""
    started: dict[str, ModelServer] = {}
    try:
        with display.busy("Starting three MLServer processes ..."):
            for version in VERSION_NAMES:
                port = servers.free_port() if options.grpc else 0
                started[version] = servers.serve(options.models, folder, version, port)
            async for server in servers.ready(started.values()):
                how = " by gRPC" if options.grpc else ""
                display.say(f"  {server.version}: MLServer {server.child.pid} at {server.entry['url']}{how}")
        yield started
    finally:
        await servers.stop(started.values())


@contextlib.asynccontextmanager
async def _fronted(
    display: Display, options: DemoOptions, content: Mapping[str, object], folder: Path
) -> AsyncIterator[Front]:
    running = front.start(content, folder)
    running.path = calls.PATH if options.grpc else front.JSON_PATH
    try:
        with display.busy("Starting Penumbra in front of them ..."):
            await front.ready(running)
        display.say(f"  Penumbra {running.child.pid}: traffic to {running.url}, admin API at {running.admin}")
        yield running
    finally:
        await running.child.stop()
