"""A client's connection: its requests become exchanges, answered in the order in which they came (RFC 9112 §9.3).

1. One exchange at a time has its turn; the requests of a client that pipelines wait, and no more is read meanwhile.
2. After an answer that ends the connection the rest of the input is read and thrown away for a while, so that the
client
   gets the answer and not a reset (RFC 9112 §9.6).
3. The end of the client's input is the end of its interest: the leg is cancelled, as nginx and Envoy do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.contracts.failure import FAILURES
from proxy.dataplane.exchange import Exchange
from proxy.http1 import write
from proxy.http1.request import RequestError, RequestReader
from proxy.http1.request_head import RequestHead

if TYPE_CHECKING:
    from proxy.dataplane.worker import Worker

HEAD_TIMEOUT = 15.0
"""Seconds from the first byte of a head to its last. nginx has 60, Envoy none by default, HAProxy asks for a setting.
"""

KEEP_ALIVE = 75.0
"""Seconds that a connection may stay without a request: nginx's default."""

DRAIN_IDLE = 1.0
"""Seconds without a request after which a connection is closed while the worker drains. Not at once: a client may be
sending just now. One that does gets its answer with `Connection: close`."""

LINGER = 2.0
"""Seconds of input that are thrown away after an answer that ends the connection."""


class Downstream(RequestReader, asyncio.Protocol):
    """`current` is the exchange that has its turn; `feeding` is True while bytes of one read are being handed over."""

    __slots__ = (
        "_advancing",
        "_closing",
        "_newest",
        "_paused",
        "_queue",
        "_since",
        "_tunnel",
        "_unread",
        "_unreadable",
        "current",
        "feeding",
        "transport",
        "worker",
        "write_paused",
    )

    transport: asyncio.Transport

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.worker = worker
        self.current: Exchange | None = None
        self._newest: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._paused: set[str] = set()
        self._since = monotonic()
        self._unread = 0
        self.feeding = self.write_paused = self._closing = self._unreadable = self._tunnel = self._advancing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self.worker.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.worker.closed(self)
        self._closing = True
        exchange, self.current = self.current, None
        if exchange is not None:
            exchange.aborted()
        for waiting in self._queue:
            waiting.aborted()
        self._queue.clear()
        self._newest = None
        self.release()

    def data_received(self, data: bytes) -> None:
        if self._closing or self._unreadable:
            return
        if self._tunnel:
            self._forward(data)
            return
        if self.current is not None:
            self.current.read_at = monotonic()
        elif not self.in_head:
            self._since = monotonic()
        self.feeding = True
        try:
            self.feed(data)
        except RequestError as error:
            self._refuse_request(error)
        finally:
            self.feeding = False
        if self.current is not None:
            self.current.flush_request()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.current is not None and self.current.leg is not None and self.current.leg.upstream is not None:
            self.current.leg.upstream.pause()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.resume("unread")
        if self.current is None:
            self._next()
        elif self.current.leg is not None and self.current.leg.upstream is not None:
            self.current.leg.active = True
            self.current.leg.upstream.resume()

    # RequestReader's hooks

    def request_head(self, head: RequestHead) -> None:
        if self._closing:
            return  # RFC 9112 §9.6: nothing is processed after the request whose answer ends the connection
        exchange = self._newest = Exchange(self, self.worker, head)
        if self.current is None and not self._queue:
            self.current = exchange
            exchange.start()
        else:
            self._queue.append(exchange)
            self.pause("pipeline")

    def request_body(self, data: bytes) -> None:
        if self._newest is not None:
            self._newest.request_body(data)

    def request_end(self) -> None:
        newest = self._newest
        if newest is not None:
            newest.request_end()
            if newest.over:
                self._newest = None

    # what an exchange needs

    def pause(self, reason: str) -> None:
        """Reads no more until `resume` was called for every reason."""
        if not self._paused and not self._closing:
            self.transport.pause_reading()
        self._paused.add(reason)

    def resume(self, reason: str) -> None:
        """The opposite of `pause`."""
        paused = self._paused
        if reason in paused:
            paused.discard(reason)
            if not paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def keeps_alive(self, head: RequestHead) -> bool:
        """True when the connection goes on after the answer to `head`."""
        ending = self._closing or self.worker.draining or self._unreadable
        return head.keep_alive and not (ending and not self._queue)

    def exchange_done(self, close: bool) -> None:
        """The answer was written. `close`: it was the connection's last."""
        if self._newest is self.current and self.current is not None and self.current.complete:
            self._newest = None
        self.current = None
        for reason in ("connecting", "upstream"):
            self.resume(reason)
        if close or self._closing or (self._unreadable and not self._queue):
            self._close()
            return
        self._since = monotonic()
        if self.write_paused:
            self.pause("unread")  # who does not take its answers gets no more of them
        if self._queue:
            self._next()

    def _next(self) -> None:
        """Starts the request that waits. In a loop: those that are refused at once end here, not in each other."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._queue and self.current is None and not (self.write_paused or self._closing):
                exchange = self.current = self._queue.popleft()
                if not self._queue:
                    self.resume("pipeline")
                exchange.started = monotonic()
                exchange.start()
        finally:
            self._advancing = False
        if self.current is not None and not self.feeding:
            self.current.flush_request()

    def tunnel(self) -> None:
        """The upstream has agreed to a WebSocket: bytes pass as they are from now on."""
        self._tunnel = True

    def abort(self) -> None:
        """Ends the connection so that the client cannot take what it has for a whole answer."""
        self.transport.abort()

    def sweep(self, now: float) -> None:
        """Ends what takes too long. Called coarsely."""
        if self.current is not None:
            return
        if self.takes():
            self._since = now
        if self._unread:
            if now - self._since > KEEP_ALIVE:
                self.transport.abort()
        elif self._closing:
            if now - self._since > LINGER:
                self.transport.abort()
        elif self.in_head:
            if now - self._since > HEAD_TIMEOUT:
                self._refuse_request(RequestError("head_timeout", f"no complete head within {HEAD_TIMEOUT:g} s"))
        elif now - self._since > (DRAIN_IDLE if self.worker.draining else KEEP_ALIVE):
            self.transport.close()

    def takes(self) -> bool:
        """True when the client has taken some of what was written for it since the last look."""
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        return before != self._unread

    def refuse(self, reason: str, detail: str) -> None:
        """Answers before any request was read, and ends."""
        self.worker.tally.rejected("", reason)
        failure = FAILURES[reason]
        extra = b"Retry-After: 1\r\nConnection: close\r\n" if failure.status == 503 else b"Connection: close\r\n"
        self.transport.write(write.problem(failure.status, reason, failure.title, detail, extra))
        self._close()

    def _forward(self, data: bytes) -> None:
        leg = self.current.leg if self.current is not None else None
        if leg is not None and leg.upstream is not None:
            leg.upstream.transport.write(data)
            leg.active = True

    def _refuse_request(self, error: RequestError) -> None:
        newest = self._newest
        if self._closing:
            return
        if newest is not None and not newest.complete and not newest.over:
            # The error is in the body of a request: of the one under way, or of one that waits and now cannot be read.
            if newest is self.current:
                newest.reject(error.reason, error.detail)
                return
            self._queue.remove(newest)
            newest.over, self._newest = True, None
        if self.current is None and not self._queue:
            self.refuse(error.reason, error.detail)
        else:
            self.worker.tally.rejected("", error.reason)
            self._unreadable = True  # answers of earlier requests go first; what follows them cannot be read

    def _close(self) -> None:
        self._closing = True
        self._since = monotonic()
        if self.transport.is_closing():
            return
        if self.current is None and not self.in_head and self._newest is None:
            self.transport.close()
            return
        self._paused.clear()
        self.transport.resume_reading()
        self.transport.write_eof()
