"""A leg whose request is rewritten for its version, and the names in whose answer are mapped back.

1. A request whose body is rewritten has no stream until it is complete. It waits in what the exchange keeps of it, up
   to `routing.rewrite.plan.MAX_REWRITTEN`, and while there is memory for a rescue.
2. What cannot be rewritten is not sent. The primary answers in place of a canary or baseline, whether the route wants
   rescues or not, and that is charged to nobody; in place of the primary itself there is nobody, and the client gets
   a problem.
3. A whole answer in which names may stand is held until it is there; one that is too large goes on as it is.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.message import ResponseHead
from proxy.dataplane.leg import Leg
from proxy.dataplane.live import Target
from proxy.dataplane.memory import COUNTED, NO_MEMORY, RESCUES
from proxy.dataplane.ports import ServerStream
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED
from proxy.dataplane.unexpected import UNEXPECTED, unexpected
from proxy.routing.rewrite.answer import MAX_ANSWER, AnswerNames, names_in
from proxy.routing.rewrite.plan import MAX_REWRITTEN, RewritePlan, Rewritten, without_digests
from proxy.routing.rewrite.unwritable import TOO_LARGE, Unwritable

_TOO_LARGE: Final = f"bodies of up to {MAX_REWRITTEN} bytes are rewritten for a version"


class RewritingLeg(Leg):
    """A leg to a version with a plan.

    - `rewritten`: the request for the version, once it is made; `waiting`: for the end of its body
    - `names`: those of an answer that is under way; `lent`: bytes of it that are counted in the worker's memory
    """

    __slots__ = ("lent", "names", "plan", "rewritten", "waiting")

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        super().__init__(shared, request, target, now)
        assert target.plan is not None
        self.plan: RewritePlan = target.plan
        self.rewritten: Rewritten | None = None
        self.names: AnswerNames | None = None
        self.waiting = False
        self.lent = 0

    # the request

    def start(self, fresh: bool, now: float) -> None:
        request = self.request
        if self.rewritten is None:
            if request.inference and not request.complete and self.plan.reads_body(request.head):
                self.waiting = True
                self.deadline = now + request.route.idle
                self.outgrown(max(request.size, request.head.length or 0))
                return
            if not self._rewrite():
                return
        super().start(fresh, now)

    def outgrown(self, size: int) -> bool:
        if not self.waiting:
            return False
        if size > MAX_REWRITTEN:
            self._not_rewritten(TOO_LARGE, _TOO_LARGE)
        elif size > COUNTED and not self.shared.memory.fits(RESCUES, 0):
            self._not_rewritten("no_memory", NO_MEMORY)
        return not self.waiting

    def _rewrite(self) -> bool:
        request = self.request
        body = request.body() if request.complete and request.pieces is not None else None
        try:
            self.rewritten = self.plan.applied(request.head, body, request.inference)
        except Unwritable as unwritable:
            self._not_rewritten(unwritable.reason, unwritable.detail)
        except Exception as error:
            unexpected(error)
            self._not_rewritten("internal", UNEXPECTED)
        return self.rewritten is not None

    def _not_rewritten(self, reason: str, detail: str) -> None:
        request, now = self.request, self.shared.clock()
        self.waiting = False
        self._count_unwritten("request", reason)
        rescued = request.can_rescue(self.target, True)
        self.close_failed(reason, not rescued, now)
        self.drop()
        if rescued:
            request.rescue(self.target, reason, now)
        else:
            request.fail(reason, detail)

    def _count_unwritten(self, message: str, reason: str) -> None:
        self.shared.tally.not_rewritten(self.request.route_name, self.target.version, message, reason)

    def send(self, stream: ServerStream) -> None:
        request, rewritten = self.request, self.rewritten
        assert rewritten is not None
        body = rewritten.body
        length = -1
        if body is not None:
            self.pending, length = [body], len(body)
        stream.begin(self, rewritten.head, self.plan.authority(request.head), request.extra, length)
        self.send_body(stream)

    def request_body(self, data: bytes) -> None:
        if not self.waiting:
            super().request_body(data)

    def end_request(self) -> None:
        if not self.waiting:
            super().end_request()
            return
        self.waiting = False
        if self._rewrite():
            super().start(False, self.request.read_at)

    def flush_request(self) -> None:
        if not self.waiting:
            super().flush_request()

    def expire(self, now: float) -> None:
        if not self.waiting:
            super().expire(now)
        elif now - self.request.read_at > self.request.route.idle:
            self.request.body_timeout()

    # the answer

    def pass_head(self, head: ResponseHead) -> None:
        rewritten = self.rewritten
        assert rewritten is not None
        names = self.names = names_in(head, rewritten.names)
        if names is None:
            super().pass_head(head)
        elif names.reason:
            self.names = None
            self._count_unwritten("answer", names.reason)
            super().pass_head(head)
        elif names.stream:
            super().pass_head(head.changed(without_digests(head.fields), None))

    def response_body(self, data: bytes) -> None:
        names = self.names
        if names is None or self.state == CLOSED:
            super().response_body(data)
            return
        out = names.add(data)
        if out:
            self.client.data(out)
        self.keep(data)
        if not names.stream and not self._has_room_for(names.size):
            self._pass_as_it_is(names)

    def _has_room_for(self, size: int) -> bool:
        if size <= COUNTED:
            return True
        if size > MAX_ANSWER or not self.shared.memory.take(RESCUES, size - self.lent):
            return False
        self.lent = size
        return True

    def _pass_as_it_is(self, names: AnswerNames) -> None:
        head = self.head
        assert head is not None
        self.names = None
        self._count_unwritten("answer", TOO_LARGE)
        super().pass_head(head)
        self.client.data(names.given_up())
        self._give_back()

    def response_end(self) -> None:
        if self.state != CLOSED:
            self._end_names()
        super().response_end()

    def _end_names(self) -> None:
        names, head, self.names = self.names, self.head, None
        if names is None or head is None:
            return
        out = names.rest()
        if not names.stream:
            super().pass_head(head.changed(without_digests(head.fields), len(out)))
        if out:
            self.client.data(out)
        if names.reason:
            self._count_unwritten("answer", names.reason)
        self._give_back()

    def _end_unframed(self, now: float) -> None:
        self._end_names()
        super()._end_unframed(now)

    def unwatch(self) -> None:
        self._give_back()
        super().unwatch()

    def _give_back(self) -> None:
        if self.lent:
            self.shared.memory.give(RESCUES, self.lent)
            self.lent = 0
