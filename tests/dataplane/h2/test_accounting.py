"""Streams of connections to model servers under any order of events: each that was lent comes back once, and a
connection that could carry one more is known to its pool."""

from __future__ import annotations

import asyncio
from typing import Any

import h2.config
import h2.connection
import h2.exceptions
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.contracts.build import build
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.table import Version
from proxy.dataplane.dialing import OWNERLESS
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.h2.connection import TURN
from proxy.dataplane.h2.server_stream import HIGH
from proxy.dataplane.h2.upstream import Http2Upstream
from proxy.dataplane.pool import Pool
from proxy.dataplane.ports import Connection, ConnectionOwner, Dialer, ServerStream, StreamUser

if build() == "compiled":
    pytest.skip("users and dialers here are bases of the compiled ports", allow_module_level=True)

VERSION = Version("v1", "host", 80, "host:80", http=2)
LIMIT = 3
"""Connections of the pool."""


class User(StreamUser):
    """Whoever wants a stream: `state` is waiting, open, or how it ended. `faulty`: raises when it is told something."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.state, self.faulty = "waiting", False
        self.stream: ServerStream | None = None
        self.size = 0

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        if self.state != "waiting":
            stream.give_back(now)
            return
        self.state, self.stream = "open", stream
        stream.begin(self, RequestHead(b"POST", b"m", b"/"), b"", b"", -1)
        stream.data(bytes(self.size))
        if self.faulty:
            raise ZeroDivisionError
        stream.end()
        stream.flush()

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        self.over("failed")

    def over(self, how: str) -> None:
        if self.state in ("waiting", "open"):
            self.state, self.stream = how, None

    def _told(self) -> None:
        if self.faulty:
            raise ZeroDivisionError

    def response_head(self, head: ResponseHead) -> None:
        self._told()

    def response_body(self, data: bytes) -> None:
        self._told()

    def response_end(self) -> None:
        self._told()
        self.over("answered")

    def response_flush(self) -> None:
        """Nothing is kept back here."""

    def response_failed(self, reason: str, detail: str) -> None:
        self._told()
        self.over("failed")

    def fault(self) -> None:
        stream = self.stream
        self.over("fault")
        if stream is not None:
            stream.reset()


class Wire(asyncio.Transport):
    """A socket in memory to a model server on h2."""

    def __init__(self, protocol: Http2Upstream, streams: int) -> None:
        super().__init__()
        self.protocol, self.ends, self.lost = protocol, "", False
        self.peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        self.peer.initiate_connection()
        self.peer.update_settings({3: streams})
        self.sent: list[bytes] = []

    def write(self, data: Any) -> None:
        assert not self.ends
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return bool(self.ends)

    def close(self) -> None:
        self.ends = self.ends or "close"

    def abort(self) -> None:
        self.ends = self.ends or "abort"

    def get_write_buffer_size(self) -> int:
        return 0

    def settle(self) -> None:
        """What was written arrives, what is answered comes back, and an end is heard of."""
        for _ in range(6):
            sent, self.sent = self.sent, []
            try:
                for data in sent:
                    self.peer.receive_data(data)
            except h2.exceptions.ProtocolError:
                self.abort()
            back = self.peer.data_to_send()
            if back and not self.ends:
                self.protocol.data_received(back)
            if not self.sent:
                break
        if self.ends and not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)


class Wires(Dialer):
    """Dials in memory; `allowed`: streams of the next server."""

    def __init__(self) -> None:
        self.made: list[Wire] = []
        self.allowed, self.refuses = 3, False

    def streams(self, version: Version) -> int:
        return 100

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        await asyncio.sleep(0)
        if self.refuses:
            raise ConnectionRefusedError
        upstream = Http2Upstream(version, OWNERLESS)
        wire = Wire(upstream, self.allowed)
        upstream.connection_made(wire)
        wire.settle()
        try:
            await upstream.ready
        except OSError:
            wire.abort()
            raise
        upstream.adopt(owner, ANYWHERE)
        self.made.append(wire)
        return upstream


class Accounts(RuleBasedStateMachine):
    """A pool, its users, and servers that do anything."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.dialer = Wires()
        self.pool = Pool(VERSION, LIMIT, self.dialer, lambda: 0.0, lambda: 0.5)
        self.users: list[User] = []
        self.closed = False

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(8):
                await asyncio.sleep(0)
                for wire in tuple(self.dialer.made):
                    wire.settle()

        self.runner.run(turns())

    def within(self, act: Any) -> None:
        async def acting() -> None:
            act()

        self.runner.run(acting())
        self.settle()

    def wires(self) -> list[Wire]:
        return [wire for wire in self.dialer.made if not wire.ends]

    def streams(self) -> list[tuple[Wire, int]]:
        return [(wire, stream) for wire in self.wires() for stream in sorted(wire.protocol.streams)]

    @rule(count=st.integers(1, 5), fresh=st.booleans(), faulty=st.booleans(), size=st.sampled_from([0, 10, 2 * HIGH]))
    def ask(self, count: int, fresh: bool, faulty: bool, size: int) -> None:
        def act() -> None:
            for _ in range(count):
                user = User()
                user.faulty, user.size = faulty, size
                self.users.append(user)
                self.pool.acquire(user, fresh, 0.0)

        if not self.closed:
            self.within(act)

    @precondition(lambda self: self.streams())
    @rule(data=st.data(), how=st.sampled_from(["answer", "trailers", "reset", "refuse", "early"]))
    def server(self, data: st.DataObject, how: str) -> None:
        wire, stream = data.draw(st.sampled_from(self.streams()))
        try:
            if how in ("answer", "trailers", "early"):
                wire.peer.send_headers(stream, [(b":status", b"200")], end_stream=how == "early")
                if how == "answer":
                    wire.peer.send_data(stream, b"one", end_stream=True)
                elif how == "trailers":
                    wire.peer.send_headers(stream, [(b"x-a", b"b")], end_stream=True)
            else:
                wire.peer.reset_stream(stream, 7 if how == "refuse" else 2)
        except h2.exceptions.ProtocolError:
            return
        self.within(lambda: None)

    @precondition(lambda self: any(user.state == "open" for user in self.users))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from([user for user in self.users if user.state == "open"]))
        self.within(user.fault)

    @precondition(lambda self: any(user.state == "waiting" for user in self.users))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from([user for user in self.users if user.state == "waiting"]))
        user.over("left")
        self.within(lambda: self.pool.abandon(user))

    @precondition(lambda self: self.wires())
    @rule(data=st.data(), how=st.sampled_from(["cut", "goaway", "garbage", "settings"]), streams=st.integers(0, 4))
    def connection(self, data: st.DataObject, how: str, streams: int) -> None:
        wire = data.draw(st.sampled_from(self.wires()))
        if how == "cut":
            wire.abort()
        elif how == "settings":
            wire.peer.update_settings({3: streams})
        elif how == "goaway":
            last = max(wire.protocol.streams, default=0)
            frame = bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + last.to_bytes(4, "big") + bytes(4)
            self.within(lambda: wire.protocol.data_received(frame))
        else:
            self.within(lambda: wire.protocol.data_received(b"\xff" * 40))
        self.within(lambda: None)

    @rule(streams=st.integers(0, 3), refuses=st.booleans())
    def next_server(self, streams: int, refuses: bool) -> None:
        self.dialer.allowed, self.dialer.refuses = streams, refuses

    @rule(now=st.sampled_from([0.0, 1.0]))
    def sweep(self, now: float) -> None:
        self.within(lambda: self.pool.sweep(now))

    @rule()
    def evict(self) -> None:
        self.within(self.pool.evict)

    @invariant()
    def nothing_is_lost(self) -> None:
        pool, wires = self.pool, [wire for wire in self.dialer.made if not wire.lost]
        assert TURN.depth == 0 and not TURN.waiting
        assert pool._open == len(wires) + len(pool._dialing) == pool._budget.used
        assert pool._open <= LIMIT
        held = sum(user.state == "open" for user in self.users)
        assert held <= sum(wire.protocol.lent for wire in wires)
        for wire in wires:
            upstream = wire.protocol
            assert upstream.lent == len(upstream.streams)
            assert upstream.member().active >= upstream.lent
            free = upstream.lent < upstream._limit and not upstream._going
            assert not free or upstream in pool._available, "a connection is lost"
            assert upstream.lent or not upstream._going, "a connection that takes no request stays"
        waiting = [user for user in self.users if user.state == "waiting"]
        assert not waiting or pool._open, "somebody waits for nothing"
        assert not (waiting and any(w.protocol.lent < w.protocol._limit and not w.protocol._going for w in wires))

    def teardown(self) -> None:
        for user in self.users:
            if user.state == "open":
                self.within(user.fault)
            elif user.state == "waiting":
                user.over("left")
                self.within(lambda user=user: self.pool.abandon(user))
        self.settle()
        lent = [wire.protocol.lent for wire in self.dialer.made]
        self.runner.close()
        assert not any(lent)


Accounts.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, report_multiple_bugs=False, phases=[Phase.generate]
)
TestAccounts = Accounts.TestCase
