"""Server-sent events, as language models send them: a model server that streams, and a client that hears many streams.

Each event carries the time at which it was sent; client and server share a machine and its clock, so that the client
knows how late each one comes. A stream ends after as many events as were asked for: copies to a shadow end by
themselves then, whatever a proxy makes of a client that leaves.

    python -m loadtests.events FD      the model server
"""

from __future__ import annotations

import random
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from loadtests.calls import load_of
from loadtests.compiled import HOUSE
from loadtests.load import LoadFailed
from loadtests.processes import stop
from loadtests.results import Load
from loadtests.traffic import PATH

# `X-Accel-Buffering: no` is what a model server says to nginx instead of `proxy_buffering off` in its configuration.
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LINE = b'data: {"sent":%d,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
LAST = b"data: [DONE]\n\n"
END = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LAST), LAST)
EVENT = re.compile(rb'"sent":(\d+),')
ASKED = re.compile(rb"x-events: (\d+) (\d+)", re.IGNORECASE)
BACKLOG = 4096
"""Connections that may come at once. A loop that is told nothing listens for a hundred, whatever was said before."""

PATIENCE = 10.0
"""Seconds that streams may take longer than they were asked to."""


def request(events: int, interval: float) -> bytes:
    """Asks for a stream of so many events, one each `interval` seconds."""
    asked = f"Host: model\r\nAccept: text/event-stream\r\nX-Events: {events} {interval * 1e6:.0f}\r\n"
    return f"POST {PATH} HTTP/1.1\r\n{asked}Content-Length: 2\r\n\r\n{{}}".encode()


def event(now: float) -> bytes:
    """One event, framed as a chunk, with the monotonic time in nanoseconds."""
    line = LINE % int(now * 1e9)
    return b"%x\r\n%s\r\n" % (len(line), line)


def arrivals(data: bytes, now: float) -> list[float]:
    """Delays, in microseconds, of the events in what was received at `now`."""
    return [(now - int(sent) / 1e9) * 1e6 for sent in EVENT.findall(data)]


@dataclass(slots=True)
class Heard:
    """What came of one stream: delays of its events in microseconds, and the end of what was read last."""

    delays: list[float]
    last: bytes = b""
    ended: bool = False

    def whole(self, events: int) -> bool:
        """Whether all events and the end have come."""
        return self.ended and len(self.delays) == events


def hear(
    port: int, streams: int, events: int, interval: float, midway: Callable[[], None] = lambda: None
) -> list[Heard]:
    """So many streams at once from a loopback port, to their ends; `midway` is called when half of the time is over."""
    asked, length = request(events, interval), events * interval
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        heard = []
        for _ in range(streams):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            connection.sendall(asked)
            connection.setblocking(False)
            heard.append(Heard([]))
            selector.register(connection, selectors.EVENT_READ, heard[-1])
        began, told = time.monotonic(), False
        while selector.get_map() and (now := time.monotonic()) < began + 1.5 * length + PATIENCE:
            if not told and now > began + length / 2:
                told = True
                midway()
            for key, _ in selector.select(0.1):
                if _read(cast(socket.socket, key.fileobj), key.data):
                    selector.unregister(key.fileobj)
        return heard


def _read(connection: socket.socket, heard: Heard) -> bool:
    """Reads what there is. True: nothing more will come."""
    try:
        data = connection.recv(65536)
    except OSError:
        return True
    heard.delays += arrivals(data, time.monotonic())
    heard.last = (heard.last + data)[-len(END) :]
    heard.ended = heard.last.endswith(b"\r\n0\r\n\r\n") and LAST in heard.last
    return heard.ended or not data


@dataclass(frozen=True, slots=True)
class EventDrive:
    """How a run is driven: so many `streams` at once, an event each `interval` seconds on each. What is counted are
    events. `bodies` is nothing that it needs."""

    bodies: Path
    streams: int = 32
    interval: float = 0.01

    def drive(self, port: int, seconds: float) -> Load:
        """One run against a loopback port. Raises LoadFailed where no event came."""
        events, began = max(1, round(seconds / self.interval)), time.monotonic()
        heard = hear(port, self.streams, events, self.interval)
        delays = [delay for each in heard for delay in each.delays]
        if not delays:
            raise LoadFailed(f"no event came through port {port}")
        broken = sum(not each.whole(events) for each in heard)
        return load_of(list(map(int, delays)), time.monotonic() - began, 0, broken)


@contextmanager
def talking(home: Path, versions: int, tls: bool = False) -> Iterator[list[int]]:
    """`versions` model servers that stream to whoever asks, in one process; yields their ports."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)) for _ in range(versions)
        ]
        handles = [sock.fileno() for sock in sockets]
        command = [sys.executable, "-m", "loadtests.events", *map(str, handles)]
        process = subprocess.Popen(command, pass_fds=handles, cwd=HOUSE)
        stack.callback(stop, process)
        yield [sock.getsockname()[1] for sock in sockets]


def serve(handles: Sequence[int]) -> None:
    """Answers every request on these sockets with a stream, one write for each event. Pauses are random (from half to
    one and a half of what was asked for), so that streams do not march in step."""
    import asyncio

    import uvloop

    class Talker(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.timer: asyncio.TimerHandle | None = None
            self.left, self.interval = 0, 0.0

        def data_received(self, data: bytes) -> None:
            asked = ASKED.search(data)
            if asked is None:  # a look at whether somebody answers
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                return
            self.left, self.interval = int(asked[1]), int(asked[2]) / 1e6
            self.transport.write(HEAD)
            self.wait()

        def wait(self) -> None:
            pause = self.interval * (0.5 + random.random())
            self.timer = asyncio.get_running_loop().call_later(pause, self.talk)

        def talk(self) -> None:
            if self.left:
                self.left -= 1
                self.transport.write(event(time.monotonic()))
                self.wait()
            else:
                self.transport.write(END)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.timer is not None:
                self.timer.cancel()

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        for handle in handles:
            await loop.create_server(Talker, sock=socket.socket(fileno=handle), backlog=BACKLOG)
        await loop.create_future()

    uvloop.run(forever())


if __name__ == "__main__":
    serve([int(word) for word in sys.argv[1:]])
