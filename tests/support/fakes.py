"""The data plane without sockets: streams that write down what they are told, a pool that a test answers, a clock.

Compiled ports cannot be bases of interpreted classes, so tests that use these run interpreted only; the tests through
sockets run on the compiled package, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from proxy.contracts.build import build
from proxy.contracts.failure import Failure
from proxy.contracts.memory import MIB
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.record import Record
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.contracts.table import Route, Table, Version
from proxy.dataplane.attempt import Attempt
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.descriptors import Descriptors
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.live import LiveRoute, Registry, Target
from proxy.dataplane.members import NOBODY, Member
from proxy.dataplane.memory import Memory
from proxy.dataplane.ports import Connection, ConnectionOwner, Dialer, ServerStream, StreamUser
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.dataplane.uploads import Uploads

if build() == "compiled":
    pytest.skip("fakes cannot derive from compiled ports", allow_module_level=True)


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> float:
        self.now += seconds
        return self.now


class FakeClient(ClientStream):
    """A client's stream. `status`, `body`: the answer as written so far; `ends`: how it ended, each time it did."""

    def __init__(self) -> None:
        self.queued: list[tuple[str, Any]] = []
        self.written: list[tuple[str, Any]] = []
        self.ends: list[str] = []
        self.held: set[str] = set()
        self.asked = 0
        self.is_feeding = self.is_congested = self.has_taken = False

    @property
    def status(self) -> int:
        return next((value.status for kind, value in self.written if kind == "head"), 0)

    @property
    def body(self) -> bytes:
        return b"".join(value for kind, value in self.written if kind == "data")

    @property
    def whole(self) -> bool:
        return ("end", None) in self.written

    def ask_for_body(self) -> None:
        self.asked += 1

    def head(self, head: ResponseHead, version: bytes, extra: bytes) -> None:
        self.queued.append(("head", head))

    def data(self, data: bytes) -> None:
        self.queued.append(("data", data))

    def trailers(self, fields: bytes) -> None:
        self.queued.append(("trailers", fields))

    def end(self) -> None:
        self.queued.append(("end", None))

    def flush(self) -> bool:
        queued, self.queued = self.queued, []
        self.written += queued
        return bool(queued)

    def discard(self) -> None:
        self.queued = []

    def problem(self, failure: Failure, detail: str, extra: bytes) -> None:
        assert not self.written, "a problem after a part of an answer"
        self.ends.append(failure.reason)

    def done(self, now: float) -> None:
        self.ends.append("done")

    def reset(self) -> None:
        self.ends.append("cut off")

    def pause(self, reason: str) -> None:
        self.held.add(reason)

    def resume(self, reason: str) -> None:
        self.held.discard(reason)

    def feeding(self) -> bool:
        return self.is_feeding

    def congested(self) -> bool:
        return self.is_congested

    def takes(self) -> bool:
        return self.has_taken


