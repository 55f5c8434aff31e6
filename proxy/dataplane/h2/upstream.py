"""A connection to a model server that speaks HTTP/2: it lends streams (`server_stream`), and hands over what they get.

1. Streams are counted against what the server allows, since nothing may wait here unseen; one is taken from the moment
   it was lent.
2. After a GOAWAY, beyond its age, or where its name leads elsewhere, no further stream is opened; those open finish.
3. One of whose server nothing is heard while calls wait for it gets no further ones, and ends (`silence`). What a
   server says that does not read its socket is no sign of life.
4. Numbers of streams end (RFC 9113 §5.1.1): long before, another connection is made.
"""

from __future__ import annotations

import asyncio
import errno
import os
from math import inf
from time import monotonic
from typing import Final

from proxy.contracts.durations import in_units
from proxy.contracts.message import RequestHead
from proxy.contracts.table import Version
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.h2.server_stream import Http2ServerStream, LendingConnection
from proxy.dataplane.h2.silence import ASK, DEAD, Silence
from proxy.dataplane.local_fault import reason_of_end
from proxy.dataplane.members import NOBODY, Member
from proxy.dataplane.ports import Connection, ConnectionOwner, ServerStream, StreamUser
from proxy.dataplane.trust import IN_CLEAR, Trust
from proxy.dataplane.unexpected import unexpected
from proxy.http2.bounds import EARNED_BYTES, MAX_STREAM_ID, STREAMS, Http2Bounds
from proxy.http2.codes import CANCEL, NO_ERROR, Http2Error, name_of
from proxy.http2.fields import FieldGroup
from proxy.http2.hpack_writer import MAX_GROUPS
from proxy.http2.request import Http2RequestHead, begun_request

MAX_STREAMS: Final = STREAMS
"""Streams that one connection carries at once, where its server allows so many."""

NO_STREAMS: Final = "the server allows no streams"

NO_HTTP2: Final = "the server ended the connection before it spoke HTTP/2"

RENEW: Final = MAX_STREAM_ID // 2
"""Number of a stream from which on a connection is not used any more."""

CALL_EARNS: Final = 4
"""Frames that ask for nothing and that a server may say for each call, however small that is: windows and a ping."""

CROWDED: Final = 0.8
"""Part of the streams that a connection carries, from which on another one is made."""

LIVELY_SECONDS: Final = 1.0
"""Seconds for which a connection is surely open after something was heard of its server."""


