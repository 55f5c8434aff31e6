"""The admin API on its socket: aiohttp behind bounded connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress

from aiohttp import web
from aiohttp.log import server_logger

from proxy.control.api.accepting import Acceptor
from proxy.control.api.connections import IDLE_SECONDS, Connections

BACKLOG = 1024
"""Connections that the kernel holds until this process takes them."""

LINGER_SECONDS = 1.0
"""Seconds for the rest of a body that no handler wanted."""

LOOK_SECONDS = 1.0
"""Seconds between two looks at the connections that wait."""

CLOSE_SECONDS = 2.0
"""Seconds for answers under way when this process ends."""


class AdminListener:
    """`start` on listening sockets, `close` at the end."""

    def __init__(self, app: web.Application, connections: Connections) -> None:
        self._connections = connections
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=CLOSE_SECONDS,
        )
        self._acceptors: list[Acceptor] = []
        self._watch: asyncio.Task[None] | None = None

    async def start(self, socks: Iterable[socket.socket]) -> None:
        """Answers from now on."""
        await self._runner.setup()
        server_logger.addFilter(self._connections.unreadable)
        inner = self._runner.server
        if inner is None:
            raise RuntimeError("the application was not set up")
        loop = asyncio.get_running_loop()
        protocol = self._connections.wrap(inner)
        for sock in socks:
            sock.listen(BACKLOG)
            self._acceptors.append(Acceptor(sock, protocol, loop))
        self._watch = loop.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._connections.look()

    async def close(self) -> None:
        """Takes no more connections, and ends those that there are."""
        for each in self._acceptors:
            each.close()
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self._runner.cleanup()
        server_logger.removeFilter(self._connections.unreadable)
