"""Unexpected exceptions anywhere in the data plane: a fault injector over real pools, streams and sockets in memory.

Each scenario is run once to count the calls that are watched, then once for each call, which raises. Whatever raises:
the exchange ends, its slots come back, the fault is counted, and the client has an answer or is cut off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from time import monotonic
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.table import Limits, Rescue, Route, Share, Table, Version
from proxy.dataplane import unexpected as module
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.leg import Leg
from proxy.dataplane.live import Registry
from proxy.dataplane.pool import Pool
from proxy.dataplane.ports import Connection, ConnectionOwner, Dialer
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.shadow import ShadowLeg
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Arm, Tally
from proxy.dataplane.timings import Timings
from proxy.dataplane.unexpected import MAX_PLACES, place_of, unexpected
from tests.support.fakes import Bench, FakeTransport
from tests.support.plane import get, post, post_chunks, route
from tests.support.scripted import answer

WATCHED: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Leg, ("start", "send", "request_body", "end_request", "flush_request", "response_head", "response_body")),
    (Leg, ("response_end", "response_flush", "response_failed", "connect_failed", "connected", "expire", "cancel")),
    (Leg, ("pause_request", "resume_request", "pause_answer", "resume_answer", "record", "_finish", "_count")),
    (ShadowLeg, ("start", "send", "response_head", "response_body", "response_end", "response_flush")),
    (ShadowLeg, ("response_failed", "connected", "connect_failed", "expire", "give_up", "record", "_answered")),
    (Exchange, ("start", "request_body", "request_end", "flush_request", "_assign", "_mirror", "answer_head")),
    (Leg, ("decided", "start_again", "may_go_again", "_let_go")),
    (Exchange, ("keep_piece", "assigned", "begun", "review", "can_rescue", "not_rescued", "beyond_keeping")),
    (Exchange, ("flush_answer", "answered", "rescue", "fail", "expire", "aborted", "pause_answer", "resume_answer")),
    (Recorder, ("put", "next_exchange", "part")),
    (Tally, ("counted", "shadow_dropped", "rescued", "retried", "overhead", "not_rescued", "not_retried")),
    (Arm, ("answered", "failed", "connected")),
    (Shared, ("judge",)),
    (Upstream, ("begin", "data", "end", "flush", "response_head", "response_body", "response_end")),
    (Downstream, ("head", "data", "end", "flush", "problem", "request_head", "request_body", "request_end")),
)
"""The calls of the ports and of what they count, each of which may raise."""


class Injected(Exception):
    """What nobody expects."""


class Injector:
    """Raises at the calls whose numbers are in `at`; `calls` counts them."""

    def __init__(self, at: frozenset[int]) -> None:
        self.at, self.calls, self.raised = at, 0, ""

    def look(self, name: str) -> None:
        self.calls += 1
        if self.calls in self.at:
            self.raised += f" {name}"
            raise Injected(f"{name}, call {self.calls}")


@contextmanager
def injecting(at: frozenset[int], watched: tuple[tuple[type, tuple[str, ...]], ...] = WATCHED) -> Iterator[Injector]:
    injector = Injector(at)
    with pytest.MonkeyPatch.context() as patch:
        for owner, names in watched:
            for name in names:
                patch.setattr(owner, name, _watched(injector, getattr(owner, name), f"{owner.__name__}.{name}"))
        yield injector


def _watched(injector: Injector, original: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:
        injector.look(name)
        return original(*args, **more)

    return call


class Wire(FakeTransport):
    """A socket in memory whose protocol hears of its end, as of a real one's, a little later."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol, self.lost = protocol, False

    def write(self, data: bytes) -> None:
        if not self.is_closing():
            self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def settle(self) -> bool:
        """True where it has ended just now."""
        if self.lost or not self.is_closing():
            return False
        self.lost = True
        self.protocol.connection_lost(None)
        return True

    def cut(self) -> None:
        """The other side resets the connection."""
        self.ends.append("abort")
        self.lost = True
        self.protocol.connection_lost(ConnectionResetError("a test"))


class Wires(Dialer):
    """Dials in memory."""

    def __init__(self, injector: Injector, timings: Timings) -> None:
        self.made: list[tuple[str, Wire]] = []
        self.injector, self.timings = injector, timings

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        await asyncio.sleep(0)
        self.injector.look("dial")
        upstream = Upstream(version, owner, self.timings)
        wire = Wire(upstream)
        upstream.connection_made(wire)  # type: ignore[arg-type]
        self.made.append((version.name, wire))
        return upstream


ROUTE = route(
    split=(Share("v2", 50.0),),
    shadows=(Share("v3", 100.0),),
    rescue=Rescue(0.5),
    limits=Limits(connections=2, request_buffer=0),
)
ROUTES = (
    ROUTE,
    replace(ROUTE, retry="always", rescue=Rescue(0.5, by="body"), limits=replace(ROUTE.limits, rescue_body=70_000)),
)
REQUESTS = (
    post(b"y" * 80_000),
    post(b"hello"),
    post(b"x" * 3000),
    post_chunks(b"he", b"llo"),
    get(),
    post(b"a") + post(b"b"),
)
ANSWERS = (
    answer(b"one"),
    answer(b"no", "503 Service Unavailable"),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    b"garbage\r\n\r\n",
    b"",
)


