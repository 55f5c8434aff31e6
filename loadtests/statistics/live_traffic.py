"""Model servers and clients of the live figures, on one event loop: few instructions a request, and exact counts.

Clients are open loop: requests come at a rate, however slowly they are answered, each on a connection of its own or one
that is idle. A client leaves after its patience.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

REQUEST_BODY = b'{"instances":[[1.0,2.0,3.0]]}'
REQUEST = (
    b"POST /v1/models/m:predict HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(REQUEST_BODY), REQUEST_BODY)
)
STEP_SECONDS = 0.002
"""Seconds between looks of the clients at what is due."""

Behaviour = Callable[[random.Random], bytes | None]
"""The bytes of one answer; None: never answered."""


def says(body: bytes, status: str = "200 OK") -> bytes:
    """An answer of JSON."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body),
        body,
    )


GOOD, FAILED, REFUSED = (
    says(b'{"predictions":[0.5]}'),
    says(b'{"error":"overloaded"}', "500 Internal Server Error"),
    says(b'{"error":"shape"}', "400 Bad Request"),
)


@dataclass(frozen=True)
class Mix:
    """Parts of the answers of a healthy version that are not good."""

    failed: float = 0.0
    refused: float = 0.0
    hung: float = 0.0

    def __call__(self, draw: random.Random) -> bytes | None:
        at = draw.random()
        if at < self.failed:
            return FAILED
        if at < self.failed + self.refused:
            return REFUSED
        return None if at < self.failed + self.refused + self.hung else GOOD


def always(answer: bytes | None) -> Behaviour:
    """Every answer alike."""
    return lambda draw: answer


class Server:
    """A model server that counts its requests; `behaviour` may be changed at any time."""

    def __init__(self, behaviour: Behaviour, seed: int) -> None:
        self.behaviour, self.draw = behaviour, random.Random(seed)
        self.requests = 0
        self.port = 0

    async def start(self) -> asyncio.Server:
        """Listens on a port of loopback."""
        server = await asyncio.get_running_loop().create_server(lambda: _Served(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


_OPEN: set[_Messages] = set()


async def hang_up() -> None:
    """Ends all connections, so that the loop may be closed."""
    for each in tuple(_OPEN):
        if each.transport is not None:
            each.transport.abort()
    while _OPEN:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0.001)


class _Messages(asyncio.Protocol):
    """Whole messages of a connection, each with a `Content-Length`."""

    def __init__(self) -> None:
        self._read = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        _OPEN.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        _OPEN.discard(self)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            whole = end + 4 + _length(self._read[:end].lower())
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            self.message()

    def message(self) -> None:
        """A message is complete."""
        raise NotImplementedError


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


class _Served(_Messages):
    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def message(self) -> None:
        server = self._server
        server.requests += 1
        answer = server.behaviour(server.draw)
        if answer is not None and self.transport is not None:
            self.transport.write(answer)


class Clients:
    """Clients of a proxy: `rate` requests a second, which may be changed at any time; each waits `patience` seconds."""

    def __init__(self, port: int, rate: float, patience: float, seed: int) -> None:
        self._port, self.rate, self.patience = port, rate, patience
        self._draw = random.Random(seed)
        self._idle: list[_Client] = []
        self._due = 0.0
        self.left = 0
        """Requests whose client left."""

    async def run(self, until: asyncio.Event) -> None:
        """Sends until the event."""
        loop = asyncio.get_running_loop()
        then = loop.time()
        while not until.is_set():
            await asyncio.sleep(STEP_SECONDS)
            now = loop.time()
            self._due += self.rate * (now - then)
            then = now
            for _ in range(int(self._due)):
                await self._send()
            self._due %= 1.0

    async def _send(self) -> None:
        client = self._idle.pop() if self._idle else await self._open()
        client.ask(self.patience)

    async def _open(self) -> _Client:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
        return client

    def free(self, client: _Client) -> None:
        """Takes a client back whose answer came."""
        self._idle.append(client)

    def gone(self, client: _Client) -> None:
        """Forgets a client whose connection ended."""
        if client in self._idle:
            self._idle.remove(client)


class _Client(_Messages):
    def __init__(self, clients: Clients) -> None:
        super().__init__()
        self._clients = clients
        self._patience: asyncio.TimerHandle | None = None

    def ask(self, patience: float) -> None:
        """Sends a request, and waits so many seconds for the answer."""
        assert self.transport is not None
        self.transport.write(REQUEST)
        self._patience = asyncio.get_running_loop().call_later(patience, self._leave)

    def _leave(self) -> None:
        self._clients.left += 1
        assert self.transport is not None
        self.transport.abort()

    def message(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._clients.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._patience is not None:
            self._patience.cancel()
        self._clients.gone(self)
