"""A client's HTTP/2 connection (RFC 9113): each stream is an exchange of its own, and they owe each other nothing.

1. A request is admitted by the rules of `http2.request`; one that is refused gets its answer, and the others go on.
2. A client that takes a request back ends its exchange. It counts for the route until its model server has let go.
3. A drain tells twice (RFC 9113 §6.8): first that the connection will end, while requests may be on their way; then
   which was the last. Streams under way finish.
4. What a client does that no client would ends its connection, counted by reason. It hears of that before its end.
5. One that gives no sign of life while its requests are under way has gone (`silence`).
6. A client that does not take its answers, or sends half of a head, holds what it holds for a bounded time.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import Final, cast

from proxy.contracts.failure import FAILURES
from proxy.contracts.message import RequestHead
from proxy.dataplane.assign import new_id, spread
from proxy.dataplane.client_ports import ClientConnection
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h2.client_stream import Http2ClientStream
from proxy.dataplane.h2.connection import Http2Connection
from proxy.dataplane.h2.half_sent import HALF_SENT
from proxy.dataplane.h2.silence import ASK, DEAD, Silence
from proxy.dataplane.introduction import Introduction, Manner, introduction_of
from proxy.dataplane.memory import COUNTED, NO_MEMORY, REQUESTS
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import QUEUED
from proxy.dataplane.unexpected import unexpected
from proxy.http2.bounds import STREAMS, Http2Bounds
from proxy.http2.codes import ENHANCE_YOUR_CALM, MALFORMED_HEAD, NO_ERROR, Http2Error
from proxy.http2.fields import FieldList
from proxy.http2.request import Http2RequestError, refused_head, request_of, trailers_of

OPEN: Final = 0
"""Requests are taken."""

TOLD: Final = 1
"""The client knows that the connection will end."""

LEAVING: Final = 2
"""No further request is taken."""


def take_over(shared: Shared, client: ClientConnection, transport: asyncio.Transport, data: bytes, now: float) -> None:
    """`client` has turned out to speak HTTP/2: its connection is one from here on. `data`: all that it has said."""
    connection = Http2Downstream(shared, cast("Downstream", client).introduction())
    shared.replaced(client, connection)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.read(data, now)


class Http2Downstream(Http2Connection, ClientConnection):
    """`exchanges` are the streams whose exchange has not ended, or whose client has not."""

    __slots__ = (
        "_ending",
        "_half",
        "_introduction",
        "_mode",
        "_read_at",
        "_retires",
        "_shared",
        "_silence",
        "_since",
        "_unread",
        "_watched",
        "exchanges",
    )

    def __init__(self, shared: Shared, introduction: Introduction | None = None) -> None:
        bounds = shared.bounds
        super().__init__(False, Http2Bounds(STREAMS, bounds.head, bounds.fields))
        self._shared, self._introduction = shared, introduction
        self._retires = inf
        self.exchanges: dict[int, Http2ClientStream] = {}
        self._mode = OPEN
        self._since = monotonic()
        if bounds.connection_age is not None:
            self._retires = self._since + spread(bounds.connection_age)
        self._watched = self._half = False
        self._unread, self._read_at = 0, self._since
        self._ending: list[Http2ClientStream] = []
        self._silence = Silence()

    # the socket

    def connection_lost(self, error: Exception | None) -> None:
        self._cut()
        HALF_SENT.end(self)
        self._shared.closed(self)

    def read(self, data: bytes, now: float) -> None:
        if self.closed:
            return
        super().read(data, now)
        half = self.since < inf and not self.closed
        if half or self._half:
            self._note_half(half, now)

    def _note_half(self, half: bool, now: float) -> None:
        self._half = half
        if not half:
            HALF_SENT.end(self)
            return
        slow = HALF_SENT.begin(self, now)
        if slow is not None:
            self._shared.memory.shed[REQUESTS] += 1
            slow.refuse("no_memory", NO_MEMORY, now)

    def _cut(self) -> None:
        """Ends all exchanges: the client hears no answer any more."""
        exchanges, self.exchanges = self.exchanges, {}
        for stream in exchanges.values():
            self._forget(stream)
            if not stream.over:
                stream.gone()

    def _forget(self, stream: Http2ClientStream) -> None:
        self._shared.memory.give(REQUESTS, stream.counted)
        stream.counted = 0

    def handed_over(self) -> None:
        """The pieces of one read leave together, to each model server. What was taken back in the same read has not
        even started."""
        ending, self._ending = self._ending, []
        for stream in ending:
            exchange = stream.exchange
            if exchange is None:
                continue
            if exchange.state == QUEUED:
                try:
                    exchange.start(self.now)
                except Exception as error:
                    unexpected(error)
                    exchange.fault()
            exchange.flush_request()

    def written(self) -> None:
        waits = self.blocked or self.size > COUNTED or self.all_queued() > 0
        if waits != self._watched:
            self._watched = waits
            memory = self._shared.memory
            memory.watch(self) if waits else memory.forget(self)

    def unsent(self) -> int:
        return super().unsent() + 2 * self.size

    def broken(self, error: Http2Error) -> None:
        reason = "http2_flood" if error.code == ENHANCE_YOUR_CALM else "bad_request"
        self._shared.tally.malformed.note("", "", str(error), self.now)
        self._shared.tally.rejected("", reason)
        self._end(error.code, self.now)

    # the engine's hooks

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        try:
            head = request_of(self.heading, ended, self._bounds)
        except Http2RequestError as error:
            self._refuse(stream, error, list(fields), ended)
            return
        who = self._introduction
        self._begin(stream, head if who is None else who.told(head), head.expects, ended)

    def _begin(self, number: int, head: RequestHead, expects: bool, ended: bool) -> None:
        self._since = self.now
        stream = Http2ClientStream(self, number, head)
        exchange = stream.exchange = Exchange(stream, self._shared, head, self.now)
        self.exchanges[number] = stream
        stream.whole, stream.expects = ended, expects
        if len(head.fields) > COUNTED:
            stream.counted = len(head.fields)
            self._shared.memory.insist(REQUESTS, stream.counted)
        if ended:
            exchange.request_end()
        self._touch(stream)  # and it starts once all of this read is known

    def stream_data(self, number: int, data: bytes, ended: bool) -> None:
        """A piece of a request's body."""
        stream = self.exchanges.get(number)
        if stream is None:
            self.credit(number)
            return
        stream.whole = ended
        exchange = stream.exchange
        if exchange is None:
            stream.came(data)
            return
        try:
            exchange.read_at = self.now
            if data:
                stream.came(data)
            if ended and not stream.over:
                exchange.request_end()
        except Exception as error:
            unexpected(error)
            exchange.fault()
        self._touch(stream)

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        found = self.exchanges.get(stream)
        if found is None:
            return
        found.whole, exchange = True, found.exchange
        if exchange is None:
            return
        try:
            exchange.read_at = self.now
            block, who = trailers_of(fields), self._introduction
            exchange.request_trailers(block if who is None else who.trailers(block))
            exchange.request_end()
        except Exception as error:
            unexpected(error)
            exchange.fault()
        self._touch(found)

    def _touch(self, stream: Http2ClientStream) -> None:
        ending = self._ending
        if not ending or ending[-1] is not stream:
            ending.append(stream)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        found = self.exchanges.pop(stream, None)
        if found is None:
            return
        self._since = max(self._since, self.now)
        self._forget(found)
        self.waiters.discard(found)
        if not (found.over or (found.said and code == NO_ERROR)):
            found.gone()

    def stream_broken(self, stream: int, rule: str) -> None:
        """A request that is malformed is none that its client has taken back (RFC 9113 §8.1.1)."""
        self._shared.tally.malformed.note("", "", rule, self.now)
        found = self.exchanges.get(stream)
        exchange = found.exchange if found is not None else None
        if exchange is None:
            return
        try:
            exchange.reject("bad_request", rule)
        except Exception as error:
            unexpected(error)
            exchange.fault()

    def stream_refused(self, stream: int, code: int) -> None:
        self._shared.tally.malformed.note("", "", MALFORMED_HEAD, self.now)
        self._shared.tally.rejected("", "bad_request")

    def _refuse(self, number: int, error: Http2RequestError, fields: FieldList, ended: bool) -> None:
        self._shared.tally.malformed.note("", "", error.detail, self.now)
        self._shared.tally.rejected("", error.reason)
        stream = self.exchanges[number] = Http2ClientStream(self, number, refused_head(fields))
        stream.whole = ended
        stream.problem(FAILURES[error.reason], error.detail, b"x-request-id: %b\r\n" % new_id())
        stream.done(self.now)

    # ClientConnection

    def sweep(self, now: float) -> None:
        shared, quiet = self._shared, now - self._since
        times = shared.timings
        if self.closed or self.transport.is_closing():
            if quiet > times.linger:
                self.transport.abort()
            return
        if now - self.since > times.head:
            shared.tally.rejected("", "head_timeout")
            self._end(NO_ERROR, now)
            return
        if self._is_deaf(now, times.keep_alive) or self._is_dead(now, times.keep_alive):
            self.transport.abort()
            return
        for stream in tuple(self.exchanges.values()):
            stream.sweep(now, times.keep_alive)
        if self._mode == OPEN and (shared.draining or now >= self._retires):
            self._mode = TOLD
            self.notice()
            self.changed()
        elif self._mode == TOLD or (self._mode == OPEN and not self.exchanges and quiet > times.keep_alive):
            self._leave(now)
        elif self._mode == LEAVING and not self.exchanges and quiet > times.linger:
            self._end(NO_ERROR, now)  # it has begun what it does not end, or does not read

    def _is_deaf(self, now: float, patience: float) -> bool:
        """Whether the client has not read its socket for so long, and nothing is under way that would end by itself."""
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if not self.blocked or before != self._unread or not all(each.over for each in self.exchanges.values()):
            self._read_at = now
        return now - self._read_at > patience

    def _is_dead(self, now: float, patience: float) -> bool:
        """Whether the client has requests under way, and gives no sign of life. Clients may be asked at any time."""
        what = self._silence.look(bool(self.exchanges), self.now, patience, now)
        if what == ASK:
            self.ping()
            self.changed()
        return what == DEAD

    def was_admitted(self) -> bool:
        return True  # it has spoken

    def introduce(self, manner: Manner) -> None:
        self._introduction = introduction_of(manner, self.transport)

    def retire(self, at: float) -> None:
        """From `at` on it takes no further request."""
        self._retires = min(self._retires, at)

    def _leave(self, now: float) -> None:
        self._mode, self._since = LEAVING, now
        self.goaway(NO_ERROR)
        self.changed()

    def refuse(self, reason: str, detail: str, now: float) -> None:
        self._shared.tally.rejected("", reason)
        self._end(ENHANCE_YOUR_CALM, now)

    def close(self) -> None:
        self._end(NO_ERROR, monotonic())

    def _end(self, code: int, now: float) -> None:
        """Ends the connection. What comes is thrown away for a while, so that the client hears why, and no reset."""
        self._cut()
        self.goaway(code)
        self.write()
        self.closed, self._since = True, now
        transport = self.transport
        if transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
