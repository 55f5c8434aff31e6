"""A connection to a model server that speaks HTTP/2, and its streams.

1. Streams are counted against what the server allows, since nothing may wait here unseen; one is taken from the moment
   it was lent.
2. An answer is credited when its user has taken it and its client keeps up: a slow client stops its own stream.
3. After a GOAWAY, beyond its age, or where its name leads elsewhere, no further stream is opened; those open finish.
4. Only a stream that the server has refused, or that its GOAWAY left out, was not worked on for sure.
5. One of whose server nothing is heard while calls wait for it gets no further ones, and ends (`silence`). What a
   server says that does not read its socket is no sign of life.
6. Numbers of streams end (RFC 9113 §5.1.1): long before, another connection is made.

The file is long because a connection and its streams are one state: what one hears ends others.
"""

from __future__ import annotations

import asyncio
import errno
import os
from math import inf
from time import monotonic
from typing import Final

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.contracts.table import Version
from proxy.dataplane.endpoints import ANYWHERE, ServerEndpoint
from proxy.dataplane.h2.connection import Http2Connection, Waiter
from proxy.dataplane.h2.silence import ASK, DEAD, Silence
from proxy.dataplane.local_fault import reason_of_end
from proxy.dataplane.members import NOBODY, Member
from proxy.dataplane.ports import Connection, ConnectionOwner, ServerStream, StreamUser
from proxy.dataplane.trust import IN_CLEAR, Trust
from proxy.dataplane.unexpected import unexpected
from proxy.http2.bounds import EARNED_BYTES, MAX_STREAM_ID, STREAMS, Http2Bounds
from proxy.http2.codes import CANCEL, NO_ERROR, Http2Error, name_of
from proxy.http2.fields import FieldGroup, FieldList, group_of
from proxy.http2.hpack_writer import MAX_GROUPS
from proxy.http2.request import Http2RequestHead, answer_trailers, begun_request, rest_of_request
from proxy.http2.response import MAX_FIELDS, Http2ResponseError, call_end, response_of

HIGH: Final = 64 * 1024
"""Bytes of a request that wait for its server before its client does."""

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


