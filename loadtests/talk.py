"""A client and a server of gRPC for what h2load and nghttpd cannot do: calls of which no two have the same head, and
streams in both directions, message by message.

    python -m loadtests.talk calls CONNECTIONS STREAMS BODY PORT SECONDS
    python -m loadtests.talk streams CONNECTIONS MESSAGES BODY PORT SECONDS     each message waits for its echo
    python -m loadtests.talk echo PORT                                          the server

The client prints JSON. Of neither is the CPU counted.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import ngh2
import uvloop

from loadtests.calls import CALL, SERVICE, load_of

STREAM = SERVICE + "ModelStreamInfer"
WINDOW = 1 << 30
HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"model:8080")]
GRPC = [
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"grpc-c/42.0.0 (linux; chttp2)"),
]


class Side(asyncio.Protocol):
    """One end of a connection: events go to the handlers of `react`, and what they say leaves in one write."""

    def __init__(self, role: ngh2.Role) -> None:
        self.engine = ngh2.Connection(role, ngh2.Configuration(peer_max_concurrent_streams=100))
        self.engine.initiate_connection({4: WINDOW, 3: 1000} if role is ngh2.Role.SERVER else {4: WINDOW})
        self.engine.set_local_window_size(WINDOW)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begin()
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.engine.receive_data(data)
        for event in self.engine.events():
            self.react(event)
        self.flush()

    def flush(self) -> None:
        """Writes what there is."""
        if data := self.engine.data_to_send():
            self.transport.write(data)

    def begin(self) -> None:
        """The connection is there."""

    def react(self, event: Any) -> None:
        """An event of the library."""
        raise NotImplementedError


class Work:
    """What all connections share: when to stop, what was seen."""

    def __init__(self, body: bytes, until: float) -> None:
        self.body, self.until = body, until
        self.taken: list[int] = []
        self.failed = self.size = self.serial = 0
        self.over = asyncio.get_running_loop().create_future()


class Caller(Side):
    """Keeps `streams` calls under way, each with an id and a trace parent of its own."""

    def __init__(self, work: Work, streams: int) -> None:
        super().__init__(ngh2.Role.CLIENT)
        self.work, self.streams = work, streams
        self.begun: dict[int, float] = {}

    def begin(self) -> None:
        for _ in range(self.streams):
            self.call()

    def call(self) -> None:
        """Begins a call."""
        work = self.work
        work.serial += 1
        serial = work.serial * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)
        own = [(b"x-request-id", b"%032x" % serial), (b"traceparent", b"00-%032x-%016x-01" % (serial, serial >> 64))]
        stream = self.engine.send_request([*HEAD, (b":path", CALL.encode()), *GRPC, *own])
        self.begun[stream] = time.monotonic()
        self.engine.send_data(stream, work.body, end_stream=True)

    def react(self, event: Any) -> None:
        if isinstance(event, ngh2.TrailersReceived):
            good = (b"grpc-status", b"0") in event.headers
            self.ended(event.stream_id, good)
        elif isinstance(event, ngh2.StreamClosed) and event.stream_id in self.begun:
            self.ended(event.stream_id, False)

    def ended(self, stream: int, good: bool) -> None:
        """A call has ended."""
        work, now = self.work, time.monotonic()
        work.taken.append(int((now - self.begun.pop(stream)) * 1e6))
        work.failed += not good
        if now < work.until:
            self.call()
        elif not work.over.done():
            work.over.set_result(None)


class Talker(Side):
    """Streams of `messages`, one after the other: a message waits for its echo. What is counted are messages."""

    def __init__(self, work: Work, messages: int) -> None:
        super().__init__(ngh2.Role.CLIENT)
        self.work, self.messages = work, messages
        self.left = self.stream = self.missing = 0
        self.said_at = 0.0

    def begin(self) -> None:
        self.left = self.messages
        self.stream = self.engine.send_request([*HEAD, (b":path", STREAM.encode()), *GRPC])
        self.say()

    def say(self) -> None:
        """Sends a message, the last one with the end."""
        self.left -= 1
        self.missing, self.said_at = len(self.work.body), time.monotonic()
        self.engine.send_data(self.stream, self.work.body, end_stream=not self.left)

    def react(self, event: Any) -> None:
        if isinstance(event, ngh2.DataReceived) and event.stream_id == self.stream:
            self.missing -= len(event.data)
            if not self.missing:
                self.heard()
        elif isinstance(event, ngh2.StreamClosed) and event.stream_id == self.stream:
            self.work.failed += bool(self.left or event.error_code)
            self.begin()

    def heard(self) -> None:
        """A message has come back."""
        work, now = self.work, time.monotonic()
        work.taken.append(int((now - self.said_at) * 1e6))
        if now >= work.until:
            if not work.over.done():
                work.over.set_result(None)
        elif self.left:
            self.say()


class Echo(Side):
    """Sends back what it gets, and status 0 at the end."""

    def __init__(self) -> None:
        super().__init__(ngh2.Role.SERVER)

    def react(self, event: Any) -> None:
        engine = self.engine
        if isinstance(event, ngh2.RequestReceived):
            engine.send_response(event.stream_id, [(b":status", b"200"), (b"content-type", b"application/grpc")])
        elif isinstance(event, ngh2.DataReceived):
            if event.data:
                engine.send_data(event.stream_id, event.data)
            if event.end_stream:
                engine.send_trailers(event.stream_id, [(b"grpc-status", b"0")])


async def load(make: Callable[[Work], Side], connections: int, body: bytes, port: int, seconds: float) -> None:
    """Runs `connections` of a kind for so long, and prints what they have seen."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    work = Work(body, began + seconds)
    for _ in range(connections):
        await loop.create_connection(lambda: make(work), "127.0.0.1", port)
    await asyncio.wait_for(work.over, seconds + 5)
    seen = load_of(work.taken, time.monotonic() - began, work.size, work.failed)
    sys.stdout.buffer.write(msgspec.json.encode(seen))


async def echo(port: int) -> None:
    """Serves for ever."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


def main(kind: str, *words: str) -> None:
    """See the top."""
    if kind == "echo":
        uvloop.run(echo(int(words[0])))
        return
    connections, count, body, port, seconds = words
    makes: dict[str, Callable[[Work], Side]] = {
        "calls": lambda work: Caller(work, int(count)),
        "streams": lambda work: Talker(work, int(count)),
    }
    uvloop.run(load(makes[kind], int(connections), Path(body).read_bytes(), int(port), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
