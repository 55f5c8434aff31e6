"""Server-sent events: how much later a chunk arrives through a proxy than directly.

A model server sends an event every few milliseconds with the time in it; the client, on the same machine and clock,
notes when it arrives. What is reported is the delay beyond that of a direct connection in the same round.

    python -m loadtests.streaming serve FD      the model server
"""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from rich.table import Table

from loadtests.cases import console, stage, start
from loadtests.compiled import HOUSE
from loadtests.processes import stop
from loadtests.proxies import Plan
from loadtests.results import Delays, Spread, spread
from loadtests.traffic import PATH

INTERVAL = 0.01
"""Seconds between the events of a stream: 100 tokens a second."""
STREAMS = 4
DIRECT = "direct"
REQUEST = f"POST {PATH} HTTP/1.1\r\nHost: model\r\nAccept: text/event-stream\r\nContent-Length: 2\r\n\r\n{{}}".encode()
# `X-Accel-Buffering: no` is what a model server says to nginx instead of `proxy_buffering off` in its configuration.
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
)
WARM_UP = 0.3
EVENT = re.compile(rb"data: (\d+)\n\n")


def event(now: float) -> bytes:
    """One event, framed as a chunk; its only content is the monotonic time in nanoseconds."""
    line = b"data: %d\n\n" % int(now * 1e9)
    return b"%x\r\n%s\r\n" % (len(line), line)


def arrivals(data: bytes, now: float) -> list[float]:
    """Delays, in microseconds, of the events in what was received at `now`."""
    return [(now - int(sent) / 1e9) * 1e6 for sent in EVENT.findall(data)]


@contextmanager
def talking() -> Iterator[int]:
    """A model server that streams to whoever asks; yields its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as sock:
        port: int = sock.getsockname()[1]
        command = [sys.executable, "-m", "loadtests.streaming", "serve", str(sock.fileno())]
        process = subprocess.Popen(command, pass_fds=[sock.fileno()], cwd=HOUSE)
    try:
        yield port
    finally:
        stop(process)


def listen(port: int, seconds: float) -> Delays:
    """STREAMS streams at once for `seconds`. The first 0.3 s of them, which wait for connections, do not count."""
    delays: list[float] = []
    with selectors.DefaultSelector() as selector:
        streams = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(STREAMS)]
        for stream in streams:
            stream.sendall(REQUEST)
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ)
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            for key, _ in selector.select(1.0):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                now = time.monotonic()
                if not data:
                    raise ConnectionError(f"port {port} ended a stream")
                delays += arrivals(data, now) if now > began + WARM_UP else []
        for stream in streams:
            stream.close()
    if not delays:
        raise ConnectionError(f"no event came through port {port}")
    delays.sort()
    return Delays(delays[len(delays) // 2], delays[len(delays) * 99 // 100], len(delays))


def run_streaming(names: Sequence[str], seconds: float, repetitions: int) -> dict[str, list[Delays]]:
    """Interleaved runs: directly, then through each peer, in every round."""
    with stage(0) as (stack, home, _):
        server = stack.enter_context(talking())
        plan = Plan(server, server, server, mirror=False)
        proxies = [start(stack, home, name, plan) for name in names]
        ports = {DIRECT: server} | {proxy.name: proxy.port for proxy in proxies if proxy}
        results: dict[str, list[Delays]] = {name: [] for name in ports}
        for _ in range(repetitions):
            for name, port in ports.items():
                results[name].append(listen(port, seconds))
                console.print(f"  {name:10} chunk after {results[name][-1].p50:6.0f} us", highlight=False)
        return results


def added(results: Mapping[str, Sequence[Delays]], name: str) -> Spread:
    """Microseconds that `name` adds to the median chunk, round by round."""
    return spread([run.p50 - direct.p50 for run, direct in zip(results[name], results[DIRECT], strict=True)])


def streaming_table(results: Mapping[str, Sequence[Delays]]) -> Table:
    """One line for each peer."""
    table = Table(title=f"Server-sent events: {STREAMS} streams, one chunk each {INTERVAL * 1000:.0f} ms")
    for name in ("peer", "p50 us", "p99 us", "added to p50 us", "spread", "chunks"):
        table.add_column(name, justify="left" if name == "peer" else "right")
    for name, runs in results.items():
        p50, p99 = spread([run.p50 for run in runs]).median, spread([run.p99 for run in runs]).median
        more = added(results, name)
        chunks = sum(run.chunks for run in runs)
        table.add_row(
            name, f"{p50:.0f}", f"{p99:.0f}", f"{more.median:.0f}", f"{more.low:.0f}-{more.high:.0f}", f"{chunks:,}"
        )
    return table


def serve(fd: int) -> None:
    """Answers every request with an endless stream, one write for each event."""
    import asyncio

    import uvloop

    class Talker(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            self.timer: asyncio.TimerHandle | None = None

        def data_received(self, data: bytes) -> None:
            if self.timer is None:
                self.transport.write(HEAD)
                self.talk()

        def talk(self) -> None:
            self.transport.write(event(time.monotonic()))
            self.timer = asyncio.get_running_loop().call_later(INTERVAL, self.talk)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.timer is not None:
                self.timer.cancel()

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Talker, sock=socket.socket(fileno=fd))
        await server.serve_forever()

    uvloop.run(forever())


if __name__ == "__main__" and sys.argv[1:2] == ["serve"]:
    serve(int(sys.argv[2]))
