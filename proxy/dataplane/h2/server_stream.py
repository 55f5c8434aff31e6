"""One stream of a connection to a model server that speaks HTTP/2: a request, and its answer.

1. What is written waits in the engine until the server's windows and the socket take it; beyond `HIGH` bytes the client
   waits.
2. An answer is credited when its user has taken it and its client keeps up: a slow client stops its own stream.
3. Only a stream that the server has refused, or that its GOAWAY left out, was not worked on for sure.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import Final

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.dataplane.h2.connection import Http2Connection, Waiter
from proxy.dataplane.ports import ServerStream, StreamUser
from proxy.dataplane.unexpected import unexpected
from proxy.http2.codes import CANCEL, Http2Error
from proxy.http2.fields import FieldGroup, FieldList, group_of
from proxy.http2.request import Http2RequestHead, answer_trailers, rest_of_request
from proxy.http2.response import MAX_FIELDS, Http2ResponseError, call_end, response_of

HIGH: Final = 64 * 1024
"""Bytes of a request that wait for its server before its client does."""


class LendingConnection(Http2Connection):
    """A connection as the streams that it lends know it."""

    __slots__ = ()

    def begun_request(self, head: RequestHead, authority: bytes) -> FieldGroup:
        """What a request with this head begins with."""
        raise NotImplementedError

    def begun(self, stream: Http2ServerStream) -> None:
        """The head of a stream was written."""
        raise NotImplementedError

    def refused(self, stream: Http2ServerStream) -> None:
        """A stream that was lent could not be opened any more."""
        raise NotImplementedError

    def gave_up(self) -> None:
        """A stream was given up of which nothing was heard."""
        raise NotImplementedError

    def returned(self, stream: Http2ServerStream, now: float) -> None:
        """A stream that was lent has ended. Told twice where its user has failed as well."""
        raise NotImplementedError

    def judged(self, succeeded: bool, now: float) -> None:
        """What a stream has carried speaks for or against the endpoint."""
        raise NotImplementedError


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

    def __init__(self, connection: LendingConnection) -> None:
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
