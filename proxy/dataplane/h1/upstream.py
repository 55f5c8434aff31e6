"""A connection to a model server. Reads one answer at a time and hands it to the leg that has the connection."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from proxy.http1.response import ResponseError, ResponseHead, ResponseReader

if TYPE_CHECKING:
    from proxy.dataplane.pool import Pool


class Answered(Protocol):
    """What a leg must bear. `read_at`: when the bytes that are being handed over were read."""

    read_at: float

    def response_head(self, head: ResponseHead) -> None: ...
    def response_body(self, data: bytes) -> None: ...
    def response_end(self) -> None: ...
    def response_flush(self) -> None:
        """All that was in one read has been handed over."""

    def response_failed(self, reason: str, detail: str) -> None:
        """There will be no (more of the) answer."""

    def pause_request(self) -> None: ...
    def resume_request(self) -> None: ...


class Upstream(ResponseReader, asyncio.Protocol):
    """`leg` has the connection from `assign` until its answer and its request are both complete."""

    __slots__ = (
        "_blocked",
        "_done",
        "_paused",
        "_pool",
        "_reusable",
        "_sent",
        "_tunnel",
        "idle_since",
        "leg",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool
        self.leg: Answered | None = None
        self.idle_since = 0.0
        self._reusable = self._done = self._sent = self._paused = self._tunnel = self._blocked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def assign(self, leg: Answered, no_body: bool, upgrade: bool = False) -> None:
        """`leg` is about to send a request."""
        self.expect(no_body, upgrade)
        self.leg = leg
        self._reusable = self._done = self._sent = False

    def request_sent(self) -> None:
        """The request is complete; an answer that ended before may give the connection back now."""
        self._sent = True
        if self._done:
            self._finish()

    def data_received(self, data: bytes) -> None:
        leg = self.leg
        if leg is None:
            # Bytes that belong to no request: the next answer could not be trusted (RFC 9112 §9.2).
            self.transport.abort()
            return
        leg.read_at = monotonic()
        if self._tunnel:
            leg.response_body(data)
            leg.response_flush()
            return
        try:
            self.feed(data)
        except ResponseError as error:
            self._broken("malformed", str(error))
            return
        leg.response_flush()
        if self._done:
            self._finish()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        leg = self.leg
        if leg is not None and not self._done:
            leg.read_at = monotonic()
            try:
                if error is not None:
                    raise ResponseError(str(error))  # RFC 9112 §8: a body that a failure cuts off is incomplete
                self.end_of_stream()
            except ResponseError as broken:
                self._broken("reset", str(broken))
            else:
                self._reusable = False
                leg.response_flush()
        self.leg = None
        self._pool.lost(self)
        self.release()

    def pause_writing(self) -> None:
        self._blocked = True
        if self.leg is not None:
            self.leg.pause_request()

    def resume_writing(self) -> None:
        self._blocked = False
        if self.leg is not None:
            self.leg.resume_request()

    def pause(self) -> None:
        """The client reads slowly: this answer waits, and only this one."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """It reads again."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def close(self) -> None:
        """Ends an idle connection."""
        self.transport.close()

    def abort(self) -> None:
        """The leg has given up: whatever comes now belongs to nobody."""
        self.leg = None
        self.transport.abort()

    # ResponseReader's hooks

    def response_head(self, head: ResponseHead) -> None:
        self._reusable = head.keep_alive and not head.upgraded
        self._tunnel = head.upgraded
        assert self.leg is not None
        self.leg.response_head(head)

    def response_body(self, data: bytes) -> None:
        if self.leg is not None:
            self.leg.response_body(data)

    def response_end(self) -> None:
        self._done = True
        if self.leg is not None:
            self.leg.response_end()

    def _finish(self) -> None:
        if not self._sent:
            return
        self.leg = None
        self.resume()
        if self._reusable and not self._blocked and not self.transport.is_closing():
            self._pool.release(self)
        else:
            self.transport.abort()  # not close(): a server that does not read would keep it open

    def _broken(self, reason: str, detail: str) -> None:
        leg, self.leg = self.leg, None
        self.transport.abort()
        if leg is None:
            return
        leg.response_flush()
        if not self._done:
            leg.response_failed(reason, detail)
