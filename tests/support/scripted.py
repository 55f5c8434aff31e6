"""Model servers that answer with scripted bytes, on asyncio: healthy, slow, dead, a black hole, garbage, resets, drips.

A script gets the connection and the request that was read, and writes what it likes; it returns False to end the
connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[["Served", "Request"], Awaitable[bool]]


ENDS = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
"""How a connection ends."""

REMEMBERED = 1 << 20
"""Bytes of a body up to which a request is kept, and its raw bytes too."""


@dataclass
class Request:
    """One request as it arrived: `raw` is every byte of it, unless it is very large."""

    head: bytes
    body: bytes
    raw: bytes

    def field(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return None


@dataclass
class Served:
    """A connection from the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """Ends the connection with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def answer(body: bytes, status: str = "200 OK", fields: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def says(data: bytes, delay: float = 0.0) -> Script:
    """Answers every request with these bytes."""

    async def script(served: Served, request: Request) -> bool:
        if delay:
            await asyncio.sleep(delay)
        served.writer.write(data)
        return True

    return script


def says_and_closes(data: bytes) -> Script:
    async def script(served: Served, request: Request) -> bool:
        served.writer.write(data)
        return False

    return script


async def black_hole(served: Served, request: Request) -> bool:
    """Accepts, never answers."""
    await asyncio.sleep(3600)
    return False


async def resets(served: Served, request: Request) -> bool:
    """Ends the connection without an answer."""
    served.reset()
    return False


def resets_after(data: bytes) -> Script:
    async def script(served: Served, request: Request) -> bool:
        served.writer.write(data)
        await served.writer.drain()
        await asyncio.sleep(0.02)
        served.reset()
        return False

    return script


def drips(data: bytes, seconds: float = 1.0) -> Script:
    """One byte at a time."""

    async def script(served: Served, request: Request) -> bool:
        for at in range(len(data)):
            served.writer.write(data[at : at + 1])
            await asyncio.sleep(seconds)
        return True

    return script


def huge(size: int) -> Script:
    """Answers with `size` bytes."""

    async def script(served: Served, request: Request) -> bool:
        served.writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 65536):
            served.writer.write(b"x" * 65536)
            await served.writer.drain()
        served.writer.write(b"x" * (size % 65536))
        return True

    return script


@dataclass
class Scripted:
    """A model server that follows a script. `seen` holds the requests, `connections` how many there were; `tls` is how
    it is spoken to, None in clear."""

    name: str
    script: Script
    port: int = 0
    tls: ssl.SSLContext | None = None
    seen: list[Request] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with contextlib.closing(writer), contextlib.suppress(*ENDS):
            while True:
                request = await read_request(reader)
                if len(request.body) <= REMEMBERED:
                    self.seen.append(request)
                if not await self.script(Served(reader, writer), request):
                    break
                await writer.drain()


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    raw, body = head, b""
    if b"transfer-encoding: chunked" in lower:
        pieces = []
        while True:
            line = await reader.readuntil(b"\r\n")
            data = await reader.readexactly(int(line, 16) + 2)
            pieces.append((line, data))
            if data == b"\r\n":
                break
        body = b"".join(data[:-2] for _, data in pieces)
        if len(body) <= REMEMBERED:
            raw += b"".join(line + data for line, data in pieces)
    elif b"\r\ncontent-length: " in lower:
        size = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        raw += body
    return Request(head, body, raw)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, tls: ssl.SSLContext | None = None, at: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[int]:
    """A server that hands each connection to `handler` and closes it afterwards; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, *at, limit=1 << 20, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose backlog is full: it answers nobody, not even the first packet of a connection."""
    fillers = [socket.socket() for _ in range(8)]
    with socket.create_server(("127.0.0.1", 0), backlog=0) as sock:
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]
    for filler in fillers:
        filler.close()
