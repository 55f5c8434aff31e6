"""A connection to a model server. It carries one stream at a time, so it is that stream, too.

1. It is busy from `open_stream` until both the answer and the request are complete; then it goes back to its pool.
2. It is not used again after bytes that belong to no request, after a failure, or where the server says so; nor once
   it is too old, its name leads elsewhere, or other certificates are in force.
3. Trailers of a request are dropped: HTTP/1.1 has no way to know that a server takes them (RFC 9110 §6.5.1).
"""

from __future__ import annotations

import asyncio
import errno
import os
from math import inf
from ssl import SSLEOFError, SSLError
from time import monotonic
from typing import Final, cast

from proxy.contracts.message import RequestHead
from proxy.contracts.table import Version
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.h1.acknowledged import was_taken
from proxy.dataplane.h1.narrow import narrow
from proxy.dataplane.h1.outgoing import Outgoing
from proxy.dataplane.local_fault import reason_of_end
from proxy.dataplane.members import NOBODY, Member
from proxy.dataplane.ports import Connection, ConnectionOwner, ServerStream, StreamUser
from proxy.dataplane.timings import Timings
from proxy.dataplane.trust import IN_CLEAR, Trust
from proxy.dataplane.unexpected import unexpected
from proxy.http1 import write
from proxy.http1.response import Http1ResponseHead, ResponseError, ResponseReader

_now: Final = monotonic
"""Looked up once."""

UNREAD_SECONDS: Final = 0.05
"""Seconds from the first byte of a request within which a reset means that the server closed the connection before it
had read it, though its kernel had taken it: its program was about to close."""


