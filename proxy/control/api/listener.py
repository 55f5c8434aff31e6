"""The admin API on its sockets: aiohttp behind bounded connections, in clear or by TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from aiohttp import web
from aiohttp.log import server_logger

from proxy.contracts.tls import ServerTls
from proxy.control.api.accepting import Acceptor
from proxy.control.api.connections import IDLE_SECONDS, Connections
from proxy.control.api.secured import AdminTls

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
        self.secured: AdminTls | None = None
        """The connections by TLS, where they are so."""

    async def start(self, socks: Iterable[socket.socket], tls: ServerTls | None = None) -> None:
        """Answers from now on, by `tls` where it is there."""
        await self._runner.setup()
        server_logger.addFilter(self._connections.unreadable)
        inner = self._runner.server
        if inner is None:
            raise RuntimeError("the application was not set up")
        loop = asyncio.get_running_loop()
        protocol: Callable[[], asyncio.BaseProtocol] = self._connections.wrap(inner)
        if tls is not None:
            self.secured = AdminTls(tls, self._connections.wrap(inner), self._connections.now)
            protocol = self.secured.protocol
        for sock in socks:
            sock.listen(BACKLOG)
            self._acceptors.append(Acceptor(sock, protocol, loop))
        self._watch = loop.create_task(self._look())

    @property
    def handshakes(self) -> Mapping[str, int]:
        """Those by TLS, by how they ended."""
        return self.secured.results if self.secured is not None else {}

    def use(self, tls: ServerTls | None) -> None:
        """New connections are made by `tls`; whether it is there does not change while this process lives."""
        if self.secured is not None and tls is not None:
            self.secured.put(tls)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._connections.look()
            if self.secured is not None:
                self.secured.look()

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