class Walk:
    """A random walk of clients and servers on one route; the same for the same seed, until something raises."""

    def __init__(self, seed: int, injector: Injector, of: Route = ROUTE) -> None:
        self.random, self.injector = Random(seed), injector
        self.bench = bench = Bench(of)
        bench.shared.clock = monotonic
        self.wires = self.dialer(injector)
        self.registry = Registry(bench.tally, self.wires, bench.registry._descriptors)
        assert bench.shared.table is not None
        versions = {name: Version(name, "host", 80, f"{name}:80") for name in ("v1", "v2", "v3")}
        bench.shared.table = self.registry.compile(Table(2, versions, (of,)))
        bench.route = bench.shared.table.routes[0]
        self.clients: list[Wire] = []
        self.codes: dict[str, int] = {}

    def dialer(self, injector: Injector) -> Wires:
        return Wires(injector, self.bench.shared.timings)

    async def run(self) -> None:
        for _ in range(14):
            self.random.choice(
                (self.ask, self.ask, self.serve, self.serve, self.serve, self.reset, self.leave, self.slow)
            )()
            await self.settle()
        await self.finish()

    def ask(self) -> None:
        wire = Wire(Downstream(self.bench.shared))
        wire.protocol.connection_made(wire)
        self.clients.append(wire)
        raw = self.random.choice(REQUESTS)
        at = self.random.choice((len(raw), len(raw) // 2))
        wire.protocol.data_received(raw[:at])
        if at < len(raw) and not wire.is_closing():
            wire.protocol.data_received(raw[at:])

    def _servers(self) -> list[Wire]:
        return [wire for _, wire in self.wires.made if not wire.is_closing() and wire.protocol.user is not None]

    def serve(self) -> None:
        for wire in self._servers()[:2]:
            said = self.random.choice(ANSWERS)
            if said:
                wire.protocol.data_received(said)

    def reset(self) -> None:
        for wire in self._servers()[:1]:
            wire.cut()

    def leave(self) -> None:
        for wire in self.clients[-1:]:
            if not wire.is_closing():
                wire.cut()

    def slow(self) -> None:
        for wire in (*self._servers()[:1], *[c for c in self.clients[-1:] if not c.is_closing()]):
            wire.protocol.pause_writing()
            wire.protocol.resume_writing()

    async def settle(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)
            for wire in (*self.clients, *(wire for _, wire in self.wires.made)):
                wire.settle()

    async def finish(self) -> None:
        """Deadlines pass until nothing is under way; clients stay."""
        for _ in range(4):
            self.bench.shared.sweep_deadlines(monotonic() + 1000.0)
            await self.settle()
        self.bench.shared.sweep_clients(monotonic())
        await self.settle()

    def check(self) -> None:
        shared, bench = self.bench.shared, self.bench
        assert (len(shared.exchanges), len(shared.copies), shared.copied, bench.route.inflight.count) == (0, 0, 0, 0)
        arms = {arm.key: arm.inflight for arm in bench.tally._arms.values() if arm.inflight}
        assert arms == {}
        assert all(shadow.inflight == 0 for shadow in bench.route.shadows)
        for client in self.clients:
            assert client.is_closing() or not self.hangs(client), "a client hangs"
        memory = bench.memory
        assert (memory.copies, memory.records) == (0, 0)
        for pool in self.registry.pools:
            self._check_pool(pool)
        self._check_counted()

    def hangs(self, client: Wire) -> bool:
        return client.protocol.current is not None

    def _check_pool(self, pool: Pool) -> None:
        assert pool.uploads.under_way == 0
        assert not (pool._waiting or pool._dialing)
        assert pool._open == len(pool._available), f"{pool}: a connection is lost"

    def _check_counted(self) -> None:
        counted = self.bench.counted()
        codes = sum(n for key, n in counted["legs"].items() if key[-1] == "internal")
        others = sum(
            n for name in ("rejected", "shadow_dropped") for key, n in counted[name].items() if "internal" in key
        )
        self.codes["internal"] = codes + others


def walked(seed: int, at: frozenset[int]) -> tuple[Injector, Walk]:
    with injecting(at) as injector:
        walk = Walk(seed, injector, ROUTES[seed % len(ROUTES)])
        asyncio.run(walk.run())
    try:
        walk.check()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, raised at{injector.raised}: {error}") from error
    return injector, walk


SEEDS = 6


@pytest.fixture(autouse=True)
def _few_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_places", set())
    monkeypatch.setattr(module.log, "disabled", True)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_one_exception_leaves_no_leak_and_no_client_without_an_end(seed: int) -> None:
    calls = walked(seed, frozenset())[0].calls
    assert calls > 20
    for at in range(1, calls + 1):
        injector, walk = walked(seed, frozenset((at,)))
        nobody_s = injector.raised in ("", " dial")  # of a connection nobody waited for any more
        assert nobody_s or walk.codes["internal"], f"seed {seed}, raised at{injector.raised}: not counted"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nor_do_many(seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        walked(seed, frozenset(random.sample(range(1, 400), 12)))


def test_a_place_is_logged_once_and_places_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    module.log.disabled = False
    with caplog.at_level(logging.ERROR, "penumbra.worker"):
        for _ in range(3):
            try:
                raise Injected("here")
            except Injected as error:
                unexpected(error)
        assert len(caplog.records) == 1
        for number in range(2 * MAX_PLACES):
            unexpected(type(f"Error{number}", (Exception,), {})())
    assert len(caplog.records) == MAX_PLACES


def test_a_place_is_type_file_and_line() -> None:
    try:
        raise Injected("there")
    except Injected as error:
        assert place_of(error).startswith("Injected ") and "test_unexpected.py:" in place_of(error)
    assert place_of(Injected("nowhere")) == "Injected "
