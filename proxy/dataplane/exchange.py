"""One client request and its answer.

1. A version is chosen once, when the head is complete (or the body, where the choice depends on it).
2. The exchange keeps the pieces of the request's body while another leg, a retry or a shadow may need them; beyond the
   route's `mirror_body` it keeps nothing and only streams.
3. The client gets one answer: the first leg's, the rescuing leg's, or a problem. Once a part of an answer was written,
   failure can only be an aborted connection, never a clean end.
"""

from __future__ import annotations

from random import getrandbits
from time import monotonic
from typing import TYPE_CHECKING

from proxy.contracts.failure import FAILURES
from proxy.contracts.table import Timeouts
from proxy.dataplane.assign import assign, draw_shadows
from proxy.dataplane.leg import Leg
from proxy.dataplane.live import LiveRoute, ShadowTarget, Target
from proxy.dataplane.shadow import mirror
from proxy.http1 import write
from proxy.http1.request_head import RequestHead
from proxy.http1.response import ResponseHead

if TYPE_CHECKING:
    from proxy.dataplane.h1.downstream import Downstream
    from proxy.dataplane.worker import Worker

MAX_HELD = 8 * 1024 * 1024
"""Bytes of a body that are held while the route depends on them."""

UNROUTED = Timeouts()
"""Until a body has decided about the route."""