class FakeStream(ServerStream):
    """A model server's stream. `user` is whoever has it; the test answers through it."""

    def __init__(self) -> None:
        self.user: StreamUser | None = None
        self.queued: list[bytes] = []
        self.sent: list[bytes] = []
        self.calls: list[str] = []
        self.judgements: list[bool] = []
        self.received = False
        self.begun: tuple[RequestHead, bytes, bytes, int] | None = None

    def begin(self, user: StreamUser, head: RequestHead, authority: bytes, extra: bytes, length: int) -> None:
        assert self.begun is None, "a stream carries one request"
        self.user, self.begun = user, (head, authority, extra, length)

    def data(self, data: bytes) -> None:
        self.queued.append(data)

    def trailers(self, fields: bytes) -> None:
        self.calls.append("trailers")

    def end(self) -> None:
        self.calls.append("end")

    def flush(self) -> None:
        self.sent += self.queued
        self.queued = []

    def unanswered(self) -> bool:
        return not self.received

    def untouched(self, seconds: float) -> bool:
        return not self.received

    def unsent(self) -> int:
        return len(b"".join(self.queued))

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def reset(self) -> None:
        self.user = None
        self.calls.append("reset")

    def give_back(self, now: float) -> None:
        self.calls.append("give back")

    def judged(self, succeeded: bool, now: float) -> None:
        self.judgements.append(succeeded)

    # what a test says

    @property
    def body(self) -> bytes:
        return b"".join(self.sent)

    def answer(self, status: int = 200, body: bytes = b"one", at: float = 0.0, trailers: bytes = b"") -> None:
        """A whole answer in one read."""
        self.head(status, len(body), at)
        if self.user is not None:
            self.user.response_body(body)
        if self.user is not None and trailers:
            self.user.response_trailers(trailers)
        self.end_answer()

    def head(self, status: int = 200, length: int | None = 3, at: float = 0.0, media: bytes = b"a/b") -> None:
        assert self.user is not None
        self.received = True
        self._read(at)
        head = ResponseHead(status, b"content-type: %b\r\n" % media)
        head.length = length
        self.user.response_head(head)

    def _read(self, at: float = 0.0) -> None:
        if isinstance(self.user, Attempt):
            self.user.read_at = at or max(self.user.shared.clock(), self.user.read_at)

    def piece(self, data: bytes) -> None:
        user = self.user
        assert user is not None
        self._read()
        user.response_body(data)
        user.response_flush()  # also where the piece made it let go

    def call(self, code: int, body: bytes = b"", message: bytes = b"") -> None:
        """A whole answer of gRPC."""
        self.head(200, None, media=b"application/grpc")
        user = self.user
        if user is not None and body:
            user.response_body(body)
        if user is not None and self.user is not None:
            user.response_trailers(b"grpc-status: %d\r\n" % code)
            user.graded(code, message)
        self.end_answer()

    def end_answer(self) -> None:
        if self.user is not None:
            self.user.response_end()
        if self.user is not None:
            self.user.response_flush()

    def fail(self, reason: str = "reset") -> None:
        """As a connection does: it lets its user go, and then says so."""
        user, self.user = self.user, None
        if user is not None:
            user.response_failed(reason, "a test")


