"""A copy of a request to a shadow. It starts when the request is complete and owes the client's leg nothing.

What it may cost is bounded, and it is shed first: so many legs in flight, so many bytes waiting in all, one breaker.
Each copy that is not sent is counted by its reason.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.message import ResponseHead
from proxy.dataplane.attempt import Attempt
from proxy.dataplane.live import ShadowTarget
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED, END, ENDED, HEAD

MAX_COPIED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of request bodies that all shadow legs of a worker may hold together."""

MAX_SHADOW_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of a shadow's answer that are read, most of them thrown away, before the leg is given up."""

MAX_PROBES: Final = 2
"""Copies under way to a shadow whose breaker is open. Two outstanding probes are enough: if they hang, further probes
would hang too and only hold memory."""


class ShadowLeg(Attempt):
    """One copy under way; its answer goes to nobody. `body`: the request's, whole."""

    __slots__ = ("_shadow", "body")

    def __init__(self, shared: Shared, request: Request, target: ShadowTarget, body: bytes, now: float) -> None:
        super().__init__(shared, request, target, now)
        self._shadow, self.body = target, body
        self.deadline = now + target.response_timeout
        target.inflight += 1
        shared.copies.add(self)
        shared.copied += len(body)

    def send(self, stream: ServerStream) -> None:
        """The whole request goes out at once."""
        request = self.request
        stream.begin(self, request.head, b"", request.extra + self._shadow.request_extra, len(self.body))
        if self.body:
            stream.data(self.body)
        stream.end()
        stream.flush()

    def response_head(self, head: ResponseHead) -> None:
        self.step(HEAD)
        self.first_byte = self.read_at - self.started
        self.status, self.fields, self.streamed = head.status, head.fields, head.streamed

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
            total = now - self.started
            self.close_answered(self.status, total, now)
            self.record(total, False)
            self._finished()

    def response_failed(self, reason: str, detail: str) -> None:
        if self.state == CLOSED:
            return
        now = self.shared.clock()
        if self.turned_out_stale(reason):
            self.start_again(now)
            return
        self.close_failed(reason, False, now)
        self.drop()
        self._finished()

    def expire(self, now: float) -> None:
        """A shadow has until its deadline for its whole answer."""
        if self.deadline < now:
            self.response_failed("response_timeout", "no whole answer in time")

    def pause_request(self) -> None:
        """A shadow that reads slowly delays nobody: its request is in memory, bounded."""

    def _finished(self) -> None:
        self.stream = None
        self._shadow.inflight -= 1
        self.shared.copies.discard(self)
        self.shared.copied -= len(self.body)


def mirror(shared: Shared, request: Request, targets: list[ShadowTarget], now: float) -> None:
    """Sends the copies that are due, or counts why not. `request` is complete."""
    whole = request.pieces is not None and request.size <= request.route.mirror_body
    body = request.body() if whole else b""
    for target in targets:
        reason = _refusal(shared, target, len(body), now) if whole else "body_too_large"
        if reason:
            shared.tally.shadow_dropped(request.route_name, target.version, reason)
            continue
        assert target.breaker is not None
        target.breaker.probing(now)
        request.copies += 1
        ShadowLeg(shared, request, target, body, now).start(False, now)


def _refusal(shared: Shared, target: ShadowTarget, size: int, now: float) -> str:
    """Why a copy of `size` bytes may not be sent now ("": it may)."""
    assert target.breaker is not None
    if target.inflight >= target.limit:
        return "inflight"
    if target.breaker.blocks(now) or (target.breaker.open and target.inflight >= MAX_PROBES):
        return "ejected"
    if shared.copied + size > MAX_COPIED_BYTES:
        return "memory"
    return ""
