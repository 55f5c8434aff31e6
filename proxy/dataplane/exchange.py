"""One client request and its answer.

1. A version is chosen once, when the head is complete (or the body, where the choice depends on it).
2. A version gets the request once it is complete, or larger than the route holds (`limits.request_buffer`): a client
   that sends slowly holds no connection, and takes no place of those in flight. A call of gRPC goes once its first
   message is there, or after `SILENT_CALL` seconds without one: whether its client or its server speaks next, nobody
   can tell from outside.
3. The exchange keeps the pieces of the request's body while another leg, a retry or a shadow may need them
   (`dataplane.kept`).
4. The client gets one answer: the first leg's, the rescuing leg's, or a problem. Once a part of an answer was written,
   failure can only be an aborted connection, never a clean end.

Where an exchange stands is one state, and what may follow is a table: `states.EXCHANGE`. The file is long because of
that: what it hears of its client, its leg or the clock may end it.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.compiler import i64, mypyc_attr
from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.unread_key import ABSENT
from proxy.dataplane.assign import assign, draw_shadows, new_id
from proxy.dataplane.calling import leg_to
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.kept import KeptRequest
from proxy.dataplane.live import LiveRoute, ShadowTarget, Target
from proxy.dataplane.memory import COUNTED, NO_MEMORY, REQUESTS
from proxy.dataplane.shadow import mirror
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import (
    ADMIT,
    ANSWERING,
    ASKING,
    ASSIGN,
    CUT,
    DONE,
    EXCHANGE_STEPS,
    GONE,
    OVER,
    PROBLEM,
    QUEUED,
    RESCUE,
    ROUTED,
    ROUTING,
    START,
    WRITE,
)
from proxy.dataplane.unexpected import UNEXPECTED, give_up, unexpected
from proxy.routing.calls import has_message
from proxy.routing.match import WAITS, decoded, model_of

SILENT_CALL: Final = 0.25
"""Seconds: parts of one write of a client are not so far apart, and those whose server speaks first have to wait it."""


@mypyc_attr(free_list_len=1)  # the memory of one is kept for the next
class Exchange(KeptRequest):
    """A client's request and its answer, in one of the states of `states.EXCHANGE`.

    The client's stream calls `start`, `request_body`, `request_trailers`, `request_end`, `flush_request` after each
    read, and `aborted`. `leg` is the attempt under way.
    """

    __slots__ = ("_due", "stalled")

    def __init__(self, client: ClientStream, shared: Shared, head: RequestHead, now: float) -> None:
        request_id, extra = head.request_id, shared.hop
        if request_id:
            id_field = b"x-request-id: %b\r\n" % request_id
        else:
            request_id = new_id()
            id_field = b"x-request-id: %b\r\n" % request_id
            extra = id_field + extra
        super().__init__(client, shared, head, request_id, id_field, extra, now)
        self.stalled = 0.0  # seconds that the loop stood still meanwhile
        self._due: list[ShadowTarget] | None = None  # shadows that are owed a copy

    def __repr__(self) -> str:
        return f"<Exchange {self.head.method.decode()} {self.head.path.decode('latin-1')} in state {self.state}>"

    def over(self) -> bool:
        """True once it has ended."""
        return self.state == OVER

    def _step(self, event: i64) -> None:
        self.state = EXCHANGE_STEPS.after(self.state, event)

    # the request

    def start(self, now: float) -> None:
        """The head is here, and it is this exchange's turn."""
        self.started = now
        self._step(START)
        self.shared.exchanges.add(self)
        if self.pieces is None:
            self.reject("no_memory", NO_MEMORY)
            return
        self._find_route()
        if self.state == OVER:
            return
        self.client.ask_for_body()
        if self.state == ROUTED and (self.complete or not self.route.hold):
            self._assign(now)

    def _find_route(self, told: bool = False) -> None:
        """`told`: what there is of the body tells all that it will ever tell about the route."""
        table, head = self.shared.table, self.head
        if table is None:
            self.reject("no_table", "control has not sent one")
            return
        certain = table.index.certain(head.path)
        if certain >= 0:
            self._take_route(table.routes[certain])
            return
        told = told or self.complete
        body = self.body() if told or self.size > self.shared.deciding_body else None
        index = table.index.find(head.path, head.method, head.field, body, self.complete)
        if index is None:
            wanted = table.index.wants_body(head.path, head.method, head.field)
            if told and wanted:
                why = model_of(decoded(head.path), head.field, self.body(), self.complete)[1]
                self.shared.tally.unread_key("", why or ABSENT)
            if told or not wanted:
                self.reject("no_route", f"no route for {head.method.decode()} {head.path.decode('latin-1')}")
        elif index != WAITS:
            self._take_route(table.routes[index])
        # otherwise `request_end` looks again, with the body

    def _take_route(self, route: LiveRoute) -> None:
        head, self.route = self.head, route
        self.route_name = route.name
        self.inference = not head.tunnel and route.inferences.holds(head.method, head.path)
        self._admit()

    def _admit(self) -> None:
        """Refuses what the route takes no more of, or what is too large for it."""
        route = self.route
        size = max(self.head.length or 0, self.size)
        if self.head.hops and self.shared.has_passed(self.head.hops):
            self.reject("loop", "the URL of a version leads back to this proxy")
        elif route.inflight.count >= route.max_inflight:
            self.reject("overloaded", f"the limit is {route.max_inflight}")
        elif size > route.max_body:
            self.reject("body_too_large", f"{size} bytes, the limit is {route.max_body}")
        elif self.shared.memory.is_full():
            self.shared.memory.shed[REQUESTS] += 1
            self.reject("no_memory", NO_MEMORY)
        else:
            self._step(ADMIT)

    def request_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.state == OVER:
            return
        self.size += len(data)
        leg = self.leg
        if leg is not None and leg.outgrown(self.size):
            leg = self.leg
        if leg is None:
            self._hold(data)
            return
        route = self.route
        if self.size > route.max_body:
            self.reject("body_too_large", f"the limit is {route.max_body} bytes")
            return
        self.keep_piece(leg, data)
        leg.request_body(data)

    def _hold(self, data: bytes) -> None:
        # Waits for its turn (bounded by one read of the socket), for the body that decides, or for enough of it.
        if self.pieces is None:
            return
        self.pieces.append(data)
        size, state = self.size, self.state
        if size > COUNTED and not self.take(REQUESTS):
            if state == QUEUED:
                self.forget()  # and is refused once it has its turn
            else:
                self.reject("no_memory", NO_MEMORY)
            return
        if state == ROUTED:
            if size > self.route.max_body:
                self.reject("body_too_large", f"the limit is {self.route.max_body} bytes")
            elif size > self.route.hold:
                self._assign(self.read_at)  # with the key, if it is in what there is
        elif state == ROUTING and size > self.shared.deciding_body:
            self._decide_early()

    def _decide_early(self) -> None:
        self._find_route()
        if self.state == ROUTING:
            detail = f"a body of more than {self.shared.deciding_body} bytes names its model within them"
            self.reject("body_too_large", detail)
        elif self.state == ROUTED:
            self._assign(self.read_at)

    def request_end(self) -> None:
        """The request is complete."""
        if self.complete:
            return
        self.complete = True
        if self.leg is not None:
            self.leg.end_request()
            self._mirror()
            return
        if self.state == ROUTING:
            self._find_route()
        if self.state == ROUTED:
            self._assign(self.read_at)

    def flush_request(self) -> None:
        """The bytes that were read together have been handed over."""
        if self.leg is None and ROUTING <= self.state <= ROUTED:
            self._heed_message()
        if self.leg is not None:
            self.leg.flush_request()

    def _heed_message(self) -> None:
        """Lets a call of gRPC that is still coming go on, once its first message is there."""
        pieces = self.pieces
        if pieces is None or not has_message(pieces, self.size) or not is_grpc(self.head.field(b"content-type")):
            return
        if self.state == ROUTING:
            self._find_route(True)
        if self.state == ROUTED:
            self._assign(self.read_at)

    def tunnel_data(self, data: bytes) -> None:
        """Bytes of a tunnel that the model server has agreed to."""
        if self.leg is not None:
            self.leg.request_body(data)
            self.leg.flush_request()

    def _begin_silent(self, now: float) -> None:
        if is_grpc(self.head.field(b"content-type")):
            self._assign(now)
            self.flush_request()

    def _assign(self, now: float) -> None:
        route, head, shared = self.route, self.head, self.shared
        if route.inflight.count >= route.max_inflight:
            self.reject("overloaded", f"the limit is {route.max_inflight}")
            return
        if now >= self.until:
            self._missed()
            return
        body = self.body() if route.sticky_body else None
        target, self.key = assign(route, head, body, self.complete, self.inference, shared.tally, now)
        if not head.tunnel:
            if route.shadows and not head.shadowed and (self.inference or route.mirror_all):
                self._due = draw_shadows(route)
            if route.journal or self.recorded():
                self.number = shared.recorder.next_exchange()
        self._step(ASSIGN)
        route.inflight.count += 1
        self._begin(target, now)
        self.assigned()
        if self.complete:
            self._mirror()

    def _begin(self, target: Target, now: float) -> None:
        self.leg = leg = leg_to(self.shared, self, target, now)
        leg.start(False, now)

    def _mirror(self) -> None:
        if self._due:
            self.flush_request()  # the primary's bytes go first
            due, self._due = self._due, None
            mirror(self.shared, self, due, self.shared.clock())
            if self.state == OVER:
                self.followers = None  # there is no client left whom they could follow

    # the answer

    def answer_head(self, target: Target, head: ResponseHead) -> None:
        self.client.head(head, target.extra, b"" if head.request_id else self.id_field)
        if head.tunnel:
            self._step(WRITE)  # from here on bytes pass both ways

    def flush_answer(self) -> None:
        if self.client.flush():
            self._step(WRITE)
            if self.held:
                self.begun()

    def pause_answer(self) -> None:
        """The client reads slowly."""
        if self.leg is not None:
            self.leg.pause_answer()

    def resume_answer(self) -> None:
        """The client reads again."""
        if self.leg is not None:
            self.leg.resume_answer()

    def answered(self, now: float) -> None:
        self._end(DONE, "request_incomplete")
        self.client.done(now)

    def rescue(self, target: Target, reason: str, now: float) -> None:
        self.shared.tally.rescued(self.route_name, target.version, reason)
        self.client.discard()
        self._step(RESCUE)
        self._begin(self.route.rescue, now)
        self.flush_request()

    def fail(self, reason: str, detail: str) -> None:
        lost = "client_abort" if reason == "client_abort" else "request_incomplete"
        if self.state == ANSWERING or self.state == QUEUED:  # it has begun its answer, or has no turn for one
            self._end(CUT, lost)
            self.client.cut(FAILURES[reason], detail)
        elif self.state != OVER:
            self.client.problem(FAILURES[reason], detail, self.id_field)
            self._end(PROBLEM, lost)
            self.client.done(self.shared.clock())

    def reject(self, reason: str, detail: str) -> None:
        """The proxy itself refuses the request. `reason`: a key of `FAILURES`."""
        self._give_up(reason)
        self.fail(reason, detail)

    def body_timeout(self) -> None:
        self.reject("body_timeout", "the body stopped in the middle")

    def aborted(self) -> None:
        """The client has gone."""
        if self.state != OVER:
            reason = self.leaves_for(self.shared.clock())
            self._end(GONE, "answered" if self._give_up(reason) else reason)

    def give_up(self, reason: str) -> None:
        self.reject(reason, "on_rollback: reset" if reason == "rolled_back" else "a limit of the proxy")

    def fault(self) -> None:
        """Whatever has not ended ends. (Where only the client's turn has not ended, `Downstream.sweep` finds that.)"""
        counted = self.leg is not None and self.leg.broken()
        due, self._due = self._due, None
        try:
            if not counted:
                self.shared.tally.rejected(self.route_name, "internal")
            for shadow in due or ():
                self.shared.tally.shadow_dropped(self.route_name, shadow.version, "internal")
            self.fail("internal", UNEXPECTED)
        except Exception as error:
            unexpected(error)
            if self.state != OVER:
                self._end(GONE, "request_incomplete")
            self.client.reset()

    def unreadable(self) -> None:
        """The rest of a request that waits for its turn cannot be read: it will never have one."""
        self._end(CUT, "request_incomplete")

    def _give_up(self, reason: str) -> bool:
        """True where the answer had shown its end, and so counts as one."""
        if self.leg is not None:
            return self.leg.cancel(reason)
        self.shared.tally.rejected(self.route_name, reason)
        return False

    def _end(self, event: i64, reason: str) -> None:
        """The end; copies that were due and cannot be sent any more are counted as dropped for `reason`. Those of a
        complete request can: its leg has failed before they had their turn, and `_mirror` is about to send them. Where
        the reason is the client's leaving, copies under way that follow it end, too."""
        if ASKING <= self.state < OVER:
            self.route.inflight.count -= 1
        self._step(event)
        self.leg = None
        if self.held:
            self.release()
        if not self.complete:
            self.pieces = None  # the rest of the body may still come, and nobody needs what there is
        self.shared.exchanges.discard(self)
        if self._due and not self.complete:
            for shadow in self._due:
                self.shared.tally.shadow_dropped(self.route_name, shadow.version, reason)
            self._due = None
        followers, self.followers = self.followers, None
        if followers is not None and reason == "client_abort":
            for copy in followers:
                give_up(copy, reason)

    # time

    def note_age(self, ages: dict[tuple[str, str, str], float], now: float) -> None:
        if self.leg is not None:
            self.leg.note_age(ages, now)

    def postpone(self, seconds: float) -> None:
        self.stalled += seconds
        self.read_at += seconds
        if self.leg is not None:
            self.leg.postpone(seconds)

    def _missed(self) -> None:
        self.reject("client_deadline", f"its client gave it {self.head.timeout:g} s")

    def expire(self, now: float) -> None:
        """Ends what has taken too long."""
        if now >= self.until:
            self._missed()
            return
        routed = self.state >= ROUTED
        total = self.route.total if routed else None
        late = total is not None and now - self.started - self.stalled > total
        if self.leg is None:
            if late or now - self.read_at > (self.route.idle if routed else self.shared.timings.body):
                self.body_timeout()
            elif routed and not self.size and now - self.read_at > SILENT_CALL:
                self._begin_silent(now)
        elif late:
            self.leg.overdue(f"more than {total} s", now)
        else:
            if self.held and self.pieces is not None:
                self.review(self.leg, now)
            self.leg.expire(now)
