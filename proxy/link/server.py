"""Control's end of the link: counts each tick once, hands records on, publishes tables to all workers."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import cast

from proxy.contracts.record import Tick
from proxy.contracts.table import Table
from proxy.link.backlog import MAX_BACKLOG_BYTES, Backlog, WaitingTick
from proxy.link.frames import Ack, Apply, BrokenLinkError, FrameReader, Hello, Records, Ticks, encode

log = logging.getLogger("penumbra.link")


MAX_SILENT_LOOKS = 6
"""Looks of control, four a second, without a tick, ten a second, after which a worker is not up: 1.5 s. Looks and not
seconds, since a control that stood still itself has seen nobody speak."""

MAX_PUBLISHED = 64
"""Tables of which it is remembered when they were published: more than change within a look of a person."""

TURN_SECONDS = 0.005
"""Seconds after which everything else in control has a turn. One thing that was begun is ended: a tick with its
judgement, or a part of a batch (`control.intake`)."""

CLOSE_SECONDS = 1.0


class WorkerStatus:
    """A worker as control sees it. `last` is its newest tick; `connected` is False once its link is gone, and until
    there is one (the pid is 0 then). `since` is when it came, `delays` has for each of the newest tables the
    seconds from its publication, or from `since`, to the first tick that followed it or a later one."""

    __slots__ = ("connected", "delays", "incarnation", "index", "last", "pid", "seq", "silent", "since")

    def __init__(self, hello: Hello) -> None:
        self.index, self.incarnation, self.pid = hello.worker, hello.incarnation, hello.pid
        self.connected = bool(self.pid)
        self.seq = -1
        self.last: Tick | None = None
        self.silent = 0
        self.since = 0.0
        self.delays: dict[int, float] = {}

    @property
    def up(self) -> bool:
        """Whether the worker serves, by its last word: it follows a table and has not been silent. An open socket says
        nothing: the kernel keeps that of a process that hangs."""
        return self.connected and bool(self.revision) and self.silent <= MAX_SILENT_LOOKS

    @property
    def revision(self) -> int | None:
        """The revision of the table that the worker follows, as of its last tick."""
        return self.last.revision if self.last else None

    def follows(self, revision: int) -> bool:
        """Whether the worker serves by a table or a later one, and not by its primaries alone for want of a word from
        control."""
        return self.up and self.leased and (self.revision or 0) >= revision

    def ticked(self, tick: Tick, published: Mapping[int, float], now: float) -> None:
        """Takes a tick that was not counted before; `published`: the newest tables and when each was published."""
        self.seq, self.last = tick.seq, tick
        if tick.revision not in self.delays:
            followed = {number: at for number, at in published.items() if number <= tick.revision}
            self.delays = {n: self.delays.get(n, now - max(at, self.since)) for n, at in followed.items()}

    @property
    def leased(self) -> bool:
        """False while the worker serves primaries only, because it did not hear from control."""
        return self.last.leased if self.last else True


class LinkServer:
    """Hands on what workers send, in the order in which it came, for at most some milliseconds at a time (`backlog`).

    - `on_tick` takes a tick and returns the share of bodies that control can take now (0 to 1).
    - `on_records` takes a batch, or the beginning of it, and returns of how many records; the rest is offered again.
    - `expected` is how many workers there ought to be.
    - `on_lost` is told of records that were shed: why, and how many.
    - `now` is a monotonic clock, in seconds; `memory` the bytes that waiting records may take.
    """

    def __init__(
        self,
        on_tick: Callable[[Tick], float],
        on_records: Callable[[Records], int],
        expected: int = 0,
        on_lost: Callable[[str, int], object] = lambda reason, count: None,
        now: Callable[[], float] = time.monotonic,
        memory: int = MAX_BACKLOG_BYTES,
    ) -> None:
        self._on_tick, self._on_records, self._on_lost, self._now = on_tick, on_records, on_lost, now
        self._backlog: Backlog[tuple[_Connection, WorkerStatus]] = Backlog(min(memory, MAX_BACKLOG_BYTES))
        self._turn: asyncio.Handle | None = None
        self._connections: set[_Connection] = set()
        self._status = {index: WorkerStatus(Hello(index, "", 0)) for index in range(expected)}
        self._server: asyncio.Server | None = None
        self._apply: bytes | None = None
        self._published: dict[int, float] = {}
        self._broken = 0

    async def start(self, sock: socket.socket) -> None:
        """Accepts workers on a bound Unix socket."""
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Connection(self), sock=sock)

    async def close(self) -> None:
        """Stops accepting, works on what has come, for a second at most, and closes all links."""
        if self._server is not None:
            self._server.close()
        self._work(CLOSE_SECONDS)
        for connection in tuple(self._connections):
            connection.abort()

    @property
    def workers(self) -> list[WorkerStatus]:
        """The newest incarnation of each worker, by index; those that have not come yet are not connected."""
        return [self._status[index] for index in sorted(self._status)]

    def look(self) -> None:
        """Time goes on: a worker that does not tick between looks becomes silent. To be called four times a second."""
        for status in self._status.values():
            status.silent += 1

    def queue(self, connection: _Connection, status: WorkerStatus, message: Ticks | Records, size: int) -> None:
        """Takes a message of `size` bytes; `work` hands it on."""
        if isinstance(message, Ticks):
            status.silent = 0
            self._backlog.put_tick((connection, status), message.tick)
        else:
            self._backlog.put_records(message, size, self._now())

    def work(self) -> None:
        """Works on what waits, unless its turn comes by itself."""
        if self._turn is None:
            self._take_turn()

    def _take_turn(self) -> None:
        self._work(TURN_SECONDS)
        self._turn = asyncio.get_running_loop().call_soon(self._take_turn) if self._backlog else None

    def _work(self, seconds: float) -> None:
        """Hands on what waits, as long as there is something, for `seconds` and the one thing that is begun."""
        until = self._now() + seconds
        while (waiting := self._backlog.next(self._now())) is not None:
            if isinstance(waiting, WaitingTick):
                self.ticked(*waiting.end, waiting.tick)
            else:
                self._backlog.took(waiting, max(self._on_records(waiting.part()), 1))
            if self._now() >= until:
                break
        for reason, count in self._backlog.take_shed().items():
            self._on_lost(reason, count)

    def bounds_reached(self) -> dict[str, int]:
        """Links that were closed because of a frame that is too large, or none. Monotone."""
        return {"link_frame": self._broken}

    def broken(self, error: BrokenLinkError) -> None:
        self._broken += 1
        log.error("link to a worker broken: %s", error)

    def publish(self, table: Table) -> None:
        """Sends `table` to all workers now, and to each one that comes later."""
        self._apply = encode(Apply(table))
        kept = [each for each in self._published.items() if each[0] < table.revision][1 - MAX_PUBLISHED :]
        self._published = dict([*kept, (table.revision, self._now())])
        for connection in self._connections:
            connection.send(self._apply)

    def opened(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def greeted(self, connection: _Connection, hello: Hello) -> WorkerStatus:
        if self._apply is not None:
            connection.send(self._apply)
        known = self._status.get(hello.worker)
        if known is not None and known.incarnation == hello.incarnation:
            known.connected, known.silent = True, 0
            return known
        status = self._status[hello.worker] = WorkerStatus(hello)
        status.since = self._now()
        return status

    def lost(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def ticked(self, connection: _Connection, status: WorkerStatus, tick: Tick) -> None:
        """Counts a tick unless this incarnation's `seq` was counted before; acknowledges it in any case."""
        sample = 1.0
        if tick.seq > status.seq:
            status.ticked(tick, self._published, self._now())
            sample = self._on_tick(tick)
        connection.send(encode(Ack(tick.seq, sample)))


class _Connection(asyncio.Protocol):
    def __init__(self, server: LinkServer) -> None:
        self._server = server
        self._reader = FrameReader()
        self._status: WorkerStatus | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._server.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._server.lost(self)
        if self._status is not None:
            self._status.connected = False

    def data_received(self, data: bytes) -> None:
        try:
            for message, size in self._reader.feed_sized(data):
                self._handle(message, size)
        except BrokenLinkError as error:
            self._server.broken(error)
            self.abort()
        self._server.work()

    def _handle(self, message: object, size: int) -> None:
        if isinstance(message, Hello):
            self._status = self._server.greeted(self, message)
        elif self._status is None:
            raise BrokenLinkError("a worker must say hello first")
        elif isinstance(message, Ticks | Records):
            self._server.queue(self, self._status, message, size)

    def send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