class FakePool:
    """Hands out streams: at once (`used` or `fresh` connections), later (`wait`), or never (`refuse`: a reason)."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.how = "used"
        self.reason = ""
        self.streams: list[FakeStream] = []
        self.waiting: list[StreamUser] = []
        self.uploads = Uploads(1024)
        self.asked: list[bool] = []
        self.silences: list[float] = []

    def silent(self, since: float, now: float) -> None:
        self.silences.append(since)

    def acquire(self, user: StreamUser, fresh: bool, now: float) -> None:
        fresh = fresh or user.unrepeatable()
        self.asked.append(fresh)
        if self.reason:
            user.connect_failed(self.reason, "a test", now)
        elif self.how == "wait":
            self.waiting.append(user)
        else:
            self.give(user, fresh or self.how == "fresh", now)

    def give(self, user: StreamUser, fresh: bool, now: float) -> None:
        self.streams.append(FakeStream())
        user.connected(self.streams[-1], fresh, now)

    def serve(self, now: float) -> None:
        """Connections for all who wait."""
        waiting, self.waiting = self.waiting, []
        for user in waiting:
            self.give(user, True, now)

    def abandon(self, user: StreamUser) -> None:
        if user in self.waiting:
            self.waiting.remove(user)

    @property
    def last(self) -> FakeStream:
        return self.streams[-1]


class FakeConnection(Connection):
    """A connection of a pool that carries at most `limit` streams. `streams`: those that were opened."""

    def __init__(self, owner: ConnectionOwner, limit: int = 1) -> None:
        self.owner, self.limit = owner, limit
        self.open = 0
        self.streams: list[FakeStream] = []
        self.closed = self.expired = self.is_narrow = False
        self.retires = self.idle = 0.0
        self.leads_to, self.of = ANYWHERE, NOBODY

    def endpoint(self) -> ServerEndpoint:
        return self.leads_to

    def member(self) -> Member:
        return self.of

    def join(self, member: Member) -> None:
        self.of = member

    def open_stream(self) -> ServerStream:
        assert self.is_available(), "one stream too many"
        self.of.active += 1
        self.open += 1
        self.streams.append(FakeStream())
        return self.streams[-1]

    def is_available(self) -> bool:
        return self.open < self.limit and not self.closed

    def is_idle(self) -> bool:
        return not self.open

    def narrow(self) -> None:
        self.is_narrow = True

    def has_expired(self, now: float) -> bool:
        return self.expired and not self.open

    def retire(self, at: float, idle: float, now: float) -> None:
        self.retires, self.idle = at, idle

    def close(self) -> None:
        self.closed = True

    def ended(self, now: float = 0.0) -> None:
        """A stream has ended."""
        full, self.open = not self.is_available(), self.open - 1
        self.of.active -= 1
        if full:
            self.owner.available(self, now)


class FakeDialer(Dialer):
    """Makes such connections. `error`: what it raises instead."""

    def __init__(self, streams: int = 1) -> None:
        self._streams = streams
        self.made: list[FakeConnection] = []
        self.error: Exception | None = None
        self.watched: list[bool] = []
        self.known: list[ServerEndpoint] = []
        self.ejections: list[tuple[ServerEndpoint, str]] = []

    def streams(self, version: Version) -> int:
        return self._streams

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        if self.error is not None:
            raise self.error
        self.made.append(FakeConnection(owner, self._streams))
        if wanted is not None:
            self.made[-1].leads_to = wanted
        return self.made[-1]

    def endpoints(self, version: Version) -> list[ServerEndpoint]:
        return self.known

    def ejected(self, version: Version, endpoint: ServerEndpoint, reason: str) -> None:
        self.ejections.append((endpoint, reason))

    def watch(self, version: Version, busy: bool, now: float) -> None:
        self.watched.append(busy)


class FakeOutbox:
    """Keeps records."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.parts: list[Record] = []
        self.full = False
        self.dropped: Counter[str] = Counter()

    def put(self, record: Record) -> None:
        self.records.append(record)

    def put_part(self, part: Record) -> bool:
        if self.full:
            return False
        self.parts.append(part)
        return True

    def waiting(self) -> int:
        return 0

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1


ROWS = ("shadow_dropped", "mirrored", "rescued", "retries", "rejected", "not_rescued", "not_retried", "malformed")
"""The rows of a tick that a bench tells."""


