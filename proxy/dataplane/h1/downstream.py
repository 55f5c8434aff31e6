"""A client's connection: its requests become exchanges, answered in the order in which they came (RFC 9112 §9.3).

1. One exchange at a time has its turn; the requests of a client that pipelines wait, and no more is read meanwhile. So
   the connection is the stream of the exchange that has its turn.
2. After an answer that ends the connection the rest of the input is read and thrown away for a while, so that the
   client gets the answer and not a reset (RFC 9112 §9.6).
3. The end of the client's input is the end of its interest: the leg is cancelled, as nginx and Envoy do.
4. Where only the end of the connection is the end of an answer (HTTP/1.0), one that was cut off ends with a reset.
5. Trailers of an answer are sent in its last chunk to a client that asked for them with `TE: trailers`, and to no other
   (RFC 9110 §6.5.1, §10.1.4).
6. An unexpected exception in an exchange's work ends it, and what is read after it (`dataplane.unexpected`).

The file is long because reading, turns and endings are one state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import Any, Final, cast

from proxy.contracts.failure import FAILURES, Failure
from proxy.contracts.message import ResponseHead
from proxy.contracts.prefaces import PREFACE
from proxy.dataplane.assign import new_id, spread
from proxy.dataplane.client_ports import ClientConnection, ClientStream
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h1.cut import cut
from proxy.dataplane.h1.narrow import narrow
from proxy.dataplane.h1.outgoing import Outgoing
from proxy.dataplane.introduction import PLAIN, Introduction, Manner, introduction_of
from proxy.dataplane.memory import COUNTED, NO_MEMORY, REQUESTS
from proxy.dataplane.shared import Shared
from proxy.dataplane.unexpected import unexpected
from proxy.http1 import write
from proxy.http1.request import RequestReader
from proxy.http1.request_head import Http1RequestHead
from proxy.http1.request_rules import RequestError

READING: Final = 0
"""Requests are read."""

TUNNELLING: Final = 1
"""The model server has agreed to a WebSocket: bytes pass as they are."""

UNREADABLE: Final = 2
"""What follows cannot be read; the answers to earlier requests go first."""

_now: Final = monotonic
"""Looked up once."""

CLOSING: Final = 3
"""The last answer was written; input is thrown away until the client closes."""


class Downstream(RequestReader, ClientStream, ClientConnection, asyncio.Protocol):
    """`current` is the exchange that has its turn."""

    __slots__ = (
        "_advancing",
        "_answer_trailers",
        "_asked",
        "_congested",
        "_feeding",
        "_final",
        "_heads",
        "_introduction",
        "_last_write",
        "_manner",
        "_mode",
        "_newest",
        "_now",
        "_out",
        "_partial",
        "_paused",
        "_queue",
        "_retires",
        "_shared",
        "_since",
        "_till_end",
        "_unread",
        "_whole",
        "current",
        "transport",
    )

    transport: asyncio.Transport
    _asked: Http1RequestHead

    def __init__(self, shared: Shared, manner: Manner = PLAIN) -> None:
        super().__init__(shared.bounds)
        self._shared, self._manner = shared, manner
        self._introduction: Introduction | None = None
        self.current: Exchange | None = None
        self._newest: Exchange | None = None  # the one whose body is being read
        self._queue: deque[tuple[Exchange, Http1RequestHead]] = deque()
        self._paused: set[str] = set()
        self._out = Outgoing()
        self._mode = READING
        self._since = self._now = 0.0
        self._retires = inf
        self._unread = 0
        self._heads = self._partial = 0  # bytes of heads, and of the one that has come in part, that are counted
        self._answer_trailers = b""
        self._final = self._till_end = self._feeding = self._congested = self._advancing = False
        self._whole = False  # the answer has been handed over to its end
        self._last_write: Any = None

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._introduction = introduction_of(self._manner, transport)
        self._last_write = getattr(transport, "write_last", self.transport.write)  # TLS ends with a word of its own
        self._since = now = monotonic()
        age = self._shared.bounds.connection_age
        if age is not None:
            self._retires = now + spread(age)
        self._shared.opened(self, now)

    def connection_lost(self, error: Exception | None) -> None:
        self._shared.closed(self)
        self._mode = CLOSING
        exchange, self.current = self.current, None
        if exchange is not None:
            _abort(exchange)
        for waiting, _ in self._queue:
            _abort(waiting)
        self._queue.clear()
        self._newest = None
        self._shared.memory.give(REQUESTS, self._heads)
        self._heads = 0
        self._read_no_more()

    def data_received(self, data: bytes) -> None:
        try:
            self.read(data, _now())
        except Exception as error:
            self._fault(error)

    def read(self, data: bytes, now: float) -> None:
        """Bytes that were read at `now`."""
        exchange, mode = self.current, self._mode
        if mode >= UNREADABLE:
            return
        self._now = now
        if exchange is not None:
            exchange.read_at = now
            if mode == TUNNELLING:
                exchange.tunnel_data(data)
                return
        elif not self.in_head:
            self._since = now
        self._feeding = True
        try:
            self.feed(data)
        except RequestError as error:
            if error.reason == "http2_preface" and self._turned(data, now):
                return
            self._shared.tally.malformed.note("", "", error.detail, now)
            self._refuse_request(error, now)
        finally:
            self._feeding = False
        if self._partial or self.in_head:
            self._count_partial(now)
        if self.current is not None:
            self.current.flush_request()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._congested = True
        self._shared.memory.watch(self)
        try:
            if self.current is not None:
                self.current.pause_answer()
        except Exception as error:
            self._fault(error)

    def resume_writing(self) -> None:
        self._congested = False
        self._shared.memory.forget(self)
        try:
            self.resume("unread")
            if self.current is None:
                self._next(monotonic())
            else:
                self.current.resume_answer()
        except Exception as error:
            self._fault(error)

    # RequestReader's hooks

    def request_head(self, head: Http1RequestHead) -> None:
        who = self._introduction
        if who is not None:
            head = cast("Http1RequestHead", who.told(head))
        if len(head.fields) > COUNTED:
            self._heads += len(head.fields)
            self._shared.memory.insist(REQUESTS, len(head.fields))
        if self._mode == CLOSING:
            return  # RFC 9112 §9.6: nothing is processed after the request whose answer ends the connection
        waits = self.current is not None or bool(self._queue)
        if waits and self._now >= self._retires:  # who always asks ahead would never have to go
            self._mode, self._newest = UNREADABLE, None
            return
        exchange = self._newest = Exchange(self, self._shared, head, self._now)
        if waits:
            self._queue.append((exchange, head))
            self.pause("pipeline")
        else:
            self.current, self._asked = exchange, head
            exchange.start(self._now)

    def request_body(self, data: bytes) -> None:
        if self._newest is not None:
            self._newest.request_body(data)

    def request_trailers(self, fields: bytes) -> None:
        who = self._introduction
        if who is not None:
            fields = who.trailers(fields)
        if fields and self._newest is not None:
            self._newest.request_trailers(fields)

    def request_end(self) -> None:
        newest = self._newest
        if newest is not None:
            newest.request_end()
            if newest.over():
                self._newest = None

    # ClientStream

    def ask_for_body(self) -> None:
        exchange, head = self.current, self._asked
        if head.expects and exchange is not None and not exchange.complete and (head.streamed or head.length):
            self.transport.write(write.CONTINUE)

    def head(self, head: ResponseHead, version: bytes, extra: bytes) -> None:
        asked, self._whole = self._asked, False
        if head.tunnel:
            self._final, self._out.chunked = True, False
            if self._mode == READING:  # not where a part of the tunnel's bytes was lost already, read as a request
                self._mode = TUNNELLING
            self._out.add(write.switching_head(head, version))
            return
        streamed, out = head.streamed, self._out
        chunked = out.chunked = streamed and not asked.http10
        self._till_end = streamed and not chunked
        self._final = self._till_end or not self._complete() or not self._goes_on()
        if asked.http10 and not self._final:
            extra += b"Connection: keep-alive\r\n"
        out.add(write.response_head(head, chunked, self._final, version, extra))

    def data(self, data: bytes) -> None:
        self._out.data(data)

    def trailers(self, fields: bytes) -> None:
        if self._asked.trailers:
            self._answer_trailers = fields

    def end(self) -> None:
        self._whole = True
        if self._out.chunked:
            self._out.add(write.last_chunk(self._answer_trailers) if self._answer_trailers else write.LAST_CHUNK)

    def flush(self) -> bool:
        out = self._out
        if not out.count:
            return False
        if self._final and self._whole:
            self._last_write(out.joined())
        elif out.is_large():
            self.transport.writelines(out.pieces())
        else:
            self.transport.write(out.joined())
        return True

    def discard(self) -> None:
        self._out.clear()
        self._answer_trailers = b""

    def problem(self, failure: Failure, detail: str, extra: bytes) -> None:
        head = self._asked
        unread = not self._complete() and (head.streamed or bool(head.length))
        self._final = unread or not self._goes_on()
        self.discard()
        self._write_problem(failure, detail, extra, head.method == b"HEAD")

    def done(self, now: float) -> None:
        if self._newest is self.current and self._complete():
            self._newest = None
        self.current = None
        self._answer_trailers = b""
        if self._heads and not self._queue:
            self._shared.memory.give(REQUESTS, self._heads)
            self._heads = 0
        if self._paused:
            self.resume("connecting")
            self.resume("upstream")
        if self._final or self._mode == CLOSING or (self._mode == UNREADABLE and not self._queue):
            self._close_after_answer(now)
            return
        self._since = now
        if self._congested:
            self.pause("unread")  # a client that does not take its answers gets no more of them
        if self._queue:
            self._next(now)

    def reset(self) -> None:
        if self._till_end:
            cut(self.transport.get_extra_info("socket"))
        self.transport.abort()

    def pause(self, reason: str) -> None:
        if not self._paused and self._mode != CLOSING:
            self.transport.pause_reading()
        self._paused.add(reason)

    def resume(self, reason: str) -> None:
        paused = self._paused
        if reason in paused:
            paused.discard(reason)
            if not paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def feeding(self) -> bool:
        return self._feeding

    def congested(self) -> bool:
        return self._congested

    def takes(self) -> bool:
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        return before != self._unread

    # ClientConnection

    def unsent(self) -> int:
        return self.transport.get_write_buffer_size()

    def sweep(self, now: float) -> None:
        if self.current is not None:
            if self.current.over():  # an unexpected exception has kept it from giving back its turn
                self.transport.abort()
            return
        if self.takes():
            self._since = now
        times, quiet = self._shared.timings, now - self._since
        if self._unread:
            if quiet > times.keep_alive:
                self.transport.abort()
        elif self._mode == CLOSING:
            if quiet > times.linger:
                self.transport.abort()
        elif self.in_head:
            if quiet > times.head:
                self._refuse_request(RequestError("head_timeout", f"no complete head within {times.head:g} s"), now)
        elif quiet > (times.drain_idle if self._shared.draining or now >= self._retires else times.keep_alive):
            self._close_idle(now)

    def refuse(self, reason: str, detail: str, now: float) -> None:
        self._shared.tally.rejected("", reason)
        self._final = True
        request_id = self.given_id() or new_id()
        self._write_problem(FAILURES[reason], detail, b"x-request-id: %b\r\n" % request_id, False)
        self._close_after_answer(now)

    def close(self) -> None:
        self.transport.close()

    def introduction(self) -> Introduction | None:
        """What versions are told about the client of each request; None: nothing."""
        return self._introduction

    def introduce(self, manner: Manner) -> None:
        self._introduction = introduction_of(manner, self.transport)

    def was_admitted(self) -> bool:
        return self.transport.get_extra_info("ssl_object") is not None

    def retire(self, at: float) -> None:
        """From `at` on it takes no further request."""
        self._retires = min(self._retires, at)

    def narrow(self) -> None:
        narrow(self.transport.get_extra_info("socket"))

    # turns and endings

    def _complete(self) -> bool:
        return self.current is not None and self.current.complete

    def _goes_on(self) -> bool:
        """True when the connection goes on after the answer to the current request."""
        ending = self._mode >= UNREADABLE or self._shared.draining or self._now >= self._retires
        return self._asked.keep_alive and not (ending and not self._queue)

    def _write_problem(self, failure: Failure, detail: str, extra: bytes, head_only: bool) -> None:
        if failure.status == 503:
            extra += b"Retry-After: 1\r\n"
        if self._final:
            extra += b"Connection: close\r\n"
        send = self._last_write if self._final else self.transport.write
        send(write.problem(failure.status, failure.reason, failure.title, detail, extra, head_only))

    def _next(self, now: float) -> None:
        """Starts the request that waits. In a loop: those that are refused at once end here, not in each other."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._queue and self.current is None and not (self._congested or self._mode == CLOSING):
                exchange, self._asked = self._queue.popleft()
                self.current = exchange
                if not self._queue:
                    self.resume("pipeline")
                exchange.start(now)
            if self.current is not None and not self._feeding:
                self.current.flush_request()
        except Exception as error:  # not that of the exchange before, whose end has led here
            self._fault(error)
        finally:
            self._advancing = False

    def _fault(self, error: Exception) -> None:
        """An unexpected exception in the work of the current exchange: nothing is read after it."""
        unexpected(error)
        for waiting, _ in self._queue:
            waiting.unreadable()
        self._queue.clear()
        self._newest = self.current
        self._mode = max(self._mode, UNREADABLE)
        exchange = self.current
        if exchange is not None:
            exchange.fault()
        else:
            self._shared.tally.rejected("", "internal")
        if self.current is exchange:
            self.transport.abort()

    def _read_no_more(self) -> None:
        self._shared.memory.give(REQUESTS, self._partial)
        self._partial = 0
        self.release()

    def _count_partial(self, now: float) -> None:
        """Counts a head that has come in part, which the parser has a second time; a large one is refused where there
        is no room for it."""
        memory, size = self._shared.memory, 2 * self.head_size
        memory.insist(REQUESTS, size - self._partial)
        self._partial = size
        if size > 2 * COUNTED and self._mode == READING and memory.is_full():
            memory.shed[REQUESTS] += 1
            self._refuse_request(RequestError("no_memory", NO_MEMORY), now)

    def _turned(self, data: bytes, now: float) -> bool:
        """Whether the client speaks HTTP/2 from its first byte (RFC 9113 §3.4): its connection is handed over then."""
        begin, whole = self._shared.http2, self.all_of(data)
        if begin is None or self._newest is not None or self._mode != READING or not whole.startswith(PREFACE):
            return False
        self._mode = CLOSING
        self._read_no_more()
        begin(self._shared, self, self.transport, whole, now)
        return True

    def _refuse_request(self, error: RequestError, now: float) -> None:
        newest = self._newest
        if self._mode == CLOSING:
            return
        if newest is not None and not newest.complete and not newest.over():
            # The error is in the body of a request: of the one under way, or of one that waits and now cannot be read.
            if newest is self.current:
                newest.reject(error.reason, error.detail)
                return
            self._queue.pop()  # it is the last
            newest.unreadable()
            self._newest = None
        if self.current is None and not self._queue:
            self.refuse(error.reason, error.detail, now)
        else:
            self._shared.tally.rejected("", error.reason)
            self._mode = UNREADABLE

    def _close_idle(self, now: float) -> None:
        """Ends a connection that nothing was asked on for long. A request may be on its way: it meets the end of the
        answers and no reset, from which its client knows that it was not processed."""
        if self._shared.draining or not self.transport.can_write_eof():
            self.transport.close()
            return
        self._mode, self._since = CLOSING, now
        self._read_no_more()
        self.transport.write_eof()

    def _close_after_answer(self, now: float) -> None:
        asks_on, self._mode = self._mode == UNREADABLE, CLOSING
        self._since = now
        if self.transport.is_closing():
            return
        if self.current is None and not self.in_head and self._newest is None and not asks_on:
            self.transport.close()
            return
        self._read_no_more()
        self._paused.clear()
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _abort(exchange: Exchange) -> None:
    try:
        exchange.aborted()
    except Exception as error:
        unexpected(error)
        exchange.fault()
