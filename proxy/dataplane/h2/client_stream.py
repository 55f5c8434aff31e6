"""One stream of a client's HTTP/2 connection: the client's end of an exchange.

1. Bytes of the request are credited when the exchange has taken them and the model server keeps up: a client that is
   ahead of its server waits, and no other stream with it.
2. What is written waits in the engine until the client's windows and the socket take it; beyond `HIGH` bytes the model
   server waits.
3. A client of gRPC gets our own answers as its protocol has them: status 200 and `grpc-status` in the same head, or as
   trailers where an answer had begun.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.failure import Failure
from proxy.contracts.grpc_status import GRPC, code_of_failure, escaped, is_grpc
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h2.connection import Http2Connection, Waiter
from proxy.dataplane.unexpected import unexpected
from proxy.http2.codes import CANCEL, INTERNAL_ERROR, NO_ERROR
from proxy.http2.fields import MOST_GROWTH, FieldGroup, FieldList, added, group_of, listed, size_of
from proxy.http2.problem import problem_body
from proxy.http2.response import begun_response

LEAST_FIELDS: Final = 8 * 1024
"""Bytes of a head, or of trailers, that each client is taken to have room for: the usual bound of gRPC's libraries. One
that says less must not have versions charged with what all others take."""

HIGH: Final = 64 * 1024
"""Bytes of an answer that wait for its client before its model server does."""


class Http2ClientStream(Waiter, ClientStream):
    """`exchange` is the request of the stream, None once it has ended: the two would keep each other, and be found only
    when garbage is collected. `number` is that of the stream, `engine` its connection.

    - `whole`: all of the request has come; `said`: all of the answer was said
    - `asked`: the request's head; `expects`: its client waits for a word before it sends the body
    - `waits`: its answer waits for the client
    - `since`: once its exchange has ended, when the client last took some of its answer
    - `counted`: bytes of its head that are counted in the worker's memory
    """

    __slots__ = (
        "_data",
        "_ended",
        "_group",
        "_head",
        "_paused",
        "_queued",
        "_said",
        "_trailers",
        "asked",
        "counted",
        "engine",
        "exchange",
        "expects",
        "number",
        "said",
        "since",
        "waits",
        "whole",
    )

    def __init__(self, engine: Http2Connection, number: int, asked: RequestHead) -> None:
        self.engine, self.number, self.asked = engine, number, asked
        self.exchange: Exchange | None = None
        self.said = self.waits = self.whole = self.expects = False
        self.counted = 0
        self.since = 0.0
        self._head: FieldList | None = None
        self._group: FieldGroup | None = None  # what its head begins with
        self._data: list[bytes] = []
        self._trailers: FieldGroup | None = None
        self._ended = False
        self._paused: set[str] = set()
        self._queued = self._said = 0  # bytes of the answer: that wait, and in all

    @property
    def over(self) -> bool:
        """Whether its exchange has ended."""
        return self.exchange is None

    @property
    def is_grpc(self) -> bool:
        """Whether its client speaks gRPC."""
        return is_grpc(self.asked.field(b"content-type"))

    # what the connection hands over

    def came(self, data: bytes) -> None:
        """A piece of the request."""
        if self.exchange is not None:
            self.exchange.request_body(data)
        if self.exchange is None or not self._paused:
            self.engine.credit(self.number)

    def opened(self) -> None:
        """The client, or the socket, takes more."""
        exchange = self.exchange
        if exchange is None:
            self._leave()
            return
        if self.engine.queued(self.number) >= HIGH:
            return
        self.waits = False
        self.engine.waiters.discard(self)
        try:
            exchange.resume_answer()
        except Exception as error:
            unexpected(error)
            exchange.fault()

    def _leave(self) -> None:
        """The answer is complete, and was written: the rest of the request is not needed (RFC 9113 §8.1)."""
        engine = self.engine
        if engine.blocked or engine.queued(self.number):
            return
        engine.waiters.discard(self)
        if not self.whole:
            engine.reset(self.number, NO_ERROR)
            engine.changed()

    def sweep(self, now: float, patience: float) -> None:
        """Ends what the client does not take of an answer that is complete, after `patience` seconds."""
        exchange = self.exchange
        if exchange is not None and exchange.over():
            self.reset()  # an unexpected exception has kept it from its end
        elif exchange is not None or self.takes():
            self.since = now
        elif now - self.since > patience:
            self.engine.waiters.discard(self)
            self.engine.reset(self.number, CANCEL)
            self.engine.changed()

    def gone(self) -> None:
        """The client has taken its request back, or its connection has ended."""
        exchange, self.exchange = self.exchange, None
        self.engine.waiters.discard(self)
        if exchange is None:
            return
        try:
            exchange.aborted()
        except Exception as error:
            unexpected(error)
            exchange.fault()

    # ClientStream

    def ask_for_body(self) -> None:
        """Windows say how much may come; a client that waits for a word gets it."""
        if self.expects and not self.whole:
            self.engine.interim(self.number, [(b":status", b"100")])
            self.engine.changed()

    def head(self, head: ResponseHead, version: bytes, extra: bytes) -> None:
        self._group, self._head = begun_response(head, version), added(extra) if extra else []

    def takes_fields(self, block: bytes, own: int) -> bool:
        if MOST_GROWTH * len(block) <= LEAST_FIELDS - own:
            return True  # nearly all
        return size_of(tuple(listed(block))) <= max(self.engine.most_fields(), LEAST_FIELDS) - own

    def data(self, data: bytes) -> None:
        self._data.append(data)

    def trailers(self, fields: bytes) -> None:
        self._trailers = group_of(fields)

    def end(self) -> None:
        self._ended = True

    def flush(self) -> bool:
        engine, number = self.engine, self.number
        head, data, self._head, self._data = self._head, self._data, None, []
        ended, self._ended = self._ended, False
        if head is None and not data and not ended:
            return False
        last = ended and self._trailers is None
        self.said = ended
        if head is not None:
            engine.respond(number, head, last and not data, self._group)
        if data:
            joined = b"".join(data) if len(data) > 1 else data[0]
            self._said += len(joined)
            engine.data(number, joined, last)
        elif last and head is None:
            engine.end(number)
        if ended and self._trailers is not None:
            engine.trailers(number, [], self._trailers)
        if self._said >= HIGH and not self.waits and engine.queued(number) >= HIGH:
            self.waits = True
            engine.waiters.add(self)
        engine.changed()
        return True

    def discard(self) -> None:
        self._head, self._group, self._data, self._trailers, self._ended = None, None, [], None, False

    def problem(self, failure: Failure, detail: str, extra: bytes) -> None:
        self.discard()
        if self.is_grpc:
            fields: FieldList = [(b":status", b"200"), (b"content-type", GRPC), *_status_of(failure, detail)]
            self.engine.respond(self.number, fields + listed(extra), True)
        else:
            body = problem_body(failure, detail)
            fields = [
                (b":status", b"%d" % failure.status),
                (b"content-type", b"application/problem+json"),
                (b"content-length", b"%d" % len(body)),
            ]
            if failure.status == 503:
                fields.append((b"retry-after", b"1"))
            alone = self.asked.method == b"HEAD"
            self.engine.respond(self.number, fields + listed(extra), alone)
            if not alone:
                self.engine.data(self.number, body, True)
        self.said = True
        self.engine.changed()

    def done(self, now: float) -> None:
        self.exchange = None
        self.engine.waiters.discard(self)
        if not self.whole:
            self.engine.credit(self.number)
            self.engine.waiters.add(self)
            self.engine.changed()

    def reset(self) -> None:
        self.exchange = None
        self.engine.waiters.discard(self)
        self.engine.reset(self.number, INTERNAL_ERROR)
        self.engine.changed()

    def cut(self, failure: Failure, detail: str) -> None:
        if self.said or not self.is_grpc:
            self.reset()
            return
        self.discard()
        self.engine.trailers(self.number, _status_of(failure, detail))
        self.said = True
        self.done(self.engine.now)
        self.engine.changed()

    def pause(self, reason: str) -> None:
        self._paused.add(reason)

    def resume(self, reason: str) -> None:
        paused = self._paused
        if reason in paused:
            paused.discard(reason)
            if not paused and self.engine.credit(self.number):
                self.engine.changed()

    def feeding(self) -> bool:
        return self.engine.feeding

    def congested(self) -> bool:
        return self.waits

    def takes(self) -> bool:
        before, self._queued = self._queued, self.engine.queued(self.number)
        return before != self._queued


def _status_of(failure: Failure, detail: str) -> FieldList:
    """A failure of ours in the words of gRPC."""
    return [
        (b"grpc-status", b"%d" % code_of_failure(failure.reason, failure.status)),
        (b"grpc-message", escaped(f"{failure.title}: {detail}")),
    ]