class Upstream(ResponseReader, Connection, ServerStream, asyncio.Protocol):
    """`user` has the connection from `begin` until its answer and its request are both complete."""

    __slots__ = (
        "_answered",
        "_authority",
        "_base_path",
        "_blocked",
        "_busy",
        "_ending",
        "_endpoint",
        "_idle_since",
        "_max_idle",
        "_member",
        "_out",
        "_owner",
        "_paused",
        "_retires",
        "_reusable",
        "_sent",
        "_trust",
        "_tunnel",
        "_was_reset",
        "transport",
        "user",
    )

    transport: asyncio.Transport

    def __init__(self, version: Version, owner: ConnectionOwner, timings: Timings, trust: Trust = IN_CLEAR) -> None:
        super().__init__()
        self._base_path, self._authority = version.base_path.encode(), version.authority.encode()
        self._owner, self._max_idle, self._trust = owner, inf, trust
        self.user: StreamUser | None = None
        self._out = Outgoing()
        self._idle_since, self._retires = 0.0, inf
        self._endpoint, self._member = ANYWHERE, NOBODY
        self._busy = self._ending = self._sent = self._answered = False
        self._reusable = self._paused = self._blocked = self._tunnel = self._was_reset = False

    # Connection

    def endpoint(self) -> ServerEndpoint:
        return self._endpoint

    def member(self) -> Member:
        return self._member

    def join(self, member: Member) -> None:
        self._member = member

    def open_stream(self) -> ServerStream:
        self._busy = True
        self._member.active += 1
        return self

    def is_available(self) -> bool:
        # One that is closing is lost in a later turn of the loop. What is asked for until then was never written, and
        # yet looks as if its server had taken it: all that was sent before is acknowledged.
        return not (self._busy or self.transport.is_closing())

    def is_idle(self) -> bool:
        return not self._busy

    def has_expired(self, now: float) -> bool:
        return not self._busy and (self._idle_since < now - self._max_idle or self._is_spent(now))

    def retire(self, at: float, idle: float, now: float) -> None:
        self._retires, self._max_idle, self._idle_since = at, idle, now

    def _is_spent(self, now: float) -> bool:
        return now >= self._retires or self._endpoint.gone or self._trust.gone

    def close(self) -> None:
        self.transport.close()

    def narrow(self) -> None:
        narrow(self.transport.get_extra_info("socket"))

    def adopt(self, owner: ConnectionOwner, endpoint: ServerEndpoint) -> None:
        """The connection belongs to `owner` now, and counts for `endpoint`. Raises OSError where it has ended."""
        if self.transport.is_closing():
            failure = getattr(self.transport, "failure", None)
            if isinstance(failure, SSLError):
                raise self._trust.failed(failure)
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._owner, self._endpoint = owner, endpoint

    # ServerStream

    def begin(self, user: StreamUser, head: RequestHead, authority: bytes, extra: bytes, length: int) -> None:
        self.expect(head.method == b"HEAD", head.tunnel)
        self.user = user
        self._out.chunked = head.streamed and length < 0
        self._ending = self._sent = self._answered = self._reusable = False
        self._out.add(write.request_head(head, self._base_path, authority or self._authority, extra, length))

    def data(self, data: bytes) -> None:
        self._out.data(data)

    def trailers(self, fields: bytes) -> None:
        """Not sent: see the rules above."""

    def end(self) -> None:
        self._ending = True
        if self._out.chunked:
            self._out.add(write.LAST_CHUNK)

    def flush(self) -> None:
        out = self._out
        if out.count:
            if out.is_large():
                self.transport.writelines(out.pieces())
            else:
                self.transport.write(out.joined())
        if self._ending and not self._sent:
            self._sent = True
            if self._answered:  # before the request had ended
                self._finish(monotonic())

    def unanswered(self) -> bool:
        return self.nothing_read()

    def untouched(self, seconds: float) -> bool:
        if not self.nothing_read():
            return False
        unread = self._was_reset and seconds < UNREAD_SECONDS
        return unread or not was_taken(self.transport.get_extra_info("socket"))

    def unsent(self) -> int:
        return self.transport.get_write_buffer_size()

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def reset(self) -> None:
        self.user = None
        self.transport.abort()

    def judged(self, succeeded: bool, now: float) -> None:
        if not succeeded:
            self._owner.member_failed(self._member, now)
        elif self._member.failures:
            self._member.failures = 0

    def give_back(self, now: float) -> None:
        self._busy = False
        self._member.active -= 1
        self._idle_since = now
        self._owner.available(self, now)

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        user = self.user
        try:
            self.read(data, _now())
        except Exception as error:
            self._fault(user, error)

    def read(self, data: bytes, now: float) -> None:
        """Bytes that were read at `now`."""
        user = self.user
        if user is None:
            # Bytes that belong to no request: the next answer could not be trusted (RFC 9112 §9.2).
            self.transport.abort()
            self._owner.broken(self, "bytes come that belong to no request", now)
            return
        user.read_at = now
        if self._tunnel:
            user.response_body(data)
            user.response_flush()
            return
        try:
            self.feed(data)
        except ResponseError as error:
            self._broken("malformed", str(error))
            return
        user.response_flush()
        if self._answered and self._sent:
            self._finish(now)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        user, now = self.user, monotonic()
        self._was_reset = error is not None and not isinstance(error, SSLError)
        try:
            self._tell_end(user, error, now)
        except Exception as fault:
            self._fault(user, fault)
        self.user = None
        if self._busy:
            self._member.active -= 1
        self._busy = True
        self._endpoint.open -= 1
        self._owner.lost(self, now)
        self.release()

    def _tell_end(self, user: StreamUser | None, error: Exception | None, now: float) -> None:
        if user is not None and not self._answered:
            user.read_at = now
            try:
                if error is not None:
                    raise ResponseError(
                        self._sentence(error)
                    )  # RFC 9112 §8: a body that a failure cuts off is incomplete
                self.end_of_stream()
            except ResponseError as broken:
                self._broken(reason_of_end(error), str(broken))
            else:
                self._reusable = False
                user.response_flush()

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, SSLError) and not isinstance(error, SSLEOFError):
            return str(self._trust.failed(error).strerror)
        return str(error)

    def pause_writing(self) -> None:
        self._blocked = True
        user = self.user
        if user is not None:
            try:
                user.pause_request()
            except Exception as error:
                self._fault(user, error)

    def resume_writing(self) -> None:
        self._blocked = False
        user = self.user
        if user is not None:
            try:
                user.resume_request()
            except Exception as error:
                self._fault(user, error)

    # ResponseReader's hooks

    def response_head(self, head: Http1ResponseHead) -> None:
        self._reusable = head.keep_alive and not head.tunnel
        self._tunnel = head.tunnel
        if head.tunnel:
            self._out.chunked = False
        assert self.user is not None
        self.user.response_head(head)

    def response_body(self, data: bytes) -> None:
        if self.user is not None:
            self.user.response_body(data)

    def response_trailers(self, fields: bytes) -> None:
        if self.user is not None:
            self.user.response_trailers(fields)

    def response_end(self) -> None:
        self._answered = True
        if self.user is not None:
            self.user.response_end()

    def _finish(self, now: float) -> None:
        """Request and answer are complete."""
        self.user = None
        self.resume()
        reusable = self._reusable and not self._blocked and not self._is_spent(now)
        if reusable and not self.transport.is_closing():
            self.give_back(now)
        else:
            self.transport.abort()  # not close(): a server that does not read would keep it open

    def _fault(self, user: StreamUser | None, error: Exception) -> None:
        """An unexpected exception in the work of `user`: neither goes on."""
        unexpected(error)
        self.user = None
        self.transport.abort()
        if user is not None:
            user.fault()

    def _broken(self, reason: str, detail: str) -> None:
        user, self.user = self.user, None
        self.transport.abort()
        if user is None:
            return
        user.response_flush()
        if not self._answered:
            user.response_failed(reason, detail)
        elif reason == "malformed":
            self._owner.broken(self, detail, monotonic())  # the answer is whole: nobody else would tell
