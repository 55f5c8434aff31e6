"""A copy of a request to a shadow. It starts when the request is complete and owes the client's leg nothing.

1. What it may cost is bounded, and it is shed first: so many legs in flight, so many bytes waiting in all, one breaker.
   Each copy that is not sent is counted by its reason.
2. It has the times that a live leg has: for the answer's head, between two pieces of it, and in all.
3. It ends when its client leaves (a route may say otherwise), and what ends it so, or a limit of this proxy, is charged
   to nobody.
"""

from __future__ import annotations

from math import inf
from typing import Final

from proxy.contracts.message import RequestHead, ResponseHead
from proxy.dataplane.attempt import Attempt
from proxy.dataplane.live import ShadowTarget
from proxy.dataplane.memory import COPIES
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED, END, ENDED
from proxy.dataplane.unexpected import unexpected
from proxy.routing.breaker import Breaker
from proxy.routing.rewrite.unwritable import Unwritable

MAX_COPIED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of request bodies that all shadow legs of a worker may hold together."""

IN_MEMORY: Final = 2
"""Times that the body of a copy is in memory: here, and in the write to a shadow that does not read."""

MAX_SHADOW_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of a shadow's answer that are read, most of them thrown away, before the leg is given up."""

MAX_PROBES: Final = 2
"""Copies under way to a shadow whose breaker is open. Two outstanding probes are enough: if they hang, further probes
would hang too and only hold memory."""


class ShadowLeg(Attempt):
    """One copy under way; its answer goes to nobody. `copied`, `body`: the request, as the version gets it, whole;
    `last`: when it must have ended."""

    __slots__ = ("_shadow", "body", "copied", "last")

    def __init__(
        self, shared: Shared, request: Request, target: ShadowTarget, head: RequestHead, body: bytes, now: float
    ) -> None:
        super().__init__(shared, request, target, now)
        self._shadow, self.copied, self.body = target, head, body
        self.deadline = now + target.response_timeout
        self.last = now + request.route.total if request.route.total is not None else inf
        target.inflight += 1
        shared.copies.add(self)
        shared.copied += len(body)
        shared.memory.insist(COPIES, IN_MEMORY * len(body))

    def patience(self) -> float:
        """Its own time: the client's says nothing about the copy, but that there is one. As much as the client gave is
        not too much, where an answer is a stream that goes on for longer than its head may take."""
        request = self.request
        if request.until == inf:
            return inf
        return min(max(self.target.response_timeout, request.head.timeout), self.last - self.begun)

    def send(self, stream: ServerStream) -> None:
        """The whole request goes out at once."""
        request, plan = self.request, self._shadow.plan
        authority = b"" if plan is None else plan.authority(request.head)
        stream.begin(self, self.copied, authority, request.extra + self._shadow.request_extra, len(self.body))
        if self.body:
            stream.data(self.body)
        if request.trailers:
            stream.trailers(request.trailers)
        stream.end()
        stream.flush()
        self.deadline = self.begun + self.target.response_timeout

    def response_head(self, head: ResponseHead) -> None:
        self.headed(head)
        self.status, self.fields = head.status, head.fields
        self.deadline = self.read_at + self.request.route.idle

    def response_body(self, data: bytes) -> None:
        self.keep(data)
        if self.answer_size > MAX_SHADOW_ANSWER:
            self.response_failed("answer_too_large", f"more than {MAX_SHADOW_ANSWER} bytes")

    def response_end(self) -> None:
        self.step(END)

    def response_flush(self) -> None:
        self.note_piece()
        if self.state == ENDED:
            now = self.shared.clock()
            self._answered(now - self.started, now)

    def response_failed(self, reason: str, detail: str) -> None:
        if self.state == CLOSED:
            return
        now = self.shared.clock()
        self.note_malformed(reason, detail, now)
        again, why = self.decided(reason, now)
        if again and why == "stale":
            self.start_again(why, now)
        elif self.has_shown_its_end():
            self.drop()
            self._answered(self.piece_at - self.started, now)
        else:
            self._failed(reason, now)

    def give_up(self, reason: str) -> None:
        if self.state != CLOSED:
            self._failed(reason, self.shared.clock())

    def fault(self) -> None:
        if not self.broken():
            _uncopied(self.shared, self.request, self._shadow)
        if self in self.shared.copies:
            self._finished()

    def postpone(self, seconds: float) -> None:
        super().postpone(seconds)
        self.last += seconds

    def expire(self, now: float) -> None:
        """Ends what has made no progress by its deadline, counted from the last byte, as a live leg."""
        if self.last < now:
            self.response_failed("total_timeout", "no whole answer in time")
        elif self.deadline >= now:
            return
        elif self.head is None:
            self.response_failed("response_timeout", "no answer in time")
        else:
            self.deadline = self.read_at + self.request.route.idle
            if self.deadline < now:
                self.response_failed("idle_timeout", "the answer stopped in the middle")

    def pause_request(self) -> None:
        """A shadow that reads slowly delays nobody: its request is in memory, bounded."""

    def _answered(self, total: float, now: float) -> None:
        self.close_answered(self.status, total, now)
        self.record(total, False)
        self._finished()

    def _failed(self, reason: str, now: float) -> None:
        self.close_failed(reason, False, now)
        self.drop()
        self._finished()

    def _finished(self) -> None:
        self.stream = None
        self._shadow.inflight -= 1
        self.shared.copies.discard(self)
        self.shared.copied -= len(self.body)
        self.shared.memory.give(COPIES, IN_MEMORY * len(self.body))


