"""Makes records of finished legs and puts them into the outbox; what is not put is counted by reason."""

from __future__ import annotations

from random import random
from typing import Final

from proxy.contracts.message import ResponseHead
from proxy.contracts.record import MAX_REQUEST_ID, UNARY, UNREAD, Record
from proxy.dataplane.memory import RECORDS, Memory
from proxy.dataplane.ports import StreamUser
from proxy.dataplane.request import Request
from proxy.dataplane.tally import Arm
from proxy.link.outbox import Outbox
from proxy.routing.calls import is_read, is_unary

MAX_RECORDED: Final = 4 * 1024 * 1024
"""Bytes of one body, an event stream apart, that reach control. Larger ones travel as None and count as unreadable."""

MAX_PART: Final = 128 * 1024
"""Bytes of an answer above which they go ahead of the record, as a part of it: what a leg holds of its answer."""

MAX_BEGINNING: Final = 16 * 1024
"""Bytes of a larger answer that a record carries: the first token of a stream is in them."""

MAX_CHUNK_TIMES: Final = 512
"""Arrival times of pieces that a record, or a part, carries."""


_NO_TIMES: Final[list[float]] = []
_NO_ENDS: Final[list[int]] = []
"""Of the legs whose answers come whole; never changed."""


_record: Final = Record
"""Looked up once."""


class RecordedLeg(StreamUser):
    """The facts of a leg that are recorded.

    - `arm`: where it was counted
    - `status` (0: none) or `failure`, a key of `FAILURES` ("": none); `fields`: the block of its answer's fields
    - `call`: the status with which a call of gRPC ends, -1: none
    - `detail`: the rule that a malformed answer broke, or what the server of a call says of its end
    - `started`: when it began (monotonic seconds); `first_byte`: seconds from then to the answer's head
    - `answer`: the pieces of its answer's body, None where they are not kept
    - `chunks`: seconds from `started` at which pieces of a streamed answer arrived; `ends`: bytes of it by then
    - `parts`: how many parts of the answer went ahead; `marks`: those of its record
    - `beginning`, `ending`: of an answer that is too large to be kept, the first bytes, and of an event stream the last
    """

    __slots__ = (
        "answer",
        "arm",
        "beginning",
        "call",
        "chunks",
        "detail",
        "ending",
        "ends",
        "failure",
        "fields",
        "first_byte",
        "marks",
        "parts",
        "started",
        "status",
    )

    def __init__(self, arm: Arm, answer: list[bytes] | None, connect_timeout: float, started: float) -> None:
        super().__init__(connect_timeout)
        self.arm, self.answer, self.started = arm, answer, started
        self.status, self.call = 0, -1
        self.failure = self.detail = ""
        self.fields = b""
        self.first_byte = 0.0
        self.chunks, self.ends = _NO_TIMES, _NO_ENDS
        self.beginning = self.ending = b""
        self.parts = self.marks = 0


class Recorder:
    """`epoch` is Unix time minus monotonic time, so that one clock read serves both; `sample` the part of the exchanges
    that control asks for. `memory`: the budget that
    waiting records draw on."""

    __slots__ = ("_exchanges", "_outbox", "epoch", "memory", "sample")

    def __init__(self, outbox: Outbox, epoch: float, memory: Memory) -> None:
        self._outbox, self.epoch, self.memory = outbox, epoch, memory
        self._exchanges = 0
        self.sample = 1.0

    def next_exchange(self) -> int:
        """The number of an exchange that will be recorded, or 0: not recorded (control asked for a sample)."""
        if self.sample < 1.0 and random() >= self.sample:
            self._outbox.drop("sampled")
            return 0
        self._exchanges += 1
        return self._exchanges

    def waiting(self) -> int:
        """Bytes of records that wait for control."""
        return self._outbox.waiting()

    def put(self, request: Request, leg: RecordedLeg, total: float, last: bool) -> None:
        """Records a leg that took `total` seconds. `last`: the exchange's last, so the request travels with it."""
        arm, answer = leg.arm, leg.answer
        if not self.memory.fits(RECORDS, 0):
            self._outbox.drop("memory")
            return
        asked: bytes | None = None
        fields, path, method, copies, marks = b"", "", "", -1, leg.marks
        if leg.call >= 0 and is_unary(request.head.path):
            marks |= UNARY
        if request.route.by_call and not is_read(request.head.path):
            marks |= UNREAD
        if last:
            head, copies = request.head, request.copies
            fields, path, method = head.fields, head.path.decode("latin-1"), head.method.decode("latin-1")
            pieces = request.pieces  # not joined for good: copies under way hold them as they are
            if pieces is not None and request.size <= MAX_RECORDED and request.recorded() and not leg.failure:
                asked = b"".join(pieces)
        self._outbox.put(
            _record(  # in the order of its fields: others are searched for
                request.number,
                arm.route,
                arm.version,
                arm.role,
                arm.share,
                leg.started + self.epoch,
                total,
                leg.status,
                leg.failure,
                leg.first_byte,
                request.request_id.decode("latin-1")[:MAX_REQUEST_ID],
                request.key,
                copies,
                request.inference,
                leg.call,
                leg.detail,
                method,
                path,
                fields,
                asked,
                leg.fields,
                None if answer is None else b"".join(answer),
                leg.chunks,
                leg.ends,
                leg.beginning,
                leg.ending,
                leg.parts,
                False,
                marks,
            )
        )

    def part(self, request: Request, leg: RecordedLeg, head: ResponseHead, data: bytes) -> bool:
        """Sends `data` of an answer ahead of its record; False where there is no room. The answer's fields travel with
        the first part."""
        arm = leg.arm
        if not self.memory.fits(RECORDS, len(data)):
            return False
        part = Record(
            *(request.number, arm.route, arm.version, arm.role, arm.share, leg.started + self.epoch, 0.0, head.status),
            response_fields=b"" if leg.parts else head.fields,
            response=data,
            chunks=leg.chunks,
            ends=leg.ends,
            parts=leg.parts,
            partial=True,
        )
        return self._outbox.put_part(part)