class Exchange:
    """`leg` is the attempt under way; `number` identifies the exchange in records, 0: not recorded. `route` is set, and
    `route_name` no longer empty, once a route was found."""

    __slots__ = (
        "_admitted",
        "_close",
        "_out",
        "_shadows",
        "complete",
        "copies",
        "downstream",
        "extra",
        "head",
        "key",
        "leg",
        "number",
        "over",
        "pieces",
        "read_at",
        "request_id",
        "responded",
        "route",
        "route_name",
        "size",
        "started",
        "worker",
    )

    route: LiveRoute

    def __init__(self, downstream: Downstream, worker: Worker, head: RequestHead) -> None:
        self.downstream, self.worker, self.head = downstream, worker, head
        self.leg: Leg | None = None
        self.pieces: list[bytes] | None = []
        self.size = 0
        self.route_name = ""
        self.complete = self.responded = self.over = self._close = self._admitted = False
        self.key = self.number = self.copies = 0
        self.started = self.read_at = monotonic()
        self._out: list[bytes] = []
        self._shadows: list[ShadowTarget] | None = None
        self.request_id = head.request_id
        self.extra = b""
        if not self.request_id:
            self.request_id = b"%032x" % getrandbits(128)
            self.extra = b"x-request-id: %b\r\n" % self.request_id

    # the request

    def start(self) -> None:
        """The head is here, and it is this exchange's turn."""
        self.worker.exchanges.add(self)
        found = self._find_route() and self._admit()
        if self.over:
            return
        head = self.head
        if head.expects and not self.complete and (head.chunked or head.length):
            # RFC 9110 §10.1.1: the proxy takes the body, so it asks for it.
            self.downstream.transport.write(write.CONTINUE)
        if found and (not self.route.sticky_body or self.complete):
            self._assign(self.started)

    def _admit(self) -> bool:
        """True when the route takes one more request of this size."""
        inflight, limits = self.route.inflight, self.route.route.limits
        size = max(self.head.length or 0, self.size)
        if inflight.count >= limits.inflight:
            self.reject("overloaded", f"the limit is {limits.inflight}")
        elif size > limits.body:
            self.reject("body_too_large", f"{size} bytes, the limit is {limits.body}")
        else:
            self._admitted = True
            inflight.count += 1
        return self._admitted

    def _find_route(self) -> bool:
        table, head = self.worker.table, self.head
        if table is None:
            self.reject("no_table", "control has not sent one")
            return False
        index = table.find(head.path, head.method, head.field, self.body() if self.complete else None)
        if index is None:
            if self.complete or not table.wants_body(head.path):
                self.reject("no_route", f"no route for {head.method.decode()} {head.path.decode('latin-1')}")
            return False  # otherwise `request_end` looks again, with the body
        self.route = table.routes[index]
        self.route_name = self.route.name
        return True

    def request_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.over:
            return
        self.size += len(data)
        if (leg := self.leg) is None:
            self._hold(data)
            return
        if self.size > self.route.route.limits.body:
            self.reject("body_too_large", f"the limit is {self.route.route.limits.body} bytes")
            return
        if self.pieces is not None:
            if self.size <= self.route.keep:
                self.pieces.append(data)
            else:
                self.pieces = None
        leg.send(data)

    def _hold(self, data: bytes) -> None:
        # Waits for its turn (bounded by one read of the socket), or for the body that decides (bounded here).
        assert self.pieces is not None
        self.pieces.append(data)
        if self.downstream.current is not self:
            return
        if not self.route_name:
            if self.size > MAX_HELD:
                self.reject("body_too_large", f"routes that look into the body take {MAX_HELD} bytes")
        elif self.size > self.route.route.limits.body:
            self.reject("body_too_large", f"the limit is {self.route.route.limits.body} bytes")
        elif self.size > self.route.keep:
            self._assign(self.read_at)  # without the key: as a request that has none

    def request_end(self) -> None:
        """The request is complete."""
        if self.complete:
            return
        self.complete = True
        if self.over or self.downstream.current is not self:
            return
        if self.leg is not None:
            self.leg.end_request()
            self._mirror()
        elif self.route_name or (self._find_route() and self._admit()):
            self._assign(monotonic())

    def _mirror(self) -> None:
        if self._shadows:
            self.flush_request()  # the primary's bytes go first
            mirror(self, self._shadows, monotonic())
            self._shadows = None

    def flush_request(self) -> None:
        """The bytes that were read together have been handed over."""
        if self.leg is not None:
            self.leg.flush_request()

    def body(self) -> bytes:
        """The whole body; only while `pieces` are kept."""
        assert self.pieces is not None
        if len(self.pieces) > 1:
            self.pieces = [b"".join(self.pieces)]
        return self.pieces[0] if self.pieces else b""

    def _assign(self, now: float) -> None:
        route, head = self.route, self.head
        body = self.body() if route.sticky_body and self.complete else None
        target, self.key = assign(route, head, body, now)
        if route.shadows and not head.shadowed and not head.upgrade:
            self._shadows = draw_shadows(route, self.worker.tally)
        if route.recorded and not head.upgrade:
            self.number = self.worker.recorder.next_exchange()
        self.leg = Leg(self, target, now)
        self.leg.start()
        if self.complete:
            self._mirror()

    def _finished(self) -> None:
        self.worker.exchanges.discard(self)
        if self._admitted:
            self._admitted = False
            self.route.inflight.count -= 1

    # the answer

    def response_timeout(self, target: Target) -> float:
        """Seconds from the request's end to the first byte that this target has."""
        route = self.route.route
        if target.arm.role == "canary" and route.rescue is not None and route.rescue.after is not None:
            return min(route.rescue.after, route.timeouts.response)
        return route.timeouts.response

    def answer_head(self, leg: Leg, head: ResponseHead) -> bool:
        """Queues the head for the client; True when the body must be sent in chunks."""
        if head.upgraded:
            self.responded = self._close = True
            self._out.append(write.switching_head(head, leg.target.extra))
            self.downstream.tunnel()
            return False
        streamed = head.length is None and not head.bodiless
        chunked = streamed and not self.head.http10
        self._close = (streamed and not chunked) or not self.complete or not self.downstream.keeps_alive(self.head)
        extra = b"" if head.request_id else self.extra
        if self.head.http10 and not self._close:
            extra += b"Connection: keep-alive\r\n"
        self._out.append(write.response_head(head, chunked, self._close, leg.target.extra, extra))
        return chunked

    def answer_body(self, data: bytes) -> None:
        """Queues a piece of the body."""
        self._out.append(data)

    def flush_answer(self) -> None:
        """Writes what is queued, in one piece."""
        out = self._out
        if out:
            self.responded = True
            self.downstream.transport.write(b"".join(out) if len(out) > 1 else out[0])
            self._out = []

    def answered(self) -> None:
        """The leg has finished and everything was written."""
        self._end(self._close)

    def can_rescue(self, leg: Leg) -> bool:
        """True when the primary can still answer in place of this leg: it is a canary's, nothing was written to the
        client, and the request's body is at hand."""
        return (
            leg.target.arm.role == "canary"
            and self.route.route.rescue is not None
            and not self.responded
            and self.pieces is not None
            and not self.over
        )

    def rescue(self, leg: Leg, reason: str) -> None:
        """The primary answers in place of `leg`, which is already charged."""
        self.worker.tally.rescued(self.route.name, leg.target.version, reason)
        self._out = []
        self.leg = Leg(self, self.route.rescue, monotonic())
        self.leg.start()
        self.flush_request()

    def fail(self, reason: str, detail: str) -> None:
        """No leg can answer: a problem, or an abort once a part of an answer was written."""
        if self.over:
            return
        if not self.responded:
            self._problem(reason, detail)
            return
        self.over = True
        self._finished()
        self._drop_shadows("request_incomplete")
        self.downstream.abort()

    def reject(self, reason: str, detail: str) -> None:
        """The proxy itself refuses the request."""
        if self.leg is not None:
            self.leg.cancel(reason)
        else:
            self.worker.tally.rejected(self.route_name, reason)
        self.fail(reason, detail)

    def _problem(self, reason: str, detail: str) -> None:
        failure = FAILURES[reason]
        unread = not self.complete and (self.head.chunked or bool(self.head.length))
        close = unread or not self.downstream.keeps_alive(self.head)
        extra = b"x-request-id: %b\r\n" % self.request_id
        if failure.status == 503:
            extra += b"Retry-After: 1\r\n"
        if close:
            extra += b"Connection: close\r\n"
        self.responded = True
        self.downstream.transport.write(
            write.problem(failure.status, reason, failure.title, detail, extra, self.head.method == b"HEAD")
        )
        self._end(close)

    def expire(self, now: float) -> None:
        """Called by the sweep: ends what has taken too long."""
        leg, timeouts = self.leg, self.route.route.timeouts if self.route_name else UNROUTED
        late = timeouts.total is not None and now - self.started > timeouts.total
        if leg is None:
            if late or now - self.read_at > timeouts.idle:
                self.body_timeout()
        elif late:
            leg.overdue(f"more than {timeouts.total} s")
        elif leg.deadline < now:
            leg.expire(now)

    def body_timeout(self) -> None:
        """The client stopped in the middle of its body."""
        self.reject("body_timeout", "the body stopped in the middle")

    def aborted(self) -> None:
        """The client has gone."""
        if self.over:
            return
        self.over = True
        self._finished()
        if self.leg is not None:
            self.leg.cancel("client_abort")
            self.leg = None
        else:
            self.worker.tally.rejected(self.route_name, "client_abort")
        self._drop_shadows("client_abort")

    def _end(self, close: bool) -> None:
        self.over, self.leg = True, None
        self._finished()
        if self._shadows and not self.complete:
            self._drop_shadows("request_incomplete")
        self.downstream.exchange_done(close)

    def _drop_shadows(self, reason: str) -> None:
        for shadow in self._shadows or ():
            self.worker.tally.shadow_dropped(self.route.name, shadow.version, reason)
        self._shadows = None

    def judge(self, target: Target, succeeded: bool, now: float) -> None:
        """Tells the target's breaker how a leg went; a change is logged."""
        breaker = target.breaker
        assert breaker is not None
        if breaker.succeeded() if succeeded else breaker.failed(now):
            self.worker.breaker_changed(target, self.route.name)
