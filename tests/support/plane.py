"""A worker in this process, with a control that only writes down what it hears, and clients on raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import uvloop
from msgspec.structs import replace

from proxy.contracts.record import Record, Tick
from proxy.contracts.table import Forwarded, HttpVersion, Limits, Match, Route, Table, Version
from proxy.contracts.tls import ClientTls, ServerTls
from proxy.contracts.worker_args import WorkerArgs
from proxy.dataplane.names import LookUp
from proxy.dataplane.timings import Timings
from proxy.dataplane.worker import Worker
from proxy.link.frames import Records
from proxy.link.pulse import page
from proxy.link.server import LinkServer
from tests.support.scripted import Script, Scripted
from tests.support.secured import Secured
from tests.support.tls_peer import trusting

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds until a test gives up on something that takes milliseconds."""


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a test on the loop that workers use."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_bounded(test))


async def _bounded(test: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(4 * PATIENCE):
        await test()


BY_TLS: ServerTls | None = None
"""What listeners have of which a test says nothing: `tests/dataplane/secured/test_same.py` says something."""


class Plane:
    """`port` is where clients connect. `ticks` and `records` are what control was told. `trusted`: how versions
    are spoken to that are not in clear."""

    def __init__(self, home: str, upstreams: dict[str, Scripted]) -> None:
        self.upstreams = upstreams
        self.ticks: list[Tick] = []
        self.records: list[Record] = []
        self.server = LinkServer(self._on_tick, self._on_records)
        self.link_path = f"{home}/link"
        self.revision = 0
        self.worker: Worker
        self.port = 0
        self.ends: dict[str, tuple[str, int]] = {}
        self.tls: ServerTls | None = None
        self.http2: set[str] = set()
        self.context: ssl.SSLContext | None = None
        self.forwarded: Forwarded = "none"
        self.trusted: dict[str, ClientTls] = {}

    def _on_tick(self, tick: Tick) -> float:
        self.ticks.append(tick)
        return 1.0

    def _on_records(self, batch: Records) -> int:
        self.records += batch.records
        return len(batch.records)

    def publish(self, *routes: Route, lease: float = 10.0) -> None:
        self.revision += 1
        versions = {name: self._version(name, upstream.port) for name, upstream in self.upstreams.items()}
        listeners = () if self.tls is None else (self.tls,)
        table = Table(self.revision, versions, routes, lease, listeners=listeners, forwarded=self.forwarded)
        self.server.publish(replace(table, tls=self.trusted))

    def _version(self, name: str, port: int) -> Version:
        host, port = self.ends.get(name, ("127.0.0.1", port))
        http: HttpVersion = 2 if name in self.http2 else 1
        return Version(name, host, port, f"{host}:{port}", secure=name in self.trusted, http=http)

    def silence(self) -> None:
        """Control hears, and says nothing."""
        self.server.ticked = lambda connection, status, tick: None  # type: ignore[method-assign]

    def speak(self) -> None:
        """Control is back: it connects its workers anew."""
        del self.server.ticked
        for connection in tuple(self.server._connections):
            connection.abort()

    async def published(self, *routes: Route, lease: float = 10.0) -> None:
        self.publish(*routes, lease=lease)
        revision = self.revision
        await self.until(lambda: self.worker.shared.table is not None and self.worker.shared.table.revision == revision)

    async def until(self, look: Callable[[], object]) -> None:
        """Returns once `look` is true; fails the test when it never is."""
        async with asyncio.timeout(PATIENCE):
            while not look():  # noqa: ASYNC110 (what it looks at has no event)
                await asyncio.sleep(0.005)

    async def until_async(self, look: Callable[[], Awaitable[bool]]) -> None:
        """As `until`, for something that has to be asked."""
        async with asyncio.timeout(PATIENCE):
            while not await look():  # noqa: ASYNC110 (likewise)
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Returns once everything that has happened so far was reported."""
        await self.until(lambda: not self.worker.shared.exchanges and not self.worker.shared.copies)
        seen = len(self.ticks)
        await self.until(lambda: len(self.ticks) >= seen + 2)

    def codes(self) -> Counter[tuple[str, str, str]]:
        """Legs by (version, role, code)."""
        counted: Counter[tuple[str, str, str]] = Counter()
        for tick in self.ticks:
            for arm in tick.arms:
                for code, count in arm.codes.items():
                    counted[arm.version, arm.role, code] += count
        return counted

    def bad(self) -> Counter[tuple[str, str]]:
        counted: Counter[tuple[str, str]] = Counter()
        for tick in self.ticks:
            for arm in tick.arms:
                counted[arm.version, arm.role] += arm.outcomes().get("failed", 0)
        return +counted

    def rows(self, name: str) -> Counter[tuple[str, ...]]:
        """`shadow_dropped`, `mirrored`, `rescued` or `rejected`, added up."""
        counted: Counter[tuple[str, ...]] = Counter()
        for tick in self.ticks:
            for *key, count in getattr(tick, name):
                counted[tuple(key)] += count
        return counted

    async def connect(self) -> Client:
        """A client: by TLS, where the listener has one, as `context` says."""
        name = None if self.context is None else "localhost"
        pair = await asyncio.open_connection(
            "127.0.0.1", self.port, limit=1 << 20, ssl=self.context, server_hostname=name
        )
        return Client(*pair)

    async def ask(self, raw: bytes) -> Reply:
        """One request on a connection of its own."""
        client = await self.connect()
        try:
            return await client.ask(raw)
        finally:
            client.close()


class Reply:
    """An answer as it arrived. `whole` is False when the connection ended before its end."""

    def __init__(self, head: bytes, body: bytes, whole: bool) -> None:
        self.head, self.body, self.whole = head, body, whole

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1]) if self.head else 0

    def field(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return None

    @property
    def version(self) -> str | None:
        return self.field("x-penumbra-version")


def reads(writer: asyncio.StreamWriter, on: bool) -> None:
    """Lets the other end of a connection wait, or takes what it sends; `StreamReader` cannot be told to."""
    transport: Any = writer.transport
    transport.resume_reading() if on else transport.pause_reading()


class Client:
    """A connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    def reads(self, on: bool) -> None:
        """Stops to take what comes, or goes on with it."""
        reads(self.writer, on)

    async def ask(self, raw: bytes) -> Reply:
        self.send(raw)
        return await self.reply(head_only=raw.startswith(b"HEAD "))

    async def reply(self, head_only: bool = False) -> Reply:
        """Reads one answer; interim ones are passed over."""
        async with asyncio.timeout(PATIENCE):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return Reply(b"", b"", False)
            if head.startswith(b"HTTP/1.1 100 "):
                return await self.reply(head_only)
            if head_only or head.split(b" ")[1] in (b"204", b"304", b"101"):
                return Reply(head, b"", True)
            return await self._body(head)

    async def _body(self, head: bytes) -> Reply:
        lower, body = head.lower(), b""
        try:
            if b"transfer-encoding: chunked" in lower:
                while True:
                    size = int(await self.reader.readuntil(b"\r\n"), 16)
                    data = await self.reader.readexactly(size + 2)
                    body += data[:-2]
                    if not size:
                        return Reply(head, body, True)
            if b"\r\ncontent-length: " in lower:
                size = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
                return Reply(head, await self.reader.readexactly(size), True)
            return Reply(head, await self.reader.read(-1), True)
        except asyncio.IncompleteReadError as error:
            return Reply(head, body + error.partial, False)
        except ConnectionError:
            return Reply(head, body, False)

    async def ended(self) -> bool:
        """True once the proxy has closed the connection without another byte."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        self.writer.close()


BRISK = {"tick": 0.01, "leg_sweep": 0.01, "client_sweep": 0.02, "stall": 60.0}
"""What a worker does periodically, often enough that no test waits for it; and a busy machine is no stall."""


def timings(**seconds: float) -> Timings:
    """The usual times of a worker, but for those that a test does not want to wait for."""
    times = Timings()
    for name, value in (BRISK | seconds).items():
        setattr(times, name, value)
    return times


def route(primary: str = "v1", buffer: int = 0, **more: Any) -> Route:
    """A route for everything below /v2. `buffer`: its `limits.request_buffer`; without one a test sees each piece of a
    request where it is sent on."""
    more.setdefault("protocol", "oip")
    more["limits"] = replace(more.get("limits", Limits()), request_buffer=buffer)
    return Route("r", Match("/v2"), primary=primary, **more)


def post(body: bytes = b'{"inputs": []}', fields: str = "", path: str = "/v2/models/m/infer") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: models\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


def post_chunks(*chunks: bytes, fields: str = "") -> bytes:
    head = f"POST /v2/models/m/infer HTTP/1.1\r\nHost: models\r\nTransfer-Encoding: chunked\r\n{fields}\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


def get(path: str = "/v2/models/m", fields: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: models\r\n{fields}\r\n".encode()


@contextlib.asynccontextmanager
async def plane(
    *routes: Route,
    drain: float = 5.0,
    lease: float = 10.0,
    connections: int = 10_000,
    times: Timings | None = None,
    ask: LookUp | None = None,
    tls: ServerTls | None = None,
    forwarded: Forwarded = "none",
    secured: Secured | None = None,
    **scripts: Script,
) -> AsyncIterator[Plane]:
    """A worker that follows a table of `routes`, with one scripted model server for each keyword, by TLS where there is
    `secured`."""
    by = secured.server if secured else None
    upstreams = {name: Scripted(name, script, tls=by) for name, script in scripts.items()}
    for upstream in upstreams.values():
        await upstream.start()
    with (
        tempfile.TemporaryDirectory(prefix="plane-") as home,
        tempfile.TemporaryFile() as slot,
    ):
        it = Plane(home, upstreams)
        it.trusted = dict.fromkeys(upstreams, secured.client) if secured else {}
        link = socket.socket(socket.AF_UNIX)  # the loop will close it
        link.bind(it.link_path)
        link.listen(16)
        link.setblocking(False)
        await it.server.start(link)
        it.tls, it.forwarded = tls or BY_TLS, forwarded
        it.context = trusting() if it.tls is not None else None
        it.publish(*routes, lease=lease)
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        it.port = listening.getsockname()[1]
        alive, hold = os.pipe()
        pulse = page(2)
        args = WorkerArgs(0, (listening.detach(),), it.link_path, slot.fileno(), alive, drain, pulse, -1, connections)
        it.worker = Worker(args, times or timings(), ask)
        running = asyncio.create_task(it.worker.run())
        await it.until(lambda: it.worker.shared.table is not None)
        try:
            yield it
        finally:
            it.worker._stop.set()
            await running
            await it.server.close()
            link.detach()
            for upstream in upstreams.values():
                await upstream.stop()
            for fd in (alive, hold, pulse):
                os.close(fd)
