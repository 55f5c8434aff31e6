"""A whole exchange through the data plane on sockets in memory: everything but the event loop and the kernel."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.events import event
from loadtests.exact import request_bytes
from proxy.contracts.memory import MIB
from proxy.contracts.table import HttpVersion, Match, Route, Share, Table, Version
from proxy.dataplane.descriptors import Descriptors
from proxy.dataplane.dialing import ServerDialer
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.live import Registry
from proxy.dataplane.lookups import Lookups
from proxy.dataplane.memory import Memory
from proxy.dataplane.names import VersionNames
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.link.outbox import Outbox

BODY = b'{"inputs":[{"name":"x","shape":[1,30],"datatype":"FP64","data":[' + b"1.2345," * 29 + b"1]}]}"
ANSWER = b"HTTP/1.1 200 OK\r\nServer: m\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n" + b"y" * 300


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Socket:
    """Counts writes."""

    writes: int = 0

    def write(self, data: bytes) -> None:
        self.writes += 1

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class Plane:
    """A client's connection, and one to each model server."""

    client: Downstream
    servers: list[tuple[Upstream, Socket]]
    outbox: Outbox
    sent: Socket = field(default_factory=Socket)
    talking: list[Upstream] = field(default_factory=list)

    def exchange(self, request: bytes) -> None:
        before = [socket.writes for _, socket in self.servers]
        self.client.data_received(request)
        for (server, socket), writes in zip(self.servers, before, strict=True):
            if socket.writes != writes:
                server.data_received(ANSWER)
        if self.outbox.ripe:
            self.outbox.flush(0)

    def begin_stream(self, request: bytes) -> None:
        """Begins an answer that `chunk` goes on with, of the version that was chosen and of its shadow."""
        self.client.data_received(request)
        self.talking = [server for server, socket in self.servers if socket.writes]
        for server in self.talking:
            server.data_received(STREAM)

    def chunk(self, framed: bytes) -> None:
        """A piece of it, from each."""
        for server in self.talking:
            server.data_received(framed)


def registered(
    protocol: str, shadows: tuple[Share, ...], path: str, http: HttpVersion
) -> tuple[Shared, Registry, Outbox]:
    """A worker's state, with one route: 10 % split between two versions, and `shadows`."""
    route = Route("cancer", Match(path), protocol, "v1", split=(Share("v2", 10.0),), shadows=shadows)  # type: ignore[arg-type]
    versions = {name: Version(name, "127.0.0.1", 80, f"{name}:80", http=http) for name in ("v1", "v2", "v3")}
    tally, timings, outbox = Tally(), Timings(), Outbox(0, "bench")
    shared = Shared(tally, Recorder(outbox, 0.0, Memory(512 * MIB)), timings, 10, time.monotonic)
    registry = Registry(
        tally, ServerDialer(timings, VersionNames(tally, time.monotonic, Lookups().ask)), Descriptors(10_000)
    )
    shared.table = registry.compile(Table(1, versions, (route,)))
    return shared, registry, outbox


def plane(protocol: str, mirrored: bool) -> Plane:
    """10 % split between two versions; copies of all requests to a third when `mirrored`."""
    shadows = (Share("v3", 100.0),) if mirrored else ()
    shared, registry, outbox = registered(protocol, shadows, "/v2/models/cancer/", 1)
    servers = []
    for pool in registry.pools:
        server, socket = Upstream(pool.version, pool, shared.timings), Socket()
        server.connection_made(socket)  # type: ignore[arg-type]
        pool.available(server, 0.0)
        servers.append((server, socket))
    made = Plane(Downstream(shared), servers, outbox)
    made.client.connection_made(made.sent)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("protocol", "mirrored"), [("opaque", False), ("opaque", True), ("oip", True)], ids=["split", "mirror", "records"]
)
def test_an_exchange(benchmark: BenchmarkFixture, protocol: str, mirrored: bool) -> None:
    it, request = plane(protocol, mirrored), request_bytes(BODY)
    benchmark(it.exchange, request)
    assert it.sent.writes > 0 and it.sent.writes == sum(socket.writes for _, socket in it.servers[:2])


@pytest.mark.parametrize("protocol", ["opaque", "oip"], ids=["mirror", "records"])
def test_a_chunk_of_a_stream(benchmark: BenchmarkFixture, protocol: str) -> None:
    it, framed = plane(protocol, True), event(1.0)
    it.begin_stream(request_bytes(BODY))
    before = it.sent.writes
    benchmark(it.chunk, framed)
    assert len(it.talking) == 2 and it.sent.writes > before