class Http2Upstream(LendingConnection, Connection):
    """`streams`: those whose head was written, by number; `lent`: how many streams were lent and have not ended.

    - `ready`: done once the server has said what it allows, which it does first (RFC 9113 §3.4)
    """

    __slots__ = (
        "_endpoint",
        "_full",
        "_going",
        "_groups",
        "_idle_since",
        "_limit",
        "_max_idle",
        "_member",
        "_owner",
        "_retires",
        "_silence",
        "_touched",
        "_trust",
        "_unread",
        "authority",
        "base_path",
        "lent",
        "ready",
        "streams",
    )

    def __init__(self, version: Version, owner: ConnectionOwner, trust: Trust = IN_CLEAR) -> None:
        super().__init__(True, Http2Bounds(MAX_STREAMS))
        self.base_path, self.authority = version.base_path.encode(), version.authority.encode()
        self._owner, self._trust = owner, trust
        self._idle_since, self._retires, self._max_idle = 0.0, inf, inf
        self._endpoint, self._member = ANYWHERE, NOBODY
        self.streams: dict[int, Http2ServerStream] = {}
        self.lent = self._unread = 0
        self._limit = MAX_STREAMS
        self._going = self._full = False
        self._groups: dict[RequestHead, FieldGroup] = {}  # of heads that have come several times
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._touched: list[tuple[Http2ServerStream, StreamUser]] = []
        self._silence = Silence()

    # Connection

    def endpoint(self) -> ServerEndpoint:
        return self._endpoint

    def member(self) -> Member:
        return self._member

    def join(self, member: Member) -> None:
        self._member = member

    def open_stream(self) -> ServerStream:
        self.lent += 1
        self._member.active += 1
        return Http2ServerStream(self)

    def is_available(self) -> bool:
        free = self.lent < self._limit and not self._going and not self.transport.is_closing()
        if not free:
            self._full = True  # and its owner hears once that has changed
        return free

    def is_idle(self) -> bool:
        return not self.lent

    def is_crowded(self) -> bool:
        return self.lent >= CROWDED * self._limit

    def is_lively(self, now: float) -> bool:
        return now - self.now < LIVELY_SECONDS

    def look(self, patience: float, now: float) -> None:
        what = self._silence.look(self.lent > 0, self._heard(now), patience, now)
        if what == ASK:
            self.ping()
            self.changed()
        elif what == DEAD:
            self._going, self.now = True, now
            what_is = "the server has read nothing" if self.blocked else "nothing was heard of the server"
            self._end_all("reset", f"{what_is} for {in_units(float(round(now - self._silence.since)))}")
            self.transport.abort()

    def _heard(self, now: float) -> float:
        """When the server has last given a sign of life. While it does not read its socket, what it says is none: that
        silence began when it last took something."""
        if not self.blocked:
            return self.now
        size = self.transport.get_write_buffer_size()
        if size != self._unread:
            self._unread = size
            self._silence.sent(now)
        return min(self.now, self._silence.waiting)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._silence.sent(monotonic())

    def gave_up(self) -> None:
        now = monotonic()
        if not self._going and self._silence.gave_up(self._heard(now), now):
            self._going = True

    def has_expired(self, now: float) -> bool:
        spent = now >= self._retires or self._endpoint.gone or self._trust.gone
        self._going = self._going or spent  # no further stream, and closed with the last one
        return not self.lent and (self._idle_since < now - self._max_idle or self._going)

    def retire(self, at: float, idle: float, now: float) -> None:
        self._retires, self._max_idle, self._idle_since = at, idle, now

    def close(self) -> None:
        self._going = True
        if not (self.lent or self.transport.is_closing()):
            self.goaway(NO_ERROR)
            self.write()
            if not (self._writing or self.transport.is_closing()):
                self.transport.abort()  # the server does not read

    def written(self) -> None:
        if self._going and not self.lent:
            self.transport.abort() if self.blocked else self.transport.close()

    def adopt(self, owner: ConnectionOwner, endpoint: ServerEndpoint) -> None:
        """The connection belongs to `owner` now, and counts for `endpoint`. Raises ConnectionResetError where it has
        ended already."""
        if self.transport.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._owner, self._endpoint = owner, endpoint

    def release(self) -> None:
        """Nothing is held that would have to be let go."""

    # its streams

    def begun_request(self, head: RequestHead, authority: bytes) -> FieldGroup:
        repeats = not authority and isinstance(head, Http2RequestHead) and head.repeats
        if repeats:
            known = self._groups.get(head)
            if known is not None:
                return known
        group = begun_request(head, self.base_path, authority or self.authority)
        if repeats:
            if len(self._groups) >= MAX_GROUPS:
                self._groups.clear()
            self._groups[head] = group
        return group

    def begun(self, stream: Http2ServerStream) -> None:
        self.streams[stream.number] = stream
        self.wrote += CALL_EARNS * EARNED_BYTES
        if self._silence.waiting <= self.now and not self.blocked:
            self._silence.sent(monotonic())
        if stream.number >= RENEW:
            self._going = True

    def refused(self, stream: Http2ServerStream) -> None:
        self._going, self.now = True, monotonic()
        if stream.user is not None:
            self._end(stream, "reset", "the connection takes no further request")

    def returned(self, stream: Http2ServerStream, now: float) -> None:
        if stream.returned:
            return
        stream.returned = True
        self.lent -= 1
        self._member.active -= 1
        if not self.lent:
            self._idle_since = now
            if self._going:
                self.close()
                return
        self._tell(now)

    def _tell(self, now: float) -> None:
        """Tells its owner, who has found it full, where it is not any more."""
        if self._full and self.is_available():
            self._full = False
            self._owner.available(self, now)

    def judged(self, succeeded: bool, now: float) -> None:
        if not succeeded:
            self._owner.member_failed(self._member, now)
        elif self._member.failures:
            self._member.failures = 0

    # the socket

    def connection_lost(self, error: Exception | None) -> None:
        self._going = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionResetError(errno.ECONNRESET, NO_HTTP2))
            return
        detail = str(error) if error is not None else "the connection ended before the answer was complete"
        self.now = monotonic()
        self._end_all(reason_of_end(error), detail)
        self._endpoint.open -= 1
        self._owner.lost(self, self.now)

    def broken(self, error: Http2Error) -> None:
        self._going = True
        self.goaway(error.code)
        self.write()
        self.closed = True
        self.transport.abort()
        if not self.streams:
            self._owner.broken(self, str(error), self.now)  # who else would tell
        self._end_all("malformed", str(error))

    def handed_over(self) -> None:
        touched, self._touched = self._touched, []
        flushed: StreamUser | None = None
        for stream, user in touched:
            if user is not flushed:
                flushed = user
                try:
                    user.response_flush()
                except Exception as error:
                    self._fault(stream, user, error)
            if stream.answered and stream.number in self.streams:
                # What is left of the request is not needed (RFC 9113 §8.1): a server that does not take it must not
                # keep the stream.
                self.reset(stream.number, CANCEL)

    # the engine's hooks

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        found = self.streams.get(stream)
        if found is None:
            return
        user = found.user
        try:
            found.head_came(fields, ended, self.now)
        except Exception as error:
            self._fault(found, user, error)
        if user is not None:
            self._touched.append((found, user))

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        found = self.streams.get(stream)
        if found is None:
            self.credit(stream)
            return
        user = found.user
        try:
            found.body_came(data, ended, self.now)
        except Exception as error:
            self._fault(found, user, error)
        if user is not None:
            self._touched.append((found, user))

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        found = self.streams.get(stream)
        if found is None:
            return
        user = found.user
        try:
            found.trailers_came(fields, self.now)
        except Exception as error:
            self._fault(found, user, error)
        if user is not None:
            self._touched.append((found, user))

    def stream_broken(self, stream: int, rule: str) -> None:
        found = self.streams.pop(stream, None)
        if found is not None:
            self._end(found, "malformed", rule)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        found = self.streams.pop(stream, None)
        if found is not None:
            found.refused_by_peer = unprocessed
            self._end(found, "reset", f"the model server ended the stream: {name_of(code)}")

    def going_away(self, last: int, code: int) -> None:
        self.close()

    def settings_received(self) -> None:
        self._limit = min(self.allowed(), MAX_STREAMS)
        if not self._limit:
            self.close()
        if self.ready.done():
            self._tell(self.now)
        elif self._limit:
            self.ready.set_result(None)
        else:
            self.ready.set_exception(ConnectionRefusedError(errno.ECONNREFUSED, NO_STREAMS))

    def _end_all(self, reason: str, detail: str) -> None:
        self.handed_over()  # what was whole before is an answer
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            self._end(stream, reason, detail)

    def _end(self, stream: Http2ServerStream, reason: str, detail: str) -> None:
        user = stream.user
        try:
            stream.ended(reason, detail)
        except Exception as error:
            self._fault(stream, user, error)
        self.returned(stream, self.now)

    def _fault(self, stream: Http2ServerStream, user: StreamUser | None, error: Exception) -> None:
        """An unexpected exception in the work of a stream's user: the stream ends, the others go on."""
        unexpected(error)
        stream.user = None
        self.reset(stream.number, CANCEL)
        if user is not None:
            user.fault()
