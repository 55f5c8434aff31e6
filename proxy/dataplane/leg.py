"""One attempt of an exchange at an upstream: writes the request, passes the answer back to the client.

1. Nothing that the version does wrong becomes a clean-looking answer: a failed leg is answered by another leg (retry,
   rescue), by a problem, or, once the client has seen a part, by an aborted connection.
2. A leg is counted once, when it finishes, on the arm that it was assigned to.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from proxy.contracts.failure import FAILURES
from proxy.dataplane.recorder import MAX_BODY
from proxy.http1 import write
from proxy.http1.response import ResponseHead

if TYPE_CHECKING:
    from proxy.dataplane.exchange import Exchange
    from proxy.dataplane.h1.upstream import Upstream
    from proxy.dataplane.live import Target

RESCUED_STATUS = frozenset((502, 503, 504))
"""Answers of a canary that the primary's answer replaces: a gateway or a server that says it cannot serve."""

MAX_PENDING = 256 * 1024
"""Bytes of a request that wait for a connection before the client is asked to pause."""

MAX_HELD = 64 * 1024
"""Bytes of an answer that is kept back until it is whole while a rescue is possible. Servers write head and body apart;
a canary that dies between the two would otherwise leave the client with half an answer. Larger ones are streamed."""

MAX_CHUNK_TIMES = 512
"""Arrival times of pieces that a record carries."""