class Http2ServerStream(Waiter, ServerStream):
    """One request and its answer.

    - `number`: of the stream, 0 until the request's head was written
    - `returned`: it counts for its connection no more
    """

    __slots__ = (
        "_call",
        "_data",
        "_ended",
        "_group",
        "_head",
        "_head_only",
        "_paused",
        "_said",
        "_status",
        "_trailers",
        "_waits",
        "answered",
        "connection",
        "heard",
        "number",
        "refused_by_peer",
        "returned",
        "user",
    )

    def __init__(self, connection: Http2Upstream) -> None:
        self.connection = connection
        self.number = 0
        self.user: StreamUser | None = None
        self.answered = self.heard = self.refused_by_peer = self.returned = False
        self._head: FieldList | None = None
        self._group: FieldGroup | None = None  # what its head begins with
        self._data: list[bytes] = []
        self._trailers: FieldGroup | None = None
        self._ended = self._head_only = self._paused = self._waits = self._call = False
        self._status = self._said = 0

    # ServerStream

    def begin(self, user: StreamUser, head: RequestHead, authority: bytes, extra: bytes, length: int) -> None:
        self.user = user
        connection = self.connection
        self._head_only = head.method == b"HEAD"
        self._call = head.call if isinstance(head, Http2RequestHead) else is_grpc(head.field(b"content-type"))
        left = user.patience() if self._call else inf
        self._group = connection.begun_request(head, authority)
        self._head = rest_of_request(head, extra, length, left)

    def data(self, data: bytes) -> None:
        self._data.append(data)

    def trailers(self, fields: bytes) -> None:
        self._trailers = group_of(fields)

    def end(self) -> None:
        self._ended = True

    def flush(self) -> None:
        connection = self.connection
        head, data, self._head, self._data = self._head, self._data, None, []
        ended, self._ended = self._ended, False
        if self.returned:
            return
        last = ended and self._trailers is None
        if head is not None and not self._opened(head, last and not data):
            return
        if data:
            joined = b"".join(data) if len(data) > 1 else data[0]
            self._said += len(joined)
            connection.data(self.number, joined, last)
        elif last and head is None:
            connection.end(self.number)
        if ended and self._trailers is not None:
            connection.trailers(self.number, [], self._trailers)
        if self._said >= HIGH and not self._waits and connection.queued(self.number) >= HIGH:
            self._waits = True
            connection.waiters.add(self)
            if self.user is not None:
                self.user.pause_request()
        connection.changed()

    def _opened(self, head: FieldList, alone: bool) -> bool:
        """Writes the request's head. False: the connection takes none any more, of which the user hears soon."""
        try:
            self.number = self.connection.request(head, alone, self._group)
        except Http2Error:
            self.refused_by_peer = True
            asyncio.get_running_loop().call_soon(self.connection.refused, self)
            return False
        self.connection.begun(self)
        return True

    def unanswered(self) -> bool:
        return not self.heard

    def untouched(self, seconds: float) -> bool:
        return self.refused_by_peer

    def refused(self) -> bool:
        return self.refused_by_peer

    def unsent(self) -> int:
        return self.connection.queued(self.number) if self.number else 0

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self.connection.credit(self.number):
            self.connection.changed()

    def reset(self) -> None:
        self.user = self._head = None
        connection = self.connection
        connection.waiters.discard(self)
        if self.number:
            connection.reset(self.number, CANCEL)
            if not self.heard:
                connection.gave_up()
            connection.changed()
        else:
            connection.returned(self, monotonic())

    def give_back(self, now: float) -> None:
        self.connection.returned(self, now)

    def judged(self, succeeded: bool, now: float) -> None:
        self.connection.judged(succeeded, now)

    # what the connection hands over

    def opened(self) -> None:
        """The server takes more of the request."""
        if self.connection.queued(self.number) >= HIGH:
            return
        self._waits = False
        self.connection.waiters.discard(self)
        user = self.user
        if user is None:
            return
        try:
            user.resume_request()
        except Exception as error:
            unexpected(error)
            user.fault()

    def head_came(self, fields: tuple[tuple[bytes, bytes], ...], ended: bool, now: float) -> None:
        """The answer's head."""
        user, self.heard = self.user, True
        if user is None:
            return
        user.read_at = now
        try:
            head = response_of(self.connection.heading, ended, self._head_only)
        except Http2ResponseError as error:
            self._broken("malformed", str(error))
            return
        self._status = head.status
        if ended and self._call:
            _grade(user, fields, head.status)
        user.response_head(head)
        if ended:
            self.finished()

    def body_came(self, data: bytes, ended: bool, now: float) -> None:
        """A piece of the answer's body."""
        user = self.user
        if user is not None:
            user.read_at = now
            if data:
                user.response_body(data)
            if ended:
                if self._call:
                    _grade(user, (), self._status)
                self.finished()
        if not self._paused or self.user is None:
            self.connection.credit(self.number)

    def trailers_came(self, fields: tuple[tuple[bytes, bytes], ...], now: float) -> None:
        """The fields after the body, which end it."""
        user = self.user
        if user is None:
            return
        user.read_at = now
        if len(fields) > MAX_FIELDS:
            self._broken("malformed", f"more than {MAX_FIELDS} fields after the body")
            return
        block = answer_trailers(self.connection.heading)
        user.response_trailers(block)
        if self._call:
            _grade(user, fields, self._status)
        self.finished()

    def finished(self) -> None:
        """The answer is complete."""
        self.answered = True
        if self.user is not None:
            self.user.response_end()

    def ended(self, reason: str, detail: str) -> None:
        """The stream is over. Where the answer is not, it will not be."""
        self.connection.waiters.discard(self)
        user, self.user = self.user, None
        if user is not None and not self.answered:
            user.read_at = self.connection.now
            user.response_flush()
            if not self.answered:
                user.response_failed(reason, detail)

    def _broken(self, reason: str, detail: str) -> None:
        user, self.user = self.user, None
        self.connection.reset(self.number, CANCEL)
        if user is not None:
            user.response_flush()
            user.response_failed(reason, detail)


def _grade(user: StreamUser, fields: tuple[tuple[bytes, bytes], ...], status: int) -> None:
    """Tells how a call of gRPC ended."""
    code, message = call_end(fields, status)
    user.graded(code, message)


class Http2Upstream(Http2Connection, Connection):
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
            self._end_all("reset", f"{what_is} for {now - self._silence.since:.0f} s")
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
        """A stream was given up of which nothing was heard."""
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
        """What a request with this head begins with."""
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
        """The head of a stream was written."""
        self.streams[stream.number] = stream
        self.wrote += CALL_EARNS * EARNED_BYTES
        if self._silence.waiting <= self.now and not self.blocked:
            self._silence.sent(monotonic())
        if stream.number >= RENEW:
            self._going = True

    def refused(self, stream: Http2ServerStream) -> None:
        """A stream that was lent could not be opened any more."""
        self._going, self.now = True, monotonic()
        if stream.user is not None:
            self._end(stream, "reset", "the connection takes no further request")

    def returned(self, stream: Http2ServerStream, now: float) -> None:
        """A stream that was lent has ended. Told twice where its user has failed as well."""
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
        """What a stream has carried speaks for or against the endpoint."""
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
