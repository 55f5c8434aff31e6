"""Unexpected exceptions over HTTP/2 on both sides, as `tests/dataplane/test_unexpected.py` has them over HTTP/1.1."""

from __future__ import annotations

import asyncio
from random import Random
from time import monotonic
from typing import Any

import h2.config
import h2.connection
import h2.exceptions
import pytest

from proxy.contracts.table import Version
from proxy.dataplane import unexpected as module
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.h2.client_stream import Http2ClientStream
from proxy.dataplane.h2.connection import TURN
from proxy.dataplane.h2.downstream import Http2Downstream
from proxy.dataplane.h2.server_stream import Http2ServerStream
from proxy.dataplane.h2.upstream import Http2Upstream
from proxy.dataplane.ports import Connection, ConnectionOwner
from tests.dataplane.test_unexpected import ROUTES, WATCHED, Injector, Walk, Wire, Wires, injecting

WATCHED_HERE = (
    *((owner, names) for owner, names in WATCHED if owner not in (Upstream, Downstream)),
    (Http2ServerStream, ("begin", "data", "end", "flush", "head_came", "body_came", "finished", "ended")),
    (Http2ClientStream, ("head", "data", "end", "flush", "problem", "came", "done")),
)
HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/v2/models/m/infer"), (b":authority", b"m")]
BODIES = (b"", b"hello", b"x" * 3000, b"y" * 60_000)


class Http2Wire(Wire):
    """A socket in memory with h2 at its other end."""

    def __init__(self, protocol: Any, client: bool) -> None:
        super().__init__(protocol)
        self.peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding=None))
        self.peer.initiate_connection()

    def settle(self) -> bool:
        sent, self.written = bytes(self.written), b""
        try:
            self.peer.receive_data(sent)
        except h2.exceptions.ProtocolError:
            self.abort()
        back = self.peer.data_to_send()
        if back and not self.is_closing():
            self.protocol.data_received(back)
        return super().settle()


class Http2Wires(Wires):
    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        await asyncio.sleep(0)
        self.injector.look("dial")
        upstream = Http2Upstream(version, owner)
        wire = Http2Wire(upstream, client=False)
        upstream.connection_made(wire)  # type: ignore[arg-type]
        wire.settle()
        upstream.adopt(owner, ANYWHERE)
        self.made.append((version.name, wire))
        return upstream

    def streams(self, version: Version) -> int:
        return 100


class Http2Walk(Walk):
    def dialer(self, injector: Injector) -> Wires:
        return Http2Wires(injector, self.bench.shared.timings)

    def ask(self) -> None:
        shared = self.bench.shared
        connection = Http2Downstream(shared)
        wire = Http2Wire(connection, client=True)
        connection.connection_made(wire)  # type: ignore[arg-type]
        shared.opened(connection, monotonic())
        self.clients.append(wire)
        for _ in range(self.random.choice((1, 3))):
            body, stream = self.random.choice(BODIES), wire.peer.get_next_available_stream_id()
            wire.peer.send_headers(stream, HEAD, end_stream=not body)
            for at in range(0, len(body), 16_384):
                last = at + 16_384 >= len(body)
                if wire.peer.local_flow_control_window(stream) < 16_384:
                    break
                wire.peer.send_data(stream, body[at : at + 16_384], end_stream=last and self.random.random() < 0.8)
        wire.settle()

    def _servers(self) -> list[Wire]:
        return [wire for _, wire in self.wires.made if not wire.is_closing() and wire.protocol.streams]

    def serve(self) -> None:
        for wire in self._servers()[:2]:
            assert isinstance(wire, Http2Wire)
            for stream in sorted(wire.protocol.streams)[:2]:
                try:
                    self._answer(wire, stream, self.random.randrange(6))
                except h2.exceptions.ProtocolError:
                    continue
            wire.settle()

    def _answer(self, wire: Http2Wire, stream: int, how: int) -> None:
        if how == 0:
            wire.peer.reset_stream(stream, self.random.choice((2, 7)))
        elif how == 1:
            wire.protocol.data_received(b"\xff" * 40)
        else:
            wire.peer.send_headers(stream, [(b":status", b"503" if how == 2 else b"200")], end_stream=how == 3)
            if how > 3:
                wire.peer.send_data(stream, b"one", end_stream=how == 4)

    def hangs(self, client: Wire) -> bool:
        return not all(stream.over for stream in client.protocol.exchanges.values())

    def check(self) -> None:
        super().check()
        assert TURN.depth == 0 and not TURN.waiting
        assert not any(wire.protocol.lent for _, wire in self.wires.made)


def walked(seed: int, at: frozenset[int]) -> int:
    with injecting(at, WATCHED_HERE) as injector:
        walk = Http2Walk(seed, injector, ROUTES[seed % len(ROUTES)])
        asyncio.run(walk.run())
    try:
        walk.check()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, raised at{injector.raised}: {error}") from error
    return injector.calls


@pytest.fixture(autouse=True)
def _few_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_places", set())
    monkeypatch.setattr(module.log, "disabled", True)


@pytest.mark.parametrize("seed", range(4))
def test_one_exception_leaves_no_leak_and_no_client_without_an_end(seed: int) -> None:
    calls = walked(seed, frozenset())
    assert calls > 20
    for at in range(1 + seed, calls + 1, 9):
        walked(seed, frozenset((at,)))


@pytest.mark.parametrize("seed", range(4))
def test_nor_do_many(seed: int) -> None:
    random = Random(seed)
    for _ in range(10):
        walked(seed, frozenset(random.sample(range(1, 400), 12)))