class Leg:
    """`upstream` is None until there is a connection. `deadline` is swept, coarsely, by the worker."""

    __slots__ = (
        "active",
        "answer",
        "answer_size",
        "chunked",
        "chunks",
        "connect_timeout",
        "deadline",
        "done",
        "ended",
        "exchange",
        "first_byte",
        "fresh",
        "head",
        "held",
        "out",
        "out_size",
        "read_at",
        "retried",
        "sent_at",
        "stalled",
        "started",
        "target",
        "upstream",
        "waited",
    )

    def __init__(self, exchange: Exchange, target: Target, started: float) -> None:
        self.exchange, self.target, self.started = exchange, target, started
        self.connect_timeout = exchange.route.route.timeouts.connect
        self.upstream: Upstream | None = None
        self.head: ResponseHead | None = None
        self.out: list[bytes] = []
        self.out_size = 0
        self.answer: list[bytes] | None = [] if exchange.number and exchange.route.analysed else None
        self.answer_size = 0
        self.chunks: list[float] = []
        self.chunked = self.ended = self.done = self.held = self.retried = self.active = self.stalled = False
        self.fresh = True
        self.deadline = self.first_byte = self.waited = self.read_at = self.sent_at = 0.0

    # the request

    def start(self, fresh: bool = False) -> None:
        """Asks for a connection; the request's head and what is there of its body wait for it."""
        exchange, target = self.exchange, self.target
        if not self.retried:
            target.arm = exchange.worker.tally.counted(target.arm)
            target.arm.inflight += 1
        self.waited = monotonic()
        head = exchange.head
        host = head.host or target.host
        if head.upgrade:
            self.out = [write.upgrade_head(head, target.base_path, host)]
        else:
            self.out = [write.request_head(head, target.base_path, host, exchange.extra)]
        for piece in exchange.pieces or ():
            self.out.append(write.chunk(piece) if head.chunked else piece)
        if exchange.complete:
            self.end_request()
        timeouts = exchange.route.route.timeouts
        self.deadline = self.waited + (exchange.response_timeout(target) if exchange.complete else timeouts.idle)
        target.pool.acquire(self, fresh)

    def connected(self, upstream: Upstream, fresh: bool) -> None:
        """The pool's answer."""
        if self.done:
            self.target.pool.release(upstream)
            return
        now = monotonic()
        if fresh:
            self.target.arm.connected(now - self.waited)
        self.waited = now - self.waited
        self.upstream, self.fresh = upstream, fresh
        upstream.assign(self, self.exchange.head.method == b"HEAD", bool(self.exchange.head.upgrade))
        if not self.exchange.downstream.feeding:
            self.flush_request()

    def connect_failed(self, reason: str, detail: str) -> None:
        """The pool's other answer."""
        if not self.done:
            self.response_failed(reason, detail)

    def send(self, data: bytes) -> None:
        """A piece of the request's body; `flush_request` follows."""
        self.out.append(write.chunk(data) if self.exchange.head.chunked else data)
        self.out_size += len(data)

    def end_request(self) -> None:
        """The request's end; `flush_request` follows."""
        if self.exchange.head.chunked:
            self.out.append(write.LAST_CHUNK)

    def flush_request(self) -> None:
        """Writes what waits, in one piece."""
        upstream = self.upstream
        if upstream is None:
            if self.out_size > MAX_PENDING:
                self.exchange.downstream.pause("connecting")
            return
        if self.out:
            out = self.out
            upstream.transport.write(b"".join(out) if len(out) > 1 else out[0])
            self.out = []
            self.out_size = 0
            self.exchange.downstream.resume("connecting")
        self.active = True
        if self.exchange.complete and not self.sent_at:
            self.sent_at = monotonic()
            self.deadline = self.sent_at + self.exchange.response_timeout(self.target)
            upstream.request_sent()

    def pause_request(self) -> None:
        """The model server reads slowly. It must go on within the time that it has to answer."""
        self.stalled = True
        self.deadline = monotonic() + self.exchange.response_timeout(self.target)
        self.exchange.downstream.pause("upstream")

    def resume_request(self) -> None:
        """It reads again."""
        self.stalled = False
        if not self.sent_at:
            self.deadline = monotonic() + self.exchange.route.route.timeouts.idle
        self.exchange.downstream.resume("upstream")

    # the answer

    def response_head(self, head: ResponseHead) -> None:
        now = self.read_at
        self.first_byte = now - self.started
        self.head = head
        exchange = self.exchange
        if head.status in RESCUED_STATUS and exchange.can_rescue(self):
            self._charge(head.status, str(head.status), last=False)
            self._drop_upstream()
            exchange.rescue(self, str(head.status))
            return
        self.deadline = now + exchange.route.route.timeouts.idle
        self.chunked = exchange.answer_head(self, head)

    def response_body(self, data: bytes) -> None:
        if self.done:
            return
        self.exchange.answer_body(write.chunk(data) if self.chunked else data)
        self.active = True
        if self.answer is None:
            return
        self.answer_size += len(data)
        if self.answer_size > MAX_BODY:
            self.answer = None
        else:
            self.answer.append(data)

    def response_end(self) -> None:
        if self.done:
            return
        if self.chunked:
            self.exchange.answer_body(write.LAST_CHUNK)
        self.ended = True

    def response_flush(self) -> None:
        if self.done or (not self.ended and self._hold()):
            return
        if len(self.chunks) < MAX_CHUNK_TIMES and self.chunked:
            self.chunks.append(monotonic() - self.started)
        self.exchange.flush_answer()
        if self.ended:
            self._finish()
        elif self.exchange.downstream.write_paused and self.upstream is not None:
            self.upstream.pause()

    def _hold(self) -> bool:
        """True while a small answer is kept back, so that a canary that dies in the middle of it can be rescued. It has
        to be whole in the time that is given for its first byte."""
        head, exchange = self.head, self.exchange
        if head is None or head.length is None or head.length > MAX_HELD:
            return False
        if not self.sent_at or not exchange.can_rescue(self):
            return False
        self.held = True
        self.deadline = self.sent_at + exchange.response_timeout(self.target)
        return True

    def response_failed(self, reason: str, detail: str) -> None:
        """No (more of the) answer: another leg, a problem, or an abort."""
        if self.done:
            return
        exchange = self.exchange
        if self._may_retry(reason):
            self._drop_upstream()
            self.retried, self.head, self.sent_at = True, None, 0.0
            self.start(fresh=True)
            exchange.flush_request()
            return
        rescued = exchange.can_rescue(self)
        self._charge(0, reason, last=not rescued)
        self._drop_upstream()
        if rescued:
            exchange.rescue(self, reason)
        else:
            exchange.fail(reason, detail)

    def _may_retry(self, reason: str) -> bool:
        # RFC 9112 §9.3.1, a stale connection: closed by the server while it was idle, noticed only by using it. Nothing
        # was received, so the server has most likely not seen the request; the body is still at hand.
        return (
            reason == "reset"
            and not self.fresh
            and not self.retried
            and self.upstream is not None
            and self.upstream.untouched
            and self.exchange.pieces is not None
        )

    def expire(self, now: float) -> None:
        """Called by the sweep once `deadline` has passed."""
        streaming = self.head is not None and not self.held
        uploading = not self.exchange.complete and not self.stalled and self.upstream is not None
        if streaming or uploading:
            if self.active or self.exchange.downstream.takes():
                self.active = False
                self.deadline = now + self.exchange.route.route.timeouts.idle
            elif not streaming:
                self.exchange.body_timeout()
            elif self.exchange.downstream.write_paused:
                self._unread()
            else:
                self.response_failed("idle_timeout", "the answer stopped in the middle")
            return
        late = self.exchange.can_rescue(self)
        self.response_failed("late" if late else "response_timeout", "no answer in time")

    def overdue(self, detail: str) -> None:
        """The whole exchange has taken too long: charged to the version once it had the whole request."""
        if not self.exchange.complete:
            self.exchange.body_timeout()
        elif self.exchange.downstream.write_paused:
            self._unread()
        elif not self.done:
            self._charge(0, "total_timeout", last=True)
            self._drop_upstream()
            self.exchange.fail("total_timeout", detail)

    def _unread(self) -> None:
        # The client does not take what is there for it: as if it had gone.
        self.cancel("client_abort")
        self.exchange.fail("client_abort", "the client does not read its answer")

    def cancel(self, reason: str) -> None:
        """The client has gone, or the proxy gives the exchange up: not the version's fault."""
        if self.done:
            return
        self._count_failed(reason, charged=False)
        self._drop_upstream()

    # counting

    def _finish(self) -> None:
        self.done = True
        exchange, arm, head = self.exchange, self.target.arm, self.head
        assert head is not None
        now = monotonic()
        total = self.first_byte if head.upgraded else now - self.started  # a tunnel's life is not an answer's time
        arm.inflight -= 1
        arm.answered(head.status, self.first_byte, total, exchange.key)
        breaker = self.target.breaker
        if breaker is not None:
            exchange.judge(self.target, head.status < 500, now)
        exchange.worker.tally.overhead(exchange.route.name, self._asking() + now - self.read_at)
        if exchange.number:
            times = (self.started, self.first_byte, total)
            exchange.worker.recorder.put(
                exchange, arm, head.status, "", times, self.answer, head.fields, self.chunks, True
            )
        if not exchange.complete and self.upstream is not None:
            self.upstream.abort()
        exchange.answered()

    def _asking(self) -> float:
        # The proxy's own time on the request: not that of a connect, nor of a client that sends its body bit by bit.
        read_at = self.exchange.read_at
        return max(0.0, self.sent_at - (read_at if read_at > self.started else self.started + self.waited))

    def _charge(self, status: int, reason: str, last: bool) -> None:
        exchange, arm = self.exchange, self.target.arm
        if not status:
            self._count_failed(reason, FAILURES[reason].source == "upstream")
        else:
            self.done = True
            arm.inflight -= 1
            arm.answered(status, self.first_byte, self.first_byte, exchange.key)
        if self.target.breaker is not None:
            exchange.judge(self.target, False, monotonic())
        if exchange.number:
            failure, times = "" if status else reason, (self.started, self.first_byte, monotonic() - self.started)
            exchange.worker.recorder.put(exchange, arm, status, failure, times, None, b"", self.chunks, last)

    def _count_failed(self, reason: str, charged: bool) -> None:
        self.done = True
        arm = self.target.arm
        arm.inflight -= 1
        arm.failed(reason, charged, self.exchange.key)

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        self.stalled = False
        self.exchange.downstream.resume("upstream")
        if upstream is not None:
            upstream.abort()
        else:
            self.target.pool.abandon(self)
