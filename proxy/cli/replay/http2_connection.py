"""One connection to a model server of HTTP/2, for many requests at a time, by the engine that carries the traffic.

1. There are as many streams as the server allows: `room` says how many more.
2. What was read is given back at once: an answer is kept, or thrown away, in bounded memory.
3. A call of gRPC has ended as the fields behind its answer say, as for a worker (`http2.response.call_end`).
4. What the server refused, or left out as it went away, was not worked on and may be sent again; and so may what an
   idle connection had not begun to answer when it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import cast

from proxy.cli.replay.connection import MAX_ANSWER, SentRequest
from proxy.contracts.grpc_status import HTTP_STATUS, unescaped
from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import CANCEL, NO_ERROR, Http2Error
from proxy.http2.engine import Http2Engine
from proxy.http2.outbound import MOST
from proxy.http2.response import MAX_FIELDS, Http2ResponseError, call_end, response_of

Fields = tuple[tuple[bytes, bytes], ...]

NO_HTTP2 = "it does not speak HTTP/2"
NO_STREAMS = "it allows no requests by HTTP/2"


class Http2ServerConnection(Http2Engine, asyncio.Protocol):
    """`changed` is called when it may have room again, or has none for good; `unanswered` with a request that its
    stream leaves unanswered, why, and whether that may be sent again.

    - `ready`: done once the server has said what it allows
    - `asked`: requests under way, by the number of their stream
    - `leaving`: it takes no further request
    """

    transport: asyncio.Transport

    def __init__(
        self,
        changed: Callable[[], None],
        unanswered: Callable[[SentRequest, str, bool], None],
        idle_seconds: float,
    ) -> None:
        super().__init__(True, Http2Bounds())
        self._changed, self._unanswered, self._idle_seconds = changed, unanswered, idle_seconds
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked: dict[int, SentRequest] = {}
        self.leaving = False
        self._touched: dict[int, SentRequest] = {}
        self._over: list[int] = []
        self._heard_at = 0.0
        self._answered = self._busy = self._something = self._blocked = False

    def has_room(self) -> bool:
        """Whether a further request may be sent."""
        return not self.leaving and self.room() > 0 and not self.transport.is_closing()

    def ask(self, asking: SentRequest) -> None:
        """Queues a request, until `flush`; only while there is room."""
        message = asking.message
        assert message.fields is not None
        number = self.request(message.fields, not message.data)
        self.asked[number] = asking
        if message.data:
            self.data(number, message.data, True)

    def fail(self, number: int, reason: str, detail: str = "") -> None:
        """Ends a request with this reason. Where nothing was heard since it was sent, others may be better off
        elsewhere."""
        asking = self.asked.pop(number)
        self.leaving = self.leaving or self._heard_at < asking.began
        self.reset(number, CANCEL)
        self.flush()
        asking.answer.detail = detail
        asking.end(reason, monotonic())
        self._leave_if_done()

    def drop(self) -> None:
        """Ends it; what is under way is not told."""
        self.asked, self.leaving = {}, True
        self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        now = self._heard_at = monotonic()
        error = self._feed(data, now)
        if error is not None:
            self._give_up(error)
            return
        for asking in self._touched.values():
            _note(asking, now, self._idle_seconds)
        self._touched.clear()
        self._end_requests()
        self.flush()
        self._leave_if_done()
        self._changed()

    def _feed(self, data: bytes, now: float) -> Http2Error | None:
        self._busy = True
        try:
            self.feed(data, now)
        except Http2Error as error:
            return error
        finally:
            self._busy = False
        return None

    def _end_requests(self) -> None:
        """What is left of requests that were answered is not needed (RFC 9113 §8.1)."""
        over, self._over = self._over, []
        for number in over:
            if number in self.open:
                self.reset(number, CANCEL)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.leaving = True
        if not self.ready.done():
            self._not_ready(NO_HTTP2)
        asked, self.asked = self.asked, {}
        for asking in asked.values():
            stale = self._answered and not asking.answer.status and self._heard_at < asking.began
            self._unanswered(asking, "reset", stale)
        self._changed()

    # what is written

    def flush(self) -> None:
        """Writes what there is, as far as the socket takes it. Streams that end with that may say more meanwhile."""
        self._something = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._something:
                self._something = False
                self._write()
        finally:
            self._busy = False

    def _write(self) -> None:
        while not (self._blocked or self.transport.is_closing()):
            data = self.take()
            if data:
                self.transport.write(data)
            if len(data) < MOST:
                return

    def _give_up(self, error: Http2Error) -> None:
        self.leaving = True
        self.goaway(error.code)
        self.flush()
        asked, self.asked = self.asked, {}
        for asking in asked.values():
            asking.answer.detail = str(error)
            asking.end("malformed", monotonic())
        self.transport.abort()

    def _leave_if_done(self) -> None:
        if self.leaving and not (self.asked or self._busy or self.transport.is_closing()):
            self.goaway(NO_ERROR)
            self.flush()
            self.transport.close()

    # the engine's hooks

    def settings_received(self) -> None:
        if self.ready.done():
            return
        if self.allowed():
            self.ready.set_result(None)
        else:
            self._not_ready(NO_STREAMS)

    def _not_ready(self, why: str) -> None:
        self.ready.set_exception(ConnectionError(why))
        self.ready.exception()  # whoever waits is told; where nobody does, that is no fault

    def going_away(self, last: int, code: int) -> None:
        self.leaving = True

    def stream_head(self, stream: int, fields: Fields, ended: bool) -> None:
        asking = self.asked.get(stream)
        if asking is None:
            return
        try:
            head = response_of(self.heading, ended, asking.message.head_only)
        except Http2ResponseError as error:
            self.fail(stream, "malformed", str(error))
            return
        answer = asking.answer
        answer.status, answer.fields = head.status, head.fields
        answer.first_byte = self._heard_at - asking.began
        asking.streamed = head.streamed
        if ended:
            self._end(stream, asking, fields)
        else:
            self._touched[stream] = asking

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        self.credit(stream)
        asking = self.asked.get(stream)
        if asking is None:
            return
        asking.add(data)
        if ended:
            self._end(stream, asking, ())
        elif asking.size > MAX_ANSWER:
            self.fail(stream, "answer_too_large")
        else:
            self._touched[stream] = asking

    def stream_trailers(self, stream: int, fields: Fields) -> None:
        asking = self.asked.get(stream)
        if asking is None:
            return
        if len(fields) > MAX_FIELDS:
            self.fail(stream, "malformed", f"more than {MAX_FIELDS} fields after the body")
        else:
            self._end(stream, asking, fields)

    def stream_broken(self, stream: int, rule: str) -> None:
        if stream in self.asked:
            self._touched.pop(stream, None)
            self.fail(stream, "malformed", rule)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        asking = self.asked.pop(stream, None)
        if asking is not None:
            self._touched.pop(stream, None)
            self._unanswered(asking, "reset", unprocessed)

    def _end(self, stream: int, asking: SentRequest, fields: Fields) -> None:
        """The answer is complete; `fields`: those behind it, or of a head alone."""
        del self.asked[stream]
        self._touched.pop(stream, None)
        self._answered = True
        self._over.append(stream)
        answer = asking.answer
        if asking.message.call:
            code, message = call_end(fields, answer.status)
            answer.call, answer.status = code, HTTP_STATUS[code]
            answer.detail = unescaped(message) if code else ""
        if asking.streamed:
            asking.note_time(self._heard_at)
        asking.end("", self._heard_at)


def _note(asking: SentRequest, now: float, idle_seconds: float) -> None:
    """Notes that a part of an answer has come."""
    if asking.streamed:
        asking.note_time(now)
    asking.deadline = now + idle_seconds
