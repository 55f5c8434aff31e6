"""Calls of gRPC through the data plane, HTTP/2 on both sides, on sockets in memory: all but the event loop and the
kernel. What clients and servers say is written before, by hpack's encoder, as the peers of `grpc` cases say it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hpack import Encoder, NeverIndexedHeaderTuple
from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.micro.test_dataplane import registered
from proxy.contracts.table import Share
from proxy.dataplane.h2.downstream import Http2Downstream
from proxy.dataplane.h2.upstream import Http2Upstream
from proxy.link.outbox import Outbox

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MESSAGE = b"\0\0\0\1\xfb" + b"q" * 507
ANSWER = b"\0\0\0\1\0" + b"a" * 256
BLOCKS = 512
"""Different heads, where no two are to be alike: more than are remembered anywhere."""

DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_STREAM, END_HEADERS = 1, 4

PATH = "/inference.GRPCInferenceService/ModelInfer"
REQUEST = [
    *((":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "model:8080")),
    *(("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "grpc-c/42.0.0 (linux; chttp2)")),
    *(("grpc-accept-encoding", "identity, deflate, gzip"), ("x-tenant", "hospital-7")),
]
RESPONSE = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", "identity, gzip")]
TRAILERS = [("grpc-status", "0"), ("grpc-message", "")]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


BEGINNING = frame(SETTINGS, 0, 0, b"") + frame(SETTINGS, 1, 0, b"") + frame(WINDOW_UPDATE, 0, 0, b"\x7f\0\0\0")
"""Settings, ours acknowledged, and a window that lasts for all calls."""


def request_blocks(alike: bool) -> list[bytes]:
    """The fields of heads of requests, the first of which fills the table of the encoder."""
    encoder = Encoder()
    blocks = [encoder.encode(REQUEST), encoder.encode(REQUEST)]
    return blocks if alike else blocks[:1] + [encoder.encode([*REQUEST, *_its_own(n)]) for n in range(BLOCKS)]


def _its_own(number: int) -> list[NeverIndexedHeaderTuple]:
    named = {"x-request-id": f"{number:032x}", "traceparent": f"00-{number:032x}-{number:016x}-01"}
    return [NeverIndexedHeaderTuple(*each) for each in named.items()]


@dataclass
class Socket:
    """Counts writes."""

    writes: int = 0

    def write(self, data: bytes) -> None:
        self.writes += 1

    def is_closing(self) -> bool:
        return False


class Server:
    """A connection to a model server, which answers each stream."""

    def __init__(self, connection: Http2Upstream) -> None:
        self.connection, self.socket, self.answered = connection, Socket(), -1
        connection.connection_made(self.socket)  # type: ignore[arg-type]
        connection.data_received(BEGINNING)
        encoder = Encoder()
        self.first, self.head, self.trailers = (encoder.encode(each) for each in (RESPONSE, RESPONSE, TRAILERS))
        self.later = encoder.encode(TRAILERS)

    def answer(self) -> None:
        """Answers, in one read, all streams that it has not."""
        last, said = max(self.connection.streams, default=self.answered), []
        for stream in range(self.answered + 2, last + 1, 2):
            head, trailers = (self.first, self.trailers) if stream == 1 else (self.head, self.later)
            said.append(frame(HEADERS, END_HEADERS, stream, head))
            said.append(frame(DATA, 0, stream, ANSWER))
            said.append(frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))
        self.answered = last
        if said:
            self.connection.data_received(b"".join(said))


@dataclass
class Calls:
    """A client's connection, and one to each model server."""

    client: Http2Downstream
    servers: list[Server]
    outbox: Outbox
    blocks: list[bytes]
    sent: Socket = field(default_factory=Socket)
    asked: int = -1
    turn: int = 0

    def exchange(self, streams: int = 1) -> None:
        """So many calls in one read."""
        said = []
        for _ in range(streams):
            self.asked += 2
            block = self.blocks[self.turn]
            self.turn = self.turn % (len(self.blocks) - 1) + 1
            said.append(frame(HEADERS, END_HEADERS, self.asked, block))
            said.append(frame(DATA, END_STREAM, self.asked, MESSAGE))
        self.client.data_received(b"".join(said))
        for server in self.servers:
            server.answer()
        if self.outbox.ripe:
            self.outbox.flush(0)


def calls(protocol: str, mirrored: bool, alike: bool = True) -> Calls:
    """10 % split between two versions; copies of all calls to a third when `mirrored`. Needs a running loop."""
    shadows = (Share("v3", 100.0),) if mirrored else ()
    shared, registry, outbox = registered(protocol, shadows, "/", 2)
    servers = []
    for pool in registry.pools:
        servers.append(Server(Http2Upstream(pool.version, pool)))
        pool.available(servers[-1].connection, 0.0)
    made = Calls(Http2Downstream(shared), servers, outbox, request_blocks(alike))
    made.client.connection_made(made.sent)  # type: ignore[arg-type]
    made.client.data_received(PREFACE + BEGINNING)
    return made


@pytest.fixture
def loop() -> Iterator[None]:
    """A loop that never runs: a connection asks for one when it is made."""
    made = asyncio.new_event_loop()
    asyncio._set_running_loop(made)
    yield
    asyncio._set_running_loop(None)
    made.close()


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("streams", [1, 8])
@pytest.mark.parametrize(
    ("protocol", "mirrored", "alike"),
    [("opaque", False, True), ("opaque", False, False), ("opaque", True, True), ("oip", True, True)],
    ids=["split", "unique", "mirror", "records"],
)
def test_calls(benchmark: BenchmarkFixture, protocol: str, mirrored: bool, alike: bool, streams: int) -> None:
    it = calls(protocol, mirrored, alike)
    benchmark(it.exchange, streams)
    assert not it.client.exchanges and not any(server.connection.lent for server in it.servers)
    assert it.sent.writes >= (it.asked + 1) / 2 / streams
