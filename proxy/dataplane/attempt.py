"""One attempt at an upstream: what a leg of an exchange and a copy to a shadow have in common.

1. It asks the pool for a stream, and closes once, when it is answered, has failed, or is given up (`states.ATTEMPT`).
2. It is counted once, when it closes, on the arm that it was assigned to when it began.
3. It is sent again, once, as the route says: by default only when the server cannot have worked on it
   (`dataplane.resend`).
4. A stream that has shown its end is an answer, however its connection ends (`contracts.stream_end`).
5. What a version is charged with says one table (`contracts.outcome`).
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import i64
from proxy.contracts.grpc_status import HTTP_STATUS, LABELS, PREFIX, is_grpc, unescaped
from proxy.contracts.message import ResponseHead
from proxy.contracts.outcome import outcome_of
from proxy.contracts.record import DISTURBED
from proxy.contracts.stream_end import can_show_its_end, media_of, shows_an_error, shows_its_end
from proxy.contracts.table import COPY_ROLES
from proxy.dataplane.live import Target
from proxy.dataplane.memory import COUNTED, RECORDS
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.recorder import MAX_BEGINNING, MAX_CHUNK_TIMES, MAX_PART, MAX_RECORDED, RecordedLeg
from proxy.dataplane.request import Request
from proxy.dataplane.resend import decide
from proxy.dataplane.shared import Shared
from proxy.dataplane.stall import excused
from proxy.dataplane.states import (
    AGAIN,
    ATTEMPT_STEPS,
    CLOSE,
    CLOSED,
    ENDED,
    FRESH,
    HEAD,
    HEADED,
    LAST,
    REUSE,
    REUSED,
    WAITING,
)
from proxy.dataplane.tail import Tail
from proxy.dataplane.unexpected import unexpected

STALE_SECONDS: Final = 0.25
"""Seconds from the first byte of a request within which the end of a connection means that it was closed before: the
server's answer to bytes for a closed connection takes one round trip, which is less than this anywhere. A connection
that ends later was open, and its server may have worked on the request."""


class Attempt(RecordedLeg):
    """The base of `Leg` and `ShadowLeg`.

    - `stream`: None until there is one; `state`: one of `states.ATTEMPT`
    - `deadline`: monotonic seconds at which to look; what has moved since then is the leg's matter
    - `begun`: when the request's first byte was written; `piece_at`: when the answer's last piece was read
    - `head`: the answer's, once it has come; `media`: its media type, where it is a stream that shows its end
    - `tail`: the last bytes of such a stream, where its pieces are not kept
    - `sent_ahead`: bytes of the answer's body that went ahead of the record
    - `still`: seconds that the event loop stood still meanwhile (`dataplane.stall`)
    - `waited`: when the wait for a stream began, then how many seconds it took
    - `counted`: bytes of the answer that are counted in the worker's memory
    - `answer_size`: bytes of the answer's body so far; `streamed`: its length was not known from its head
    """

    __slots__ = (
        "answer_size",
        "begun",
        "counted",
        "deadline",
        "head",
        "media",
        "piece_at",
        "request",
        "sent_ahead",
        "shared",
        "state",
        "still",
        "stream",
        "streamed",
        "tail",
        "target",
        "waited",
    )

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        arm = shared.tally.counted(target.arm if request.inference else target.other_arm)
        route = request.route
        super().__init__(arm, [] if request.number and request.analysed() else None, route.connect, now)
        self.shared, self.request, self.target = shared, request, target
        self.stream: ServerStream | None = None
        self.state: i64 = WAITING
        self.deadline = self.waited = self.begun = self.piece_at = self.still = 0.0
        self.head: ResponseHead | None = None
        self.media = b""
        self.tail: Tail | None = None
        self.answer_size = self.sent_ahead = self.counted = 0
        self.streamed = False
        arm.inflight += 1

    def send(self, stream: ServerStream) -> None:
        """Writes the request, or what is there of it."""
        raise NotImplementedError

    # the stream

    def start(self, fresh: bool, now: float) -> None:
        """Asks the pool for a stream. `fresh`: on a new connection."""
        self.waited = now
        self.target.pool.acquire(self, fresh, now)

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        if self.state == CLOSED:
            stream.give_back(now)
            return
        self.waited, self.begun = now - self.waited, now
        if fresh:
            self.arm.connected(self.waited)
        self.step(FRESH if fresh else REUSE)
        self.stream = stream
        self.send(stream)

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        if self.state != CLOSED:
            self.response_failed(reason, detail)

    def turned_out_stale(self, reason: str, now: float) -> bool:
        """RFC 9112 §9.3.1: True when the connection was closed by the server while it was idle, which only its use has
        shown. Nothing was received, the request was not taken, and the end came at once: the server has not worked on
        the request (`dataplane.resend`)."""
        seconds, stream = now - self.begun, self.stream
        if reason != "reset" or stream is None:
            return False
        if stream.refused():
            return stream.unanswered()
        return self.state == REUSED and seconds <= STALE_SECONDS and stream.untouched(seconds)

    def decided(self, reason: str, now: float) -> tuple[bool, str]:
        """Whether the request is sent again after this failure, and why or why not; no word: it is none of those after
        which that is a question."""
        if reason != "reset" or self.stream is None or not self.stream.unanswered():
            return False, ""
        stale, again = self.turned_out_stale(reason, now), self.state == LAST
        return decide(self.request.route.retry, self.request.head, stale, again)

    def may_go_again(self, now: float) -> bool:
        """Whether its request may yet be sent again."""
        retry = self.request.route.retry
        if self.head is not None or self.state == LAST or retry == "never":
            return False
        return retry != "unprocessed" or (self.state == REUSED and now - self.begun <= STALE_SECONDS)

    def start_again(self, why: str, now: float) -> None:
        """Sends the request again. A try on which the server may have worked has failed, and counts."""
        self.step(AGAIN)
        request = self.request
        self.shared.tally.retried(request.route_name, self.target.version, why)
        if why != "stale":
            self.arm.failed("reset", outcome_of("reset"), now - self.started, request.key)
            self._judge(False, now)
            self.started = now
        self.drop()
        self.start(True, now)

    def drop(self) -> None:
        """Gives up the stream, or the wait for one."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.reset()
        else:
            self.target.pool.abandon(self)

    def broken(self) -> bool:
        """Ends it after an unexpected exception, as far as it has not ended. True where that is how it is counted."""
        under_way = self.state != CLOSED
        if under_way:
            try:
                self.close_failed("internal", False, self.shared.clock())
            except Exception as error:
                unexpected(error)
                if self.state != CLOSED:
                    self._close()
        try:
            self.drop()
        except Exception as error:
            unexpected(error)
        return under_way

    def step(self, event: i64) -> None:
        """Follows the table. Raises IllegalStep."""
        self.state = ATTEMPT_STEPS.after(self.state, event)

    # the answer

    def headed(self, head: ResponseHead) -> None:
        """The answer's head is here."""
        self.step(HEAD)
        self.head = head
        self.first_byte = self.read_at - self.started
        if head.streamed:
            self.streamed = True
            media = media_of(head.fields)
            if can_show_its_end(media):
                self.media = media

    def keep(self, data: bytes) -> None:
        """Keeps a piece of the answer for the record; of a stream that has sent parts ahead its last bytes, too."""
        self.answer_size += len(data)
        self.piece_at = self.read_at
        tail = self.tail
        if self.answer is not None:
            self.answer.append(data)
            size = self.answer_size - self.sent_ahead
            if size - self.counted > COUNTED:
                self._count_kept(size)
        elif tail is None and self.media:
            tail = self.tail = Tail()
        if tail is not None:
            tail.add(data)

    def _count_kept(self, size: int) -> None:
        """Counts what is kept of the answer. Where the worker has no memory for it, it is kept no more."""
        if self.shared.memory.take(RECORDS, size - self.counted):
            self.counted = size
        else:
            self._send_ahead(False)

    def _uncount(self) -> None:
        if self.counted:
            self.shared.memory.give(RECORDS, self.counted)
            self.counted = 0

    def note_piece(self) -> None:
        """Notes that a piece of a recorded answer has arrived. What is enough for a part goes ahead."""
        if not self.request.number:
            return
        full = self.streamed and self._note_time()
        if full or self.answer_size - self.sent_ahead > MAX_PART:
            self._send_ahead(True)

    def _note_time(self) -> bool:
        """Notes when the piece arrived, and how much had come by then; a head alone is none. True: a part has no more
        such times."""
        size, ends = self.answer_size, self.ends
        if len(ends) < MAX_CHUNK_TIMES and size > (ends[-1] if ends else self.sent_ahead):
            if ends:
                ends.append(size)
                self.chunks.append(self.read_at - self.started)
            else:
                self.ends, self.chunks = [size], [self.read_at - self.started]
        return len(self.ends) >= MAX_CHUNK_TIMES

    def _send_ahead(self, room: bool) -> None:
        """Sends what is kept ahead of the record. Where it is too large, or there is no room, the beginning stays."""
        answer, head, request = self.answer, self.head, self.request
        if answer is None or head is None or self.state == ENDED:
            return
        if self.media and self.tail is None:
            tail = self.tail = Tail()
            for piece in answer:
                tail.add(piece)
        data = b"".join(answer)
        if not self.parts:
            self.beginning = data[:MAX_BEGINNING]
        self.answer = None
        self._uncount()
        if room and self._worth_a_part(head) and self.shared.recorder.part(request, self, head, data):
            self.parts += 1
            self.sent_ahead = self.answer_size
            self.answer, self.chunks, self.ends = [], [], []

    def _worth_a_part(self, head: ResponseHead) -> bool:
        """Whether an answer that is larger than a part will be read: a stream as far as it goes, others whole."""
        if not self.request.number or not 200 <= head.status < 300:
            return False
        return max(self.answer_size, head.length or 0) <= MAX_RECORDED or self._is_read_as_it_comes()

    def _is_read_as_it_comes(self) -> bool:
        """Whether control reads it piece by piece, whatever its length: events, and messages of gRPC that are not too
        large themselves, as the first one shows."""
        head = self.head
        if self.media or head is None:
            return bool(self.media)
        first = int.from_bytes(self.beginning[1:PREFIX], "big")
        return is_grpc(head.field(b"content-type")) and first <= MAX_RECORDED

    def has_shown_its_end(self) -> bool:
        """Whether the answer is a stream whose last event was received: nothing is missing but the framing's end."""
        return self._streams() and shows_its_end(self.media, self._last())

    def has_shown_an_error(self) -> bool:
        """Whether the answer is a stream in which the version has told of an error: a reason to leave."""
        return self._streams() and shows_an_error(self.media, self._last())

    def _streams(self) -> bool:
        return bool(self.media) and self.state == HEADED

    def _last(self) -> bytes:
        return self.tail.content() if self.tail is not None else b"".join(self.answer or ())

    # counting

    def note_age(self, ages: dict[tuple[str, str, str], float], now: float) -> None:
        arm, age = self.arm, now - self.started
        if arm.inference:
            key = (arm.route, arm.version, arm.role)
            ages[key] = max(age, ages.get(key, 0.0))

    def graded(self, code: int, message: bytes) -> None:
        self.call = code
        if message and code:
            self.detail = unescaped(message)

    def missed_clients_deadline(self) -> bool:
        """Whether the call that was answered has ended at its client's own deadline, and so is charged as one that its
        client left."""
        return False

    def meaning(self) -> int:
        """The status of HTTP that means what the call has ended with."""
        return HTTP_STATUS[self.call]

    def close_answered(self, status: int, total: float, now: float) -> None:
        """The version has answered: counts it, after `total` seconds, and tells its breaker."""
        label = ""
        if self.call >= 0:
            if self.missed_clients_deadline():
                self.close_failed("client_deadline", False, now)
                return
            status, label = self.meaning(), LABELS[self.call]
        self.status = status
        self._close()
        self.arm.answered(status, self.first_byte, total, self.request.key, label)
        header, head = self.request.route.identity, self.head
        if header and head is not None and 200 <= status < 300:
            self.arm.named(header, head.field(header))
        if self._stalled(now):
            self.arm.stalled(total)
            self.chunks, self.ends, self.marks = [], [], DISTURBED
        self._judge(status < 500, now)

    def note_malformed(self, reason: str, detail: str, now: float) -> None:
        """Tells which rule an answer broke."""
        if reason == "malformed":
            self.detail = detail
            self.shared.tally.malformed.note(self.request.route_name, self.target.version, detail, now)

    def close_failed(self, reason: str, last: bool, now: float) -> None:
        """Counts an attempt without an answer. The breaker gets what is charged to the version, a record that and a
        copy that a limit ended: the answer that it was due to be compared with waits for it."""
        waited, stalled = now - self.started, self._stalled(now)
        if stalled and excused(reason, waited, stalled):
            reason = "stalled"
        self.status, self.call, self.failure, self.answer = 0, -1, reason, None
        self._close()
        outcome = outcome_of(reason)
        self.arm.failed(reason, outcome, None if stalled else waited, self.request.key)
        if outcome == "failed":
            self._judge(False, now)
        if outcome == "failed" or (outcome == "limited" and self.arm.role in COPY_ROLES):
            self.record(now - self.started, last)

    def record(self, total: float, last: bool) -> None:
        """Records it where the exchange is recorded. `last`: the request travels with it."""
        if self.request.number:
            if self.answer_size > MAX_RECORDED and not self._is_read_as_it_comes():
                self.answer = None
            if self.answer is not None:
                self.beginning = b""
            elif self.tail is not None and self.beginning:
                self.ending = self.tail.content()
            self.shared.recorder.put(self.request, self, total, last)

    def postpone(self, seconds: float) -> None:
        self.still += seconds
        self.deadline += seconds
        self.read_at += seconds

    def _stalled(self, now: float) -> float:
        return self.still + self.shared.watch.stalled(now)

    def _judge(self, succeeded: bool, now: float) -> None:
        request, stream = self.request, self.stream
        if stream is not None:
            stream.judged(succeeded, now)
        self.shared.judge(self.target, request.route, request.inference, succeeded, now)

    def _close(self) -> None:
        self.step(CLOSE)
        self.arm.inflight -= 1
        breaker = self.target.breaker_of(self.request.inference)
        if breaker is not None:
            breaker.ended()
        if self.counted:
            self._uncount()