class Bench:
    """A data plane of one route: real exchanges, legs and counters between fake streams."""

    def __init__(
        self,
        route: Route,
        memory: int = 64 * MIB,
        rewrites: dict[str, Rewrite] | None = None,
        credentials: dict[str, Credential] | None = None,
        by_calls: frozenset[str] = frozenset(),
    ) -> None:
        self.clock = Clock()
        self.outbox = FakeOutbox()
        self.tally = Tally()
        self.memory = Memory(memory)
        self.shared = Shared(self.tally, Recorder(self.outbox, 1000.0, self.memory), Timings(), 100, self.clock)  # type: ignore[arg-type]
        versions = {
            name: Version(name, "host", 80, f"{name}:80", http=2 if name in by_calls else 1, grpc=name in by_calls)
            for name in ("v1", "v2", "v3")
        }
        self.registry = Registry(self.tally, FakeDialer(), Descriptors(10_000))
        self.shared.table = self.registry.compile(
            Table(1, versions, (route,), rewrites=rewrites or {}, credentials=credentials or {})
        )
        self.route: LiveRoute = self.shared.table.routes[0]
        self.pools = {name: FakePool(version) for name, version in versions.items()}
        self.shadow_pools = {name: FakePool(version) for name, version in versions.items()}
        for target in (*self.route.targets, *self.route.neutral, self.route.rescue):
            self._plug(target, self.pools)
        for shadow in self.route.shadows:
            self._plug(shadow, self.shadow_pools)

    def _plug(self, target: Target, pools: dict[str, FakePool]) -> None:
        target.pool = pools[target.version]  # type: ignore[assignment]

    def begin(self, head: RequestHead | None = None) -> tuple[Exchange, FakeClient]:
        """An exchange that has its turn, with nothing of its body yet."""
        client = FakeClient()
        exchange = Exchange(client, self.shared, head or asked(), self.clock.now)
        client.is_feeding = True
        exchange.start(self.clock.now)
        client.is_feeding = False
        exchange.flush_request()
        return exchange, client

    def ask(self, body: bytes = b"hello", head: RequestHead | None = None) -> tuple[Exchange, FakeClient]:
        """A whole request in one read."""
        client = FakeClient()
        exchange = Exchange(client, self.shared, head or asked(len(body)), self.clock.now)
        client.is_feeding = True
        exchange.start(self.clock.now)
        if body:
            exchange.request_body(body)
        exchange.request_end()
        client.is_feeding = False
        exchange.flush_request()
        return exchange, client

    def sweep(self, seconds: float) -> None:
        """Time passes, and deadlines are looked at."""
        self.shared.sweep_deadlines(self.clock.pass_(seconds))

    def owed(self) -> int:
        """Bytes that were taken and not given back, and uploads that hold a place: nothing once all has ended."""
        memory, pools = self.memory, (*self.pools.values(), *self.shadow_pools.values())
        taken = [memory.copies, memory.records, memory.exchanges, *(pool.uploads.under_way for pool in pools)]
        assert min(taken) >= 0, taken
        return sum(taken) + len(memory._watched)

    def counted(self) -> dict[str, Counter[tuple[str, ...]]]:
        """All that was counted since the last call: legs (version, role, code), bad (version, role), and rows."""
        tick = self.tally.take(0, "test", 1, True, {})
        legs: Counter[tuple[str, ...]] = Counter()
        bad: Counter[tuple[str, ...]] = Counter()
        for arm in tick.arms:
            legs.update({(arm.version, arm.role, code): count for code, count in arm.codes.items()})
            bad.update({(arm.version, arm.role): arm.outcomes().get("failed", 0)})
        rows = {name: getattr(tick, name) for name in ROWS}
        counted = {name: Counter({tuple(key): n for *key, n in each}) for name, each in rows.items()}
        return counted | {"legs": legs, "bad": +bad}

    def legs(self) -> Counter[tuple[str, ...]]:
        return self.counted()["legs"]

    def inflight(self) -> int:
        """Legs in flight on all arms, exchanges of the route, copies: nothing is left when all has ended."""
        arms = sum(arm.inflight for arm in self.tally._arms.values())
        return arms + self.route.inflight.count + len(self.shared.exchanges) + len(self.shared.copies)


def asked(length: int | None = None, fields: bytes = b"", path: bytes = b"/v2/models/m/infer") -> RequestHead:
    """The head of a request; without a length its body is streamed."""
    head = RequestHead(b"POST", b"models", path, fields)
    head.length, head.streamed = length, length is None
    return head


class FakeTransport:
    """A socket in memory: `written` is all that was, `ends` how it was ended."""

    def __init__(self) -> None:
        self.written = b""
        self.writes = 0
        self.pieces: list[bytes] = []  # of the last write in pieces
        self.ends: list[str] = []
        self.reading = True
        self.buffered = 0
        self.half_closes = True
        self.failure: Exception | None = None

    def get_extra_info(self, name: str) -> None:
        """Nothing is known of a socket in memory."""

    def write(self, data: bytes) -> None:
        assert not self.ends or self.ends == ["eof"], "a write after the end"
        self.written += data
        self.writes += 1

    def writelines(self, pieces: Sequence[bytes]) -> None:
        self.write(b"".join(pieces))
        self.pieces = list(pieces)

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return "close" in self.ends or "abort" in self.ends

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def can_write_eof(self) -> bool:
        return self.half_closes

    def write_eof(self) -> None:
        assert self.half_closes
        self.ends.append("eof")

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def taken(self) -> bytes:
        """What was written since the last call."""
        written, self.written = self.written, b""
        return written
