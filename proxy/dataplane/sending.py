"""The sending side of a leg: the request as it comes from its client, and how it goes to the version.

1. What comes before there is a stream waits, and beyond `MAX_PENDING_REQUEST` its client is not read.
2. A request that is still coming has a place of `dataplane.uploads`.
3. A version that does not read holds its client back, and must go on within the time that it has to answer.
"""

from __future__ import annotations

from typing import Final

from proxy.dataplane.attempt import Attempt
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.live import Target
from proxy.dataplane.ports import ServerStream, Uploader
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import RETRYING

MAX_PENDING_REQUEST: Final = 256 * 1024
"""Bytes of a request that wait for a connection before the client is asked to pause."""

_NOTHING: Final[list[bytes]] = []
"""What waits where nothing does; never changed."""

AT_HAND: Final = 0
ADMITTED: Final = 1
IN_LINE: Final = 2
"""Where the upload of a leg's request stands: it is complete, has a place of `uploads`, or waits for one."""


class SendingLeg(Attempt, Uploader):
    """The base of `Leg`.

    - `pending`: pieces of the request that wait for a stream, `pending_size` bytes
    - `upload`: whether the request is still coming
    - `sent_at`: when the whole request was written, 0: not yet
    - `moved`: when a side that did not read was last seen to read on; `stalled`: the server does not read
    """

    __slots__ = ("client", "moved", "pending", "pending_size", "sent_at", "stalled", "upload")

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        super().__init__(shared, request, target, now)
        self.client: ClientStream = request.client
        self.pending = _NOTHING
        self.pending_size = 0
        self.upload = AT_HAND
        self.stalled = False
        self.sent_at = self.moved = 0.0

    def start(self, fresh: bool, now: float) -> None:
        """Asks for a stream; what is there of the request waits for it."""
        self.sent_at = 0.0
        request, pieces = self.request, self.request.pieces
        self.deadline = now + (self.target.response_timeout if request.complete else request.route.idle)
        if pieces:
            self.pending = pieces
        if request.complete:
            self._connect(fresh, now)
        elif self.target.pool.uploads.enter(self):
            self.upload = ADMITTED
            self._connect(fresh, now)
        else:
            self.upload = IN_LINE
        if self.stream is None and pieces:  # from now on both grow
            self.pending, self.pending_size = pieces.copy(), request.size

    def upload_admitted(self, now: float) -> None:
        self.upload = ADMITTED
        self.started = now  # the line is no fault of the version
        self._connect(self.state == RETRYING, now)

    def _connect(self, fresh: bool, now: float) -> None:
        super().start(fresh, now)

    def unrepeatable(self) -> bool:
        return self.request.beyond_keeping()

    def uploaded(self) -> None:
        """The request is complete, or the leg over: its place is free."""
        upload, self.upload = self.upload, AT_HAND
        if upload == ADMITTED:
            self.target.pool.uploads.ended(self.shared.clock())
        elif upload == IN_LINE:
            self.target.pool.uploads.leave_line(self)

    def send(self, stream: ServerStream) -> None:
        stream.begin(self, self.request.head, b"", self.request.extra, -1)
        self.send_body(stream)

    def send_body(self, stream: ServerStream) -> None:
        """Writes what is there of the request's body."""
        request, pending = self.request, self.pending
        if pending:
            for piece in pending:
                stream.data(piece)
            self.pending = _NOTHING
            if self.pending_size:
                self.pending_size = 0
                request.sent()
                self.client.resume("connecting")
        if request.complete:
            self.end_request()
        if not self.client.feeding():
            self.flush_request()

    def outgrown(self, size: int) -> bool:
        """Whether the leg has ended because the request's body is now of `size` bytes."""
        return False

    def request_body(self, data: bytes) -> None:
        """A piece of the request's body, or of a tunnel's bytes; `flush_request` follows."""
        if self.stream is not None:
            self.stream.data(data)
        else:
            if self.pending:
                self.pending.append(data)
            else:
                self.pending = [data]
            self.pending_size += len(data)

    def end_request(self) -> None:
        """The request's end; `flush_request` follows."""
        read_at, stream = self.request.read_at, self.stream
        if stream is not None:
            trailers, plan = self.request.trailers, self.target.plan
            if trailers and plan is not None:
                trailers = plan.trailers(trailers)
            if trailers:
                stream.trailers(trailers)
            stream.end()
            if self.upload:
                self.uploaded()
                if self.head is None and not (self.moved or self.stalled):
                    self.started, self.waited = read_at, 0.0  # the time that the client took is not the version's
            return
        self.deadline = read_at + self.target.response_timeout
        waits = self.upload == IN_LINE
        self.uploaded()
        if waits:
            self._connect(self.state == RETRYING, read_at)

    def flush_request(self) -> None:
        """Writes what waits, in one piece."""
        stream = self.stream
        if stream is None:
            if self.pending_size > MAX_PENDING_REQUEST:
                self.client.pause("connecting")
            return
        stream.flush()
        if self.request.complete and not self.sent_at:
            self.sent_at = self.shared.clock()
            self.deadline = self.sent_at + self.target.response_timeout

    def pause_request(self) -> None:
        """The model server reads slowly. It must go on within the time that it has to answer."""
        self.stalled = True
        if self.stream is not None:
            self.shared.memory.watch(self.stream)
        self.deadline = self.shared.clock() + self.target.response_timeout
        self.client.pause("upstream")

    def resume_request(self) -> None:
        self.stalled = False
        if self.stream is not None:
            self.shared.memory.forget(self.stream)
        if not self.sent_at:
            self.moved = self.shared.clock()
            self.deadline = self.moved + self.request.route.idle
        self.client.resume("upstream")

    def drop(self) -> None:
        self.unwatch()
        super().drop()
        if self.upload:
            self.uploaded()
        self.client.resume("upstream")
        self.client.resume("connecting")

    def unwatch(self) -> None:
        """The server's reading is looked at no more."""
        if self.stalled and self.stream is not None:
            self.shared.memory.forget(self.stream)
        self.stalled = False
