"""A client's HTTP/2 connection (RFC 9113): each stream is an exchange of its own, and they owe each other nothing.

1. A request is admitted by the rules of `http2.request`; one that is refused gets its answer, and the others go on.
2. A client that takes a request back ends its exchange. It counts for the route until its model server has let go.
3. A drain tells twice (RFC 9113 §6.8): first that the connection will end, while requests may be on their way; then
   which was the last. Streams under way finish.
4. What a client does that no client would ends its connection, counted by reason.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import Final, cast

from proxy.contracts.failure import FAILURES
from proxy.contracts.message import RequestHead
from proxy.dataplane.assign import new_id
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h1.downstream import Downstream
from proxy.dataplane.h2.client_stream import Http2ClientStream
from proxy.dataplane.h2.connection import Http2Connection
from proxy.dataplane.introduction import Introduction
from proxy.dataplane.ports import ClientConnection
from proxy.dataplane.shared import Shared
from proxy.dataplane.unexpected import unexpected
from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import ENHANCE_YOUR_CALM, NO_ERROR
from proxy.http2.engine import Http2Error
from proxy.http2.request import Http2RequestError, Http2RequestHead, read_request, trailers_of

OPEN: Final = 0
"""Requests are taken."""

TOLD: Final = 1
"""The client knows that the connection will end."""

LEAVING: Final = 2
"""No further request is taken."""


STREAMS: Final = 100
"""Streams that one client may have open."""


def take_over(shared: Shared, client: ClientConnection, transport: asyncio.Transport, data: bytes, now: float) -> None:
    """`client` has turned out to speak HTTP/2: its connection is one from here on. `data`: all that it has said."""
    connection = Http2Downstream(shared, cast("Downstream", client).introduction())
    shared.replaced(client, connection)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.read(data, now)


class Http2Downstream(Http2Connection, ClientConnection):
    """`exchanges` are the streams whose exchange has not ended, or whose client has not."""

    __slots__ = ("_ending", "_introduction", "_mode", "_retires", "_shared", "_since", "exchanges")

    def __init__(self, shared: Shared, introduction: Introduction | None = None) -> None:
        bounds = shared.bounds
        super().__init__(False, Http2Bounds(STREAMS, bounds.head, bounds.fields))
        self._shared, self._introduction = shared, introduction
        self._retires = inf
        self.exchanges: dict[int, Http2ClientStream] = {}
        self._mode = OPEN
        self._since = monotonic()
        self._ending: list[Http2ClientStream] = []

    # the socket

    def connection_lost(self, error: Exception | None) -> None:
        self._shared.closed(self)
        exchanges, self.exchanges = self.exchanges, {}
        for stream in exchanges.values():
            if not stream.over:
                stream.gone()

    def read(self, data: bytes, now: float) -> None:
        self._since = now
        super().read(data, now)

    def handed_over(self) -> None:
        """The pieces of one read leave together, to each model server."""
        ending, self._ending = self._ending, []
        for stream in ending:
            if not stream.over:
                stream.exchange.flush_request()

    def look_at_waiters(self) -> None:
        super().look_at_waiters()
        if self.waiters:
            self._shared.memory.watch(self)
        else:
            self._shared.memory.forget(self)

    def broken(self, error: Http2Error) -> None:
        reason = "http2_flood" if error.code == ENHANCE_YOUR_CALM else "bad_request"
        self._shared.tally.malformed.note("", "", str(error), self.now)
        self._shared.tally.rejected("", reason)
        self.goaway(error.code)
        self.write()
        self.transport.close()  # and the exchanges hear of it

    # the engine's hooks

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        try:
            head = read_request(fields, ended, self._bounds)
        except Http2RequestError as error:
            self._refuse(stream, error, ended)
            return
        who = self._introduction
        self._begin(stream, head if who is None else who.told(head), ended)

    def _begin(self, number: int, head: RequestHead, ended: bool) -> None:
        stream = self.exchanges[number] = Http2ClientStream(self, number, head)
        exchange = stream.exchange = Exchange(stream, self._shared, head, self.now)
        stream.whole = ended
        try:
            exchange.start(self.now)
            if ended and not stream.over:
                exchange.request_end()
        except Exception as error:
            unexpected(error)
            exchange.fault()
        self._ending.append(stream)

    def stream_data(self, number: int, data: bytes, ended: bool) -> None:
        """A piece of a request's body."""
        stream = self.exchanges.get(number)
        if stream is None:
            self.credit(number, len(data))
            return
        try:
            stream.exchange.read_at = self.now
            stream.whole = ended
            if data:
                stream.came(data)
            if ended and not stream.over:
                stream.exchange.request_end()
        except Exception as error:
            unexpected(error)
            stream.exchange.fault()
        self._ending.append(stream)

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        found = self.exchanges.get(stream)
        if found is None:
            return
        if found.over:
            found.whole = True
            return
        try:
            found.exchange.read_at = self.now
            found.whole = True
            block, who = trailers_of(fields), self._introduction
            found.exchange.request_trailers(block if who is None else who.trailers(block))
            found.exchange.request_end()
        except Exception as error:
            unexpected(error)
            found.exchange.fault()
        self._ending.append(found)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        found = self.exchanges.pop(stream, None)
        if found is not None and not (found.over or (found.said and code == NO_ERROR)):
            found.gone()

    def stream_refused(self, stream: int, code: int) -> None:
        self._shared.tally.malformed.note("", "", "a head that RFC 9113 §8 calls malformed", self.now)
        self._shared.tally.rejected("", "bad_request")

    def window_opened(self, stream: int) -> None:
        """What is written next may be taken."""

    def _refuse(self, number: int, error: Http2RequestError, ended: bool) -> None:
        self._shared.tally.malformed.note("", "", error.detail, self.now)
        self._shared.tally.rejected("", error.reason)
        asked = Http2RequestHead(b"GET", b"", b"/")
        stream = Http2ClientStream(self, number, asked)
        stream.problem(FAILURES[error.reason], error.detail, b"x-request-id: %b\r\n" % new_id())
        stream.over, stream.whole = True, ended
        self.waiters.add(stream)

    # ClientConnection

    def sweep(self, now: float) -> None:
        shared = self._shared
        if self._mode == OPEN and (shared.draining or now >= self._retires):
            self._mode = TOLD
            self.notice()
            self.changed()
        elif self._mode == TOLD or (not self.exchanges and now - self._since > shared.timings.keep_alive):
            self._leave()

    def was_admitted(self) -> bool:
        return True  # it has spoken

    def retire(self, at: float) -> None:
        """From `at` on it takes no further request."""
        self._retires = min(self._retires, at)

    def _leave(self) -> None:
        self._mode = LEAVING
        self.goaway(NO_ERROR)
        self.changed()

    def refuse(self, reason: str, detail: str, now: float) -> None:
        self._shared.tally.rejected("", reason)
        self.goaway(ENHANCE_YOUR_CALM)
        self.write()
        self.transport.close()

    def close(self) -> None:
        self.goaway(NO_ERROR)
        self.write()
        self.transport.close()
