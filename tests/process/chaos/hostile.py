"""Hostile clients: each kind is `amount` connections that do one wrong thing until they are cancelled.

They ask the route `hostile`, so that what the others are told can be counted to the last request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import zstandard

POST = b"POST /hostile/%b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
UPLOAD = 8 << 20
EXPANDED = 4 << 20
"""Bytes that a bomb becomes: as many as are looked at."""
NAME = 200_000
"""Characters of a name."""

Address = tuple[str, int]
Hostile = Callable[[Address, int], Awaitable[None]]
"""One connection, and the number that it has among its kind."""


@asynccontextmanager
async def _open(address: Address) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that ends with RST, whatever happens."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _held(address: Address, sent: bytes) -> None:
    """Sends something and then nothing, without a look at the answer."""
    async with _open(address) as (_, writer):
        writer.write(sent)
        await asyncio.sleep(3600)


async def slow_head(address: Address, number: int) -> None:
    """A byte of a head now and then."""
    async with _open(address) as (_, writer):
        for byte in POST % (b"ask", b"", 2):
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.2)


async def half_upload(address: Address, number: int) -> None:
    """Half of a body that was promised."""
    await _held(address, POST % (b"ask", b"", UPLOAD) + b"x" * (UPLOAD // 2))


async def two_bytes(address: Address, number: int) -> None:
    """Two bytes of a body."""
    await _held(address, POST % (b"ask", b"", 1000) + b"{}")


async def slow_reader(address: Address, number: int) -> None:
    """A long answer that nobody reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    with sock:
        await asyncio.get_running_loop().sock_connect(sock, address)
        await asyncio.get_running_loop().sock_sendall(sock, b"GET /hostile/large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(3600)


async def idler(address: Address, number: int) -> None:
    """One request, and then a connection that stays."""
    await _held(address, POST % (b"ask", b"", 2) + b"{}")


async def aborter(address: Address, number: int) -> None:
    """Leaves before it is answered, again and again."""
    while True:
        async with _open(address) as (_, writer):
            writer.write(POST % (b"ask", b"", 8) + b'{"n": 1}')
            await asyncio.sleep(0.001 * (number % 5))
        await asyncio.sleep(0.02)


BEGINNINGS = (b"", b"GET / HTTP/1.1\r\n", b"POST /hostile/ask HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")


async def garbler(address: Address, number: int) -> None:
    """Bytes that are no HTTP, or nearly."""
    draw = random.Random(number)
    while True:
        async with _open(address) as (_, writer):
            writer.write(draw.choice(BEGINNINGS) + draw.randbytes(draw.randint(1, 4000)))
            await asyncio.sleep(0.02)


async def pipeliner(address: Address, number: int) -> None:
    """Fifty requests at once."""
    request = POST % (b"ask", b"", 8) + b'{"n": 1}'
    while True:
        async with _open(address) as (reader, writer):
            writer.write(request * 50)
            for _ in range(20):
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.005)


async def bomber(address: Address, number: int) -> None:
    """Small bodies that become large ones: numbers, texts, objects, by turns."""
    small = [zstandard.compress(_json(form)) for form in range(4)]
    while True:
        async with _open(address) as (reader, writer):
            for body in small:
                writer.write(POST % (b"infer", b"Content-Encoding: zstd\r\n", len(body)) + body)
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.02)


def _json(form: int) -> bytes:
    data = (
        b"0," * (EXPANDED // 2 - 60),
        b'"a",' * (EXPANDED // 4 - 60),
        b"[0]," * (EXPANDED // 4 - 60),
        b" " * EXPANDED,
    )
    kind = b"BYTES" if form == 1 else b"FP32"
    return b'{"inputs":[{"name":"x","datatype":"%b","shape":[1],"data":[%b0]}]}' % (kind, data[form])


async def namer(address: Address, number: int) -> None:
    """Names and texts that are long, and never the same twice."""
    at = 0
    while True:
        at += 1
        mark = f"{number}-{at}-"
        named = [{"name": mark + "n" * NAME, "datatype": "FP32", "shape": [1], "data": [at]}]
        told = [{"name": f"c{i}", "datatype": "BYTES", "shape": [1], "data": [mark + "t" * 3000]} for i in range(50)]
        many = [{"name": f"{mark}{i}", "datatype": "FP32", "shape": [1], "data": [i]} for i in range(250)]
        async with _open(address) as (reader, writer):
            for inputs in (named, told, many):
                body = json.dumps({"inputs": inputs}).encode()
                writer.write(
                    POST % (b"infer", b"x-request-id: %b\r\n" % (mark.encode() + b"i" * 5000), len(body)) + body
                )
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.02)


async def slow_admin(address: Address, number: int) -> None:
    """Asks the admin API for much and reads nothing, or never ends its question."""
    path = ("/metrics", "/v1/events", "/v1/routes/hostile/disagreements", "/v1/routes/hostile/drift")[number % 4]
    whole = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    half = b"POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n["
    await _held(address, whole * 20 if number % 3 else half)


HOSTILE: dict[str, Hostile] = {
    "slow-heads": slow_head,
    "half-uploads": half_upload,
    "two-byte-uploads": two_bytes,
    "slow-readers": slow_reader,
    "many-clients": idler,
    "aborts": aborter,
    "garbage": garbler,
    "pipelines": pipeliner,
    "bombs": bomber,
    "long-names": namer,
    "slow-admins": slow_admin,
}
"""What one client of a kind does, until it is cancelled."""


class Crowd:
    """`amount` clients of one kind; each is replaced when the proxy ends its connection."""

    def __init__(self, kind: str, address: str, amount: int) -> None:
        host, _, port = address.rpartition(":")
        self._tasks = [asyncio.ensure_future(_again(HOSTILE[kind], (host, int(port)), n)) for n in range(amount)]

    async def end(self) -> None:
        """All of them go away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _again(client: Hostile, address: Address, number: int) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await client(address, number)
        await asyncio.sleep(0.05)
