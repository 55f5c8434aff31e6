"""One connection to a model server, for one request at a time, and what is noted of its answer.

What is kept of an answer, and the times that are noted, are as in a record of a worker, so that statistics meet the
same facts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import cast

from proxy.cli.replay.message import RequestMessage
from proxy.contracts.failure import FAILURES
from proxy.contracts.stream_end import media_of
from proxy.control.replay.asking import LiveAnswer
from proxy.http1.response import Http1ResponseHead, ResponseError, ResponseReader

MAX_KEPT = 4 * 1024 * 1024
"""Bytes of an answer that are analysed; of a larger one its beginning, and of a stream its end."""
MAX_END = 16 * 1024
"""Bytes of a beginning, and of an end."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that are read, most of them thrown away, before it is given up."""
MAX_TIMES = 512
"""Times of pieces that are noted of a streamed answer."""

MAX_FAULTS = 5
"""Different faults of a server that are told apart."""
OTHER_FAULTS = "other faults"


class ServerTally:
    """What came of the requests to a server.

    - `answered`, `lost`: requests by what came of them
    - `faults`: why those that are lost have no answer, in words, with how many
    """

    __slots__ = ("answered", "faults", "lost")

    def __init__(self) -> None:
        self.answered = self.lost = 0
        self.faults: Counter[str] = Counter()

    def note(self, failure: str, why: str = "") -> None:
        """Counts a request; `failure`: the reason for which it has no answer, or ""; `why`: more of it, in words."""
        if not failure:
            self.answered += 1
            return
        self.lost += 1
        told = f"{why or _title(failure)} ({failure})"
        self.faults[told if told in self.faults or len(self.faults) < MAX_FAULTS else OTHER_FAULTS] += 1

    @property
    def told(self) -> str:
        """Why requests have no answer, most of them first; "": all have one."""
        if len(self.faults) == 1:
            return next(iter(self.faults))
        return "; ".join(f"{n:,} x {fault}" for fault, n in self.faults.most_common())


def _title(failure: str) -> str:
    title = FAILURES[failure].title if failure in FAILURES else ""
    return title[:1].lower() + title[1:]


class SentRequest:
    """One request under way. `done` gets the answer, once; `tally` counts it."""

    __slots__ = (
        "again",
        "answer",
        "began",
        "deadline",
        "done",
        "last",
        "message",
        "pieces",
        "size",
        "streamed",
        "tally",
    )

    def __init__(
        self,
        message: RequestMessage,
        done: Callable[[LiveAnswer], None],
        tally: ServerTally,
        began: float,
        patience: float,
    ) -> None:
        self.message, self.done, self.tally, self.began = message, done, tally, began
        self.deadline, self.last = began + patience, inf
        self.answer = LiveAnswer()
        self.pieces: list[bytes] = []
        self.size = 0
        self.again = self.streamed = False

    def add(self, data: bytes) -> None:
        """Keeps a piece of the body."""
        self.size += len(data)
        if self.size <= MAX_KEPT:
            self.pieces.append(data)
            return
        if self.pieces:
            whole = b"".join(self.pieces)
            self.answer.beginning, self.answer.ending, self.pieces = whole[:MAX_END], whole[-MAX_END:], []
        self.answer.ending = (self.answer.ending + data)[-MAX_END:]

    def note_time(self, now: float) -> None:
        """Notes when a piece of a streamed body came."""
        answer = self.answer
        if len(answer.ends) < MAX_TIMES and self.size > (answer.ends[-1] if answer.ends else 0):
            answer.ends.append(self.size)
            answer.chunks.append(now - self.began)

    def end(self, failure: str, now: float, why: str = "") -> None:
        """The answer is complete, or has failed; `why`: more of the reason, for people."""
        answer = self.answer
        answer.total, answer.failure = now - self.began, failure
        if self.size <= MAX_KEPT:
            answer.body = b"".join(self.pieces)
        elif not media_of(answer.fields):
            answer.ending = b""
        if failure:
            answer.status, answer.body = 0, None
        self.tally.note(failure, why)
        self.done(answer)


class ServerConnection(ResponseReader, asyncio.Protocol):
    """`freed` is called with the connection when its request is done and it can be used again, `ended` with the request
    that its end leaves unanswered, and whether that may be sent again: nothing came, on a connection that had been
    idle."""

    transport: asyncio.Transport

    def __init__(
        self,
        freed: Callable[[ServerConnection], None],
        ended: Callable[[ServerConnection, SentRequest | None, str, bool], None],
        idle_seconds: float,
    ) -> None:
        super().__init__()
        self._freed, self._gone, self._idle_seconds = freed, ended, idle_seconds
        self.asking: SentRequest | None = None
        self._used = self._keep = False
        self._announced = 0
        self._failure = "reset"

    def ask(self, asking: SentRequest) -> None:
        """Sends a request."""
        self.asking = asking
        self.expect(asking.message.head_only)
        self.transport.write(asking.message.data)

    def fail(self, reason: str) -> None:
        """Ends the connection, and its request with this reason."""
        self._failure = reason
        self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        asking = self.asking
        if asking is None:
            self.transport.abort()  # bytes of no answer
            return
        try:
            self.feed(data)
        except ResponseError:
            self.fail("malformed")
            return
        now = monotonic()
        if asking is not self.asking:
            self._answered(asking, now)
            return
        if asking.streamed:
            asking.note_time(now)
        if asking.answer.status:
            asking.deadline = now + self._idle_seconds
        if asking.size > MAX_ANSWER or self._announced > MAX_ANSWER:
            self.fail("answer_too_large")

    def _answered(self, asking: SentRequest, now: float) -> None:
        if asking.streamed:
            asking.note_time(now)
        keep, self._used = self._keep, True
        asking.end("", now)
        if keep and not self.transport.is_closing():
            self._freed(self)
        else:
            self.transport.close()

    def eof_received(self) -> None:
        asking = self.asking
        if asking is None:
            return
        try:
            self.end_of_stream()
        except ResponseError:
            return
        self._keep = False
        self._answered(asking, monotonic())

    def connection_lost(self, error: Exception | None) -> None:
        asking, self.asking = self.asking, None
        stale = self._used and self._failure == "reset" and self.nothing_read()
        self.release()
        self._gone(self, asking, self._failure, stale)

    # ResponseReader

    def response_head(self, head: Http1ResponseHead) -> None:
        asking = self.asking
        assert asking is not None
        answer = asking.answer
        answer.status, answer.fields = head.status, head.fields
        answer.first_byte = monotonic() - asking.began
        asking.streamed, self._keep = head.streamed, head.keep_alive
        self._announced = head.length or 0

    def response_body(self, data: bytes) -> None:
        asking = self.asking
        assert asking is not None
        asking.add(data)

    def response_end(self) -> None:
        self.asking = None
