"""A copy of a request to a shadow. It starts when the request is complete and owes the client's leg nothing.

1. What it may cost is bounded, and it is shed first: so many legs in flight, so many bytes waiting in all, one breaker.
   Each copy that is not sent is counted by its reason.
2. All copies of a request hold the pieces of its body as they came, so that it is in memory once, and counts once,
   however many they are. What is a copy's own counts for itself: a body that was rewritten for its version, and what
   is written where that is not the pieces themselves (`ShadowLeg.own`).
3. It has the times that a live leg has: for the answer's head, between two pieces of it, and in all.
4. It ends when its client leaves (a route may say otherwise), and what ends it so, or a limit of this proxy, is charged
   to nobody.
"""

from __future__ import annotations

from math import inf
from typing import Final

from proxy.contracts.compiler import mypyc_attr
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.dataplane.attempt import Attempt
from proxy.dataplane.live import ShadowTarget
from proxy.dataplane.memory import COPIES, JOINED
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED, END, ENDED
from proxy.dataplane.unexpected import unexpected
from proxy.routing.breaker import Breaker
from proxy.routing.rewrite.unwritable import Unwritable

_NEVER: Final = inf

MAX_COPIED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of request bodies that all shadow legs of a worker may hold together."""

MAX_SHADOW_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of a shadow's answer that are read, most of them thrown away, before the leg is given up."""

MAX_PROBES: Final = 2
"""Copies under way to a shadow whose breaker is open. Two outstanding probes are enough: if they hang, further probes
would hang too and only hold memory."""


@mypyc_attr(free_list_len=1)  # the memory of one is kept for the next
class ShadowLeg(Attempt):
    """One copy under way; its answer goes to nobody.

    - `copied`, `pieces`, `size`: the request, as the version gets it, whole
    - `shares`: its body is the request's; `own`: bytes that it holds alone
    - `last`: when it must have ended
    """

    __slots__ = ("_shadow", "copied", "last", "own", "pieces", "shares", "size")

    def __init__(
        self, shared: Shared, request: Request, target: ShadowTarget, head: RequestHead, body: bytes | None, now: float
    ) -> None:
        """`body`: rewritten for the version, None: that of the request."""
        super().__init__(shared, request, target, now)
        self._shadow, self.copied = target, head
        self.shares = body is None
        if body is not None:
            self.pieces, self.size = [body] if body else [], len(body)
        else:
            self.pieces, self.size = request.pieces or [], request.size
        self.own = written(target, self.size)
        self.deadline = now + target.response_timeout
        self.last = now + request.route.total if request.route.total is not None else _NEVER
        target.inflight += 1
        shared.copies.add(self)
        self._hold()

    def _hold(self) -> None:
        held = self.size
        if self.shares:
            self.request.sharers += 1
            held = held if self.request.sharers == 1 else 0
        self.shared.copied += held
        self.shared.memory.insist(COPIES, held + self.own)

    def _let_go(self) -> None:
        held = self.size
        if self.shares:
            self.request.sharers -= 1
            held = 0 if self.request.sharers else held
        self.shared.copied -= held
        self.shared.memory.give(COPIES, held + self.own)

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
        stream.begin(self, self.copied, authority, request.extra + self._shadow.request_extra, self.size)
        for piece in self.pieces:
            stream.data(piece)
        trailers = request.trailers if plan is None else plan.trailers(request.trailers)
        if trailers:
            stream.trailers(trailers)
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
            self._answered(self.read_at - self.started, self.read_at)  # there is nobody to whom it is still to be sent

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
        self._let_go()


def mirror(shared: Shared, request: Request, targets: list[ShadowTarget], now: float) -> None:
    """Sends the copies that are due, or counts why not. `request` is complete."""
    pieces = request.pieces
    whole = pieces is not None and request.size <= request.route.mirror_body
    if whole and pieces is not None and len(pieces) > 1 and any(_joins(target) for target in targets):
        request.body()  # once, for all of them
    for target in targets:
        try:
            _copy(shared, request, target, whole, now)
        except Exception as error:  # no matter of the request's own leg, nor of the other copies
            unexpected(error)
            _uncopied(shared, request, target)


def _uncopied(shared: Shared, request: Request, target: ShadowTarget) -> None:
    try:
        shared.tally.shadow_dropped(request.route_name, target.version, "internal")
    except Exception as error:
        unexpected(error)


def _joins(target: ShadowTarget) -> bool:
    return target.encodes or target.plan is not None


def written(target: ShadowTarget, size: int) -> int:
    """Bytes that wait for a shadow that does not read, of a body of `size` bytes, beside the body itself."""
    return size if target.encodes or size <= JOINED else 0


def _copy(shared: Shared, request: Request, target: ShadowTarget, whole: bool, now: float) -> None:
    breaker = target.breaker_of(request.inference)
    assert breaker is not None
    reason = _refusal(shared, target, breaker, request, now) if whole else "body_too_large"
    if reason:
        shared.tally.shadow_dropped(request.route_name, target.version, reason)
        return
    head, plan = request.head, target.plan
    body: bytes | None = None
    if plan is not None:
        try:
            rewritten = plan.applied(head, request.body(), request.inference)
        except Unwritable as unwritable:
            shared.tally.not_rewritten(request.route_name, target.version, "request", unwritable.reason)
            shared.tally.shadow_dropped(request.route_name, target.version, unwritable.reason)
            return
        head, body = rewritten.head, rewritten.body
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


def _refusal(shared: Shared, target: ShadowTarget, breaker: Breaker, request: Request, now: float) -> str:
    """Why a copy may not be sent now ("": it may)."""
    if target.inflight >= target.limit:
        return "inflight"
    if breaker.blocks(now) or (breaker.open and target.inflight >= MAX_PROBES):
        return "ejected"
    size, held = request.size, 0 if request.sharers and target.plan is None else request.size
    if shared.copied + held > MAX_COPIED_BYTES or not shared.memory.fits(COPIES, held + written(target, size)):
        return "memory"
    return ""
