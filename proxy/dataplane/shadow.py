"""A copy of a request to a shadow. It starts when the request is complete and owes the client's leg nothing.

What it may cost is bounded, and it is shed first: so many legs in flight, so many bytes waiting in all, one breaker.
Each copy that is not sent is counted by its reason.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from proxy.dataplane.recorder import MAX_BODY
from proxy.http1 import write
from proxy.http1.response import ResponseHead

if TYPE_CHECKING:
    from proxy.dataplane.exchange import Exchange
    from proxy.dataplane.h1.upstream import Upstream
    from proxy.dataplane.live import ShadowTarget

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of request bodies that all shadow legs of a worker may hold together."""

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of a shadow's answer that are read, most of them thrown away, before the leg is given up."""

PROBES = 2
"""Copies under way to a shadow whose breaker is open: what does not come back says all that more of them would."""


class ShadowLeg:
    """One copy under way."""

    __slots__ = (
        "answer",
        "answer_size",
        "arm",
        "connect_timeout",
        "deadline",
        "done",
        "ended",
        "exchange",
        "fields",
        "first_byte",
        "fresh",
        "read_at",
        "request",
        "retried",
        "started",
        "status",
        "target",
        "upstream",
        "waited",
    )

    def __init__(self, exchange: Exchange, target: ShadowTarget, body: bytes, now: float) -> None:
        self.exchange, self.target, self.arm, self.started = exchange, target, target.arm, now
        timeouts = exchange.route.route.timeouts
        self.connect_timeout = timeouts.connect
        self.deadline = now + timeouts.response
        head = write.replay_head(
            exchange.head, target.base_path, target.host, exchange.extra + target.request_extra, len(body)
        )
        self.request = head + body if body else head
        self.upstream: Upstream | None = None
        self.answer: list[bytes] | None = [] if exchange.number and exchange.route.analysed else None
        self.answer_size = self.status = 0
        self.fields = b""
        self.first_byte = self.waited = self.read_at = 0.0
        self.done = self.ended = self.fresh = self.retried = False

    def start(self, fresh: bool = False) -> None:
        """Asks for a connection."""
        self.waited = monotonic()
        self.target.pool.acquire(self, fresh)

    def connected(self, upstream: Upstream, fresh: bool) -> None:
        """The pool's answer: the whole request goes out at once."""
        if self.done:
            self.target.pool.release(upstream)
            return
        if fresh:
            self.arm.connected(monotonic() - self.waited)
        self.upstream, self.fresh = upstream, fresh
        upstream.assign(self, self.exchange.head.method == b"HEAD")
        upstream.transport.write(self.request)
        upstream.request_sent()

    def connect_failed(self, reason: str, detail: str) -> None:
        """The pool's other answer."""
        self.response_failed(reason, detail)

    def response_head(self, head: ResponseHead) -> None:
        self.first_byte = self.read_at - self.started
        self.status, self.fields = head.status, head.fields

    def response_body(self, data: bytes) -> None:
        self.answer_size += len(data)
        if self.answer is not None:
            self.answer.append(data)
            if self.answer_size > MAX_BODY:
                self.answer = None
        elif self.answer_size > MAX_ANSWER:
            self.response_failed("answer_too_large", f"more than {MAX_ANSWER} bytes")

    def response_end(self) -> None:
        self.ended = True

    def response_flush(self) -> None:
        if self.ended and not self.done:
            now = monotonic()
            self.arm.answered(self.status, self.first_byte, now - self.started, self.exchange.key)
            self._finish(self.status < 500, "", now)

    def response_failed(self, reason: str, detail: str) -> None:
        if self.done:
            return
        stale = reason == "reset" and not self.fresh and self.upstream is not None and self.upstream.untouched
        if stale and not self.retried:
            self.retried, self.upstream = True, None
            self.start(fresh=True)
            return
        self.arm.failed(reason, True, self.exchange.key)
        self._finish(False, reason, monotonic())

    def expire(self, now: float) -> None:
        """Called by the sweep once `deadline` has passed: a shadow has this long for its whole answer."""
        self.response_failed("response_timeout", "no whole answer in time")

    def pause_request(self) -> None:
        """A shadow that reads slowly delays nobody: its request is in memory, bounded."""

    def resume_request(self) -> None:
        """See `pause_request`."""

    def _finish(self, succeeded: bool, failure: str, now: float) -> None:
        self.done = True
        exchange, upstream = self.exchange, self.upstream
        if upstream is None:
            self.target.pool.abandon(self)
        elif failure:
            upstream.abort()
        self.upstream = None
        exchange.judge(self.target, succeeded, now)
        if exchange.number:
            exchange.worker.recorder.put(
                exchange,
                self.arm,
                self.status if not failure else 0,
                failure,
                (self.started, self.first_byte, now - self.started),
                self.answer if not failure else None,
                self.fields,
                [],
                False,
            )
        exchange.worker.shadow_done(self)


def mirror(exchange: Exchange, targets: list[ShadowTarget], now: float) -> None:
    """Sends the copies that are due, or counts why not. The request of `exchange` is complete."""
    worker = exchange.worker
    body = None if exchange.pieces is None or exchange.size > exchange.route.route.limits.mirror_body else b""
    if body is not None and exchange.size:
        body = exchange.body()
    for target in targets:
        reason = _refusal(exchange, target, body, now)
        if reason or body is None:
            worker.tally.shadow_dropped(exchange.route.name, target.version, reason)
            continue
        assert target.breaker is not None
        target.breaker.probing(now)
        leg = ShadowLeg(exchange, target, body, now)
        leg.arm = worker.tally.counted(leg.arm)
        worker.shadow_started(leg)
        exchange.copies += 1
        leg.start()


def _refusal(exchange: Exchange, target: ShadowTarget, body: bytes | None, now: float) -> str:
    assert target.breaker is not None
    if body is None:
        return "body_too_large"
    if target.inflight >= target.limit:
        return "inflight"
    if target.breaker.blocks(now) or (target.breaker.open and target.inflight >= PROBES):
        return "ejected"
    if exchange.worker.shadow_bytes + len(body) > MAX_BYTES:
        return "memory"
    return ""
