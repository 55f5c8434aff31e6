"""One attempt at an upstream: what a leg of an exchange and a copy to a shadow have in common.

1. It asks the pool for a stream, and closes once, when it is answered, has failed, or is given up (`states.ATTEMPT`).
2. It is counted once, when it closes, on the arm that it was assigned to when it began.
3. What a version is charged with says one table (`contracts.outcome`).
"""

from __future__ import annotations

from proxy.contracts.outcome import outcome_of
from proxy.dataplane.live import Target
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.recorder import MAX_BEGINNING, MAX_CHUNK_TIMES, MAX_RECORDED, RecordedLeg
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import ATTEMPT_STEPS, CLOSE, CLOSED, FRESH, REUSE, REUSED, STALE, WAITING


class Attempt(RecordedLeg):
    """The base of `Leg` and `ShadowLeg`.

    - `stream`: None until there is one; `state`: one of `states.ATTEMPT`
    - `deadline`: monotonic seconds; what it means is the leg's matter
    - `waited`: when the wait for a stream began, then how many seconds it took
    - `answer_size`: bytes of the answer's body so far; `streamed`: its length was not known from its head
    """

    __slots__ = ("answer_size", "deadline", "request", "shared", "state", "stream", "streamed", "target", "waited")

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        arm = shared.tally.counted(target.arm if request.inference else target.other_arm)
        route = request.route
        super().__init__(arm, [] if request.number and request.analysed() else None, route.connect, now)
        self.shared, self.request, self.target = shared, request, target
        self.stream: ServerStream | None = None
        self.state = WAITING
        self.deadline = self.waited = 0.0
        self.answer_size = 0
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
        self.waited = now - self.waited
        if fresh:
            self.arm.connected(self.waited)
        self.step(FRESH if fresh else REUSE)
        self.stream = stream
        self.send(stream)

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        if self.state != CLOSED:
            self.response_failed(reason, detail)

    def turned_out_stale(self, reason: str) -> bool:
        """RFC 9112 §9.3.1: True when the connection was closed by the server while it was idle, which only its use has
        shown. Nothing was received, so the server has most likely not seen the request: it may be sent again, once."""
        return reason == "reset" and self.state == REUSED and self.stream is not None and self.stream.untouched()

    def start_again(self, now: float) -> None:
        """After a stale connection."""
        self.step(STALE)
        self.drop()
        self.start(True, now)

    def drop(self) -> None:
        """Gives up the stream, or the wait for one."""
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.reset()
        else:
            self.target.pool.abandon(self)

    def step(self, event: int) -> None:
        """Follows the table. Raises IllegalStep."""
        self.state = ATTEMPT_STEPS.after(self.state, event)

    # the answer

    def keep(self, data: bytes) -> None:
        """Keeps a piece of the answer for the record, up to `MAX_RECORDED` in all."""
        self.answer_size += len(data)
        if self.answer is None:
            return
        self.answer.append(data)
        if self.answer_size > MAX_RECORDED:
            if self.streamed:
                self.beginning = b"".join(self.answer)[:MAX_BEGINNING]
            self.answer = None

    def note_piece(self) -> None:
        """Notes when a piece of a streamed answer arrived, and how much had come by then; a head alone is none."""
        if not self.streamed or len(self.ends) >= MAX_CHUNK_TIMES:
            return
        size = self.answer_size
        if size > (self.ends[-1] if self.ends else 0):
            self.ends.append(size)
            self.chunks.append(self.read_at - self.started)

    # counting

    def close_answered(self, status: int, total: float, now: float) -> None:
        """The version has answered: counts it, after `total` seconds, and tells its breaker."""
        self.status = status
        self._close()
        self.arm.answered(status, self.first_byte, total, self.request.key)
        self.shared.judge(self.target, self.request.route_name, status < 500, now)

    def close_failed(self, reason: str, last: bool, now: float) -> None:
        """Counts an attempt without an answer. The breaker and a record get what is charged to the version."""
        self.status, self.failure, self.answer = 0, reason, None
        self._close()
        outcome = outcome_of(reason)
        self.arm.failed(reason, outcome, now - self.started, self.request.key)
        if outcome == "failed":
            self.shared.judge(self.target, self.request.route_name, False, now)
            self.record(now - self.started, last)

    def record(self, total: float, last: bool) -> None:
        """Records it where the exchange is recorded. `last`: the request travels with it."""
        if self.request.number:
            self.shared.recorder.put(self.request, self, total, last)

    def _close(self) -> None:
        self.step(CLOSE)
        self.arm.inflight -= 1
