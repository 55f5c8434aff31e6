"""A client that sends exactly so many requests and knows every answer: what counters are held against.

wrk leaves requests in flight when its time is up; this one waits for the last answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import cast

import uvloop

from loadtests.traffic import PATH

Answers = Counter[tuple[str, int]]
"""Answers by version (`x-penumbra-version`, "" without) and status; status 0: the connection ended without one."""


def request_bytes(body: bytes) -> bytes:
    """A whole inference request."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Sender(asyncio.Protocol):
    """One connection: asks `take` for a request, waits for its answer, asks again; done when there is none."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.buffer = bytearray()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        request = self.work.take()
        if request is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        status, version, length = read_head(bytes(self.buffer[:end]))
        if len(self.buffer) < end + 4 + length:
            return
        self.buffer.clear()
        self.work.answers[version, status] += 1
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.work.answers["", 0] += 1
            self.done.set_result(None)


class Work:
    """Requests still to be sent, shared by all connections, and the answers so far."""

    def __init__(self, bodies: Sequence[bytes], count: int) -> None:
        self.requests = [request_bytes(body) for body in bodies]
        self.left = count
        self.answers: Answers = Counter()

    def take(self) -> bytes | None:
        """The next request, or None after the last."""
        if not self.left:
            return None
        self.left -= 1
        return self.requests[self.left % len(self.requests)]


def read_head(head: bytes) -> tuple[int, str, int]:
    """Status, version and body length of an answer. Answers with a length only: fixed model servers give no others."""
    lines = head.split(b"\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields.get(b"x-penumbra-version", b"").decode(), int(fields[b"content-length"])


async def _send(port: int, work: Work, connections: int) -> None:
    loop = asyncio.get_running_loop()
    senders = [(await loop.create_connection(lambda: Sender(work), "127.0.0.1", port))[1] for _ in range(connections)]
    await asyncio.gather(*(sender.done for sender in senders))


def send_exactly(port: int, bodies: Sequence[bytes], count: int, connections: int = 32) -> Answers:
    """Sends `count` requests; a lost connection is not replaced. Answers add up to `count` when all is well."""
    work = Work(bodies, count)
    uvloop.run(_send(port, work, connections))
    return work.answers
