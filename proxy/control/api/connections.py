"""The connections of the admin API: how many there are, and for how long one may make this process wait.

A connection waits for its client in one of three ways, and each has an end:

| it waits for | how long | then |
|---|---|---|
| a request to begin | `IDLE_SECONDS` | closed |
| the rest of a request, head and body | `REQUEST_SECONDS` from its first byte | 408, closed |
| the client to read its answer | `UNREAD_SECONDS` | cut |

While an answer is made nobody waits for the client, and nothing is cut: handlers have bounds of their own. At most
`MAX_CONNECTIONS` are open and `MAX_UNREAD_BYTES` of answers unread; whoever comes then takes the place of the one that
has waited longest. So a thousand clients that send nothing, or slowly, keep nobody out: a probe of health, which sends
its request at once, is answered before it has become the oldest. That is why health needs no address of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from proxy.control.api.unreadable import UnreadableRequests

MAX_CONNECTIONS = 128
"""Open connections: a team's pages, its scrapers and probes, ten times over."""

IDLE_SECONDS = 75.0
"""Seconds between two requests of a connection: longer than scrapers take between two scrapes."""

REQUEST_SECONDS = 15.0
"""Seconds for a request, from its first byte to its last; as long as a client of the data plane has for a head."""

UNREAD_SECONDS = 20.0
"""Seconds for the client to take an answer, as long as a listener of events has."""

MAX_UNREAD_BYTES = 1 << 24
"""Bytes of answers that clients have not taken yet, of all connections together."""

Phase = Literal["idle", "asking", "serving"]

PATIENCE: dict[Phase, float] = {"idle": IDLE_SECONDS, "asking": REQUEST_SECONDS}
"""Seconds that a connection may wait for its client, by phase."""

FAREWELLS = {
    "slow": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "crowded": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
"""Last words to a client whose request is not complete, by why it is let go."""


class AdminConnection(asyncio.Protocol):
    """One connection: what aiohttp made of it, and since when it waits for its client."""

    __slots__ = ("_all", "_inner", "_is_new", "phase", "since", "transport")

    def __init__(self, inner: asyncio.Protocol, all_: Connections) -> None:
        self._inner, self._all = inner, all_
        self._is_new = True
        self.transport: asyncio.Transport | None = None
        self.phase: Phase = "idle"
        self.since = all_.now()

    @property
    def unread(self) -> int:
        """Bytes of answers that the client has not taken."""
        return self.transport.get_write_buffer_size() if self.transport else 0

    def turn(self, phase: Phase) -> None:
        """Enters a phase."""
        self.phase, self.since = phase, self._all.now()

    def is_over(self, now: float) -> bool:
        """Whether its client has made it wait for too long."""
        patience = UNREAD_SECONDS if self.unread and self.phase == "idle" else PATIENCE.get(self.phase)
        return patience is not None and now - self.since >= patience

    def let_go(self, why: Literal["slow", "crowded"]) -> None:
        """Ends the connection; a client whose request was not complete is told why."""
        if self.transport is None:
            return
        if self.unread:
            self.transport.abort()
            return
        if self.phase == "asking":
            self.transport.write(FAREWELLS[why])
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes a place among the others."""
        self.transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._all.enter(self)

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        if self._is_new and self.transport is not None:
            self._is_new = False
            if farewell := self._all.unreadable.answer(data, self._all.now()):
                self.transport.write(farewell)
                self.transport.close()
                return
        if self.phase == "idle":
            self.turn("asking")
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """As aiohttp says."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """As aiohttp says."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """As aiohttp says."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leaves its place."""
        self._all.leave(self)
        self._inner.connection_lost(exc)


class Connections:
    """All connections of the API. `look` now and then lets those go that have waited too long."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.unreadable = UnreadableRequests()
        self._open: dict[asyncio.BaseTransport, AdminConnection] = {}
        self.let_go = {"api_connections": 0, "api_slow": 0}
        """Connections that were let go because there were too many, or because their client was slow. Monotone."""

    def __len__(self) -> int:
        return len(self._open)

    def wrap(self, inner: Callable[[], asyncio.Protocol]) -> Callable[[], AdminConnection]:
        """What makes the protocol of a new connection: `inner`'s, watched."""
        return lambda: AdminConnection(inner(), self)

    def enter(self, connection: AdminConnection) -> None:
        """A connection that was opened; the one that has waited longest makes room for it."""
        if connection.transport is not None:
            self._open[connection.transport] = connection
        if len(self._open) > MAX_CONNECTIONS:
            self._crowd_out(connection)

    def leave(self, connection: AdminConnection) -> None:
        """A connection that is closed."""
        if connection.transport is not None:
            self._open.pop(connection.transport, None)

    def _crowd_out(self, newest: AdminConnection) -> None:
        waiting = [each for each in self._open.values() if each.phase != "serving" and each is not newest]
        self._end(min(waiting, key=lambda each: each.since, default=newest), "crowded", "api_connections")

    def _end(self, connection: AdminConnection, why: Literal["slow", "crowded"], bound: str) -> None:
        self.let_go[bound] += 1
        connection.let_go(why)
        self.leave(connection)

    def look(self) -> None:
        """Lets go whoever has waited too long, and the oldest of those that read too little."""
        now = self.now()
        for connection in [each for each in self._open.values() if each.is_over(now)]:
            self._end(connection, "slow", "api_slow")
        unread = sorted((each for each in self._open.values() if each.unread), key=lambda each: each.since)
        held = sum(each.unread for each in unread)
        while held > MAX_UNREAD_BYTES:
            held -= unread[0].unread
            self._end(unread.pop(0), "slow", "api_slow")

    @property
    def middleware(self) -> Middleware:
        """Tells the connection of a request when its answer is begun and done."""

        @web.middleware
        async def follow(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            if not request.can_read_body:
                connection.turn("serving")
            try:
                return await handler(request)
            finally:
                connection.turn("idle")
                self.look()

        return follow