def mirror(shared: Shared, request: Request, targets: list[ShadowTarget], now: float) -> None:
    """Sends the copies that are due, or counts why not. `request` is complete."""
    whole = request.pieces is not None and request.size <= request.route.mirror_body
    body = request.body() if whole else b""
    for target in targets:
        try:
            _copy(shared, request, target, body, whole, now)
        except Exception as error:  # no matter of the request's own leg, nor of the other copies
            unexpected(error)
            _uncopied(shared, request, target)


def _uncopied(shared: Shared, request: Request, target: ShadowTarget) -> None:
    try:
        shared.tally.shadow_dropped(request.route_name, target.version, "internal")
    except Exception as error:
        unexpected(error)


def _copy(shared: Shared, request: Request, target: ShadowTarget, body: bytes, whole: bool, now: float) -> None:
    breaker = target.breaker_of(request.inference)
    assert breaker is not None
    reason = _refusal(shared, target, breaker, len(body), now) if whole else "body_too_large"
    if reason:
        shared.tally.shadow_dropped(request.route_name, target.version, reason)
        return
    head, plan = request.head, target.plan
    if plan is not None:
        try:
            rewritten = plan.applied(head, body, request.inference)
        except Unwritable as unwritable:
            shared.tally.not_rewritten(request.route_name, target.version, "request", unwritable.reason)
            shared.tally.shadow_dropped(request.route_name, target.version, unwritable.reason)
            return
        head, body = rewritten.head, body if rewritten.body is None else rewritten.body
    breaker.probing(now)
    leg = ShadowLeg(shared, request, target, head, body, now)
    request.copies += 1
    try:
        leg.start(False, now)
    except Exception as error:
        unexpected(error)
        leg.fault()
        return
    if request.route.follow:
        if request.followers is None:
            request.followers = []
        request.followers.append(leg)


def _refusal(shared: Shared, target: ShadowTarget, breaker: Breaker, size: int, now: float) -> str:
    """Why a copy of `size` bytes may not be sent now ("": it may)."""
    if target.inflight >= target.limit:
        return "inflight"
    if breaker.blocks(now) or (breaker.open and target.inflight >= MAX_PROBES):
        return "ejected"
    if shared.copied + size > MAX_COPIED_BYTES or not shared.memory.fits(COPIES, IN_MEMORY * size):
        return "memory"
    return ""
