"""An engine on a socket: when bytes are read, and when what it has to say is written.

1. What streams say is written once in a turn of the loop: the requests of many clients that were read together leave in
   one write, to each server, and answers likewise. One that reads much writes in between (`MOST_READS`, `MOST_READ`).
2. Who sends more that asks for nothing than it can need is heard no further (`http2.bounds`), client or server.
3. A socket that does not take more gets no more: the rest stays in the engine, where it counts for its streams.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final, cast

from proxy.dataplane.h1.narrow import narrow
from proxy.dataplane.turns import Soon
from proxy.dataplane.unexpected import unexpected
from proxy.http2.bounds import EARNED_BYTES, MAX_IDLE_FRAMES, Http2Bounds
from proxy.http2.codes import ENHANCE_YOUR_CALM, Http2Error
from proxy.http2.engine import Http2Engine
from proxy.http2.outbound import MOST

MOST_READS: Final = 32
"""Reads until what was said in them is written: what more would spare is little, and peers wait for it."""

MOST_READ: Final = 64 * 1024
"""Bytes of reads until then: larger bodies gain nothing by waiting, and take memory."""


class Turn:
    """The turn of the loop: who has something to say, since so many `reads` of `size` bytes.

    `begin` says what calls something once all that is ready was read; None: nothing does, a turn ends with its read.

    - `depth`: of reads within each other
    """

    __slots__ = ("_asked", "_size", "_soon", "depth", "reads", "waiting")

    def __init__(self) -> None:
        self.depth = 0
        self.begin(None)

    def begin(self, soon: Soon | None) -> None:
        """From now on turns are those of another loop."""
        self._soon, self._asked = soon, False
        self.reads = self._size = 0
        self.waiting: list[Http2Connection] = []

    def wants(self, connection: Http2Connection) -> None:
        """`connection` has something to say."""
        self.waiting.append(connection)
        if not self._asked and self._soon is not None:
            self._asked = True
            self._soon(self.over)
        elif self._soon is None and not self.depth:
            self.write()

    def ended(self, size: int) -> None:
        """A read of so many bytes was handed over."""
        self.depth -= 1
        self.reads += 1
        self._size += size
        if not self.depth and (self._soon is None or self.reads >= MOST_READS or self._size >= MOST_READ):
            self.write()

    def over(self) -> None:
        """What was ready was read."""
        self._asked = False
        self.write()

    def write(self) -> None:
        """Lets all write who have something to say."""
        self.reads = self._size = 0
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.write()


TURN: Final = Turn()
"""Of this worker, which has one thread."""


class Waiter:
    """A stream of which more was said than the other side takes."""

    __slots__ = ()

    def opened(self) -> None:
        """The other side may take more. Raises nothing."""
        raise NotImplementedError


class Http2Connection(Http2Engine, asyncio.Protocol):
    """Base of both ends. `transport` is its socket; `now`: when the bytes at hand were read.

    - `closed`: nothing more is written
    - `feeding`: bytes that were read are being handed over
    - `waiters`: the streams that wait for the other side
    - `wrote`: bytes, whatever they were
    """

    __slots__ = ("_calm", "_said", "_writing", "blocked", "closed", "feeding", "now", "transport", "waiters", "wrote")

    transport: asyncio.Transport

    def __init__(self, client: bool, bounds: Http2Bounds) -> None:
        super().__init__(client, bounds)
        self._said = self._writing = self.blocked = self.closed = self.feeding = False
        self.now, self.wrote = 0.0, 0
        self._calm = monotonic()  # when idle frames were last counted
        self.waiters: set[Waiter] = set()

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self.changed()

    def data_received(self, data: bytes) -> None:
        try:
            self.read(data, monotonic())
        except Exception as error:
            unexpected(error)
            self.transport.abort()  # and the streams hear of it

    def read(self, data: bytes, now: float) -> None:
        """Bytes that were read at `now`."""
        self.now = now
        TURN.depth += 1
        self.feeding = True
        try:
            self.feed(data, now)
            if self.idle > MAX_IDLE_FRAMES and self._is_idle_beyond(now):
                raise Http2Error(ENHANCE_YOUR_CALM, "too many frames that ask for nothing")
            self.handed_over()
        except Http2Error as error:
            self.broken(error)
        finally:
            self.feeding = False
            self.changed()
            TURN.ended(len(data))

    def _is_idle_beyond(self, now: float) -> bool:
        """Whether the peer sends more that asks for nothing than it can need for what it gets."""
        most, rate = self._bounds.idle
        earned = self.wrote // EARNED_BYTES + int((now - self._calm) * rate)
        self.wrote, self._calm = 0, now
        self.idle = max(self.idle - earned, 0)
        return self.idle > most

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self.changed()

    def changed(self) -> None:
        """There may be something to write."""
        if not self._said:
            self._said = True
            if not self._writing:
                TURN.wants(self)

    def write(self) -> None:
        """Writes what there is, as far as the socket takes it. Raises nothing. What is said meanwhile, by streams that
        end with what was written, is written after it."""
        self._said = True
        if self._writing:
            return
        self._writing = True
        try:
            while self._said:
                self._said = False
                self._write()
        except Exception as error:
            unexpected(error)
            self.transport.abort()
        finally:
            self._writing = False

    def _write(self) -> None:
        transport = self.transport
        while not (self.blocked or self.closed or transport.is_closing()):
            data = self.take()
            if data:
                transport.write(data)
                self.wrote += len(data)
            if len(data) < MOST:
                break  # that was all
        if self.closed or transport.is_closing():
            return  # and the streams hear of it
        if self.blocked:
            self._hand_over()  # streams that were given up have ended, whether or not the other side ever hears of it
        self.written()
        if self.waiters:
            self.look_at_waiters()
        if self.ending and self.has_ended():
            self.finished()

    def narrow(self) -> None:
        """Asks the kernel for a small buffer."""
        narrow(self.transport.get_extra_info("socket"))

    def unsent(self) -> int:
        """Bytes that were said and have not left."""
        return self.transport.get_write_buffer_size() + self.all_queued()

    # what the ends do

    def handed_over(self) -> None:
        """All that was read was handed over."""

    def written(self) -> None:
        """What could be written was."""

    def finished(self) -> None:
        """Both sides have nothing more to say."""
        self.transport.close()

    def look_at_waiters(self) -> None:
        """Streams that waited may go on."""
        for waiter in tuple(self.waiters):
            waiter.opened()

    def broken(self, error: Http2Error) -> None:
        """The peer has broken a rule of the whole connection."""
        raise NotImplementedError
