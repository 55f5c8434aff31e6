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
from proxy.http1.request import RequestError, RequestHead, RequestReader

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
        "_closing",
        "_newest",
        "_paused",
        "_queue",
        "_since",
        "_tunnel",
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
        self.feeding = self.write_paused = self._closing = self._unreadable = self._tunnel = False

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
        if self.current is None and not self.in_head:
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
        if self.current is not None and self.current.leg is not None and self.current.leg.upstream is not None:
            self.current.leg.upstream.resume()

    # RequestReader's hooks

    def request_head(self, head: RequestHead) -> None:
        exchange = self._newest = Exchange(self, self.worker, head)
        if self.current is None:
            self.current = exchange
            exchange.start()
        else:
            self._queue.append(exchange)
            self.pause("pipeline")

    def request_body(self, data: bytes) -> None:
        assert self._newest is not None
        self._newest.request_body(data)

    def request_end(self) -> None:
        newest = self._newest
        assert newest is not None
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
        elif self._queue:
            self.current = self._queue.popleft()
            if not self._queue:
                self.resume("pipeline")
            self.current.start()
            if not self.feeding and self.current is not None:
                self.current.flush_request()
        else:
            self._since = monotonic()

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
        if self._closing:
            if now - self._since > LINGER:
                self.transport.abort()
        elif self.in_head:
            if now - self._since > HEAD_TIMEOUT:
                self._refuse_request(RequestError("head_timeout", f"no complete head within {HEAD_TIMEOUT:g} s"))
        elif now - self._since > (DRAIN_IDLE if self.worker.draining else KEEP_ALIVE):
            self.transport.close()

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
        if self._newest is not None and not self._newest.complete and not self._newest.over:
            # The error is in the body of a request that is under way.
            self._newest.reject(error.reason, error.detail)
            return
        if self.current is None:
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
