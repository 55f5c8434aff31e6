"""A leg whose request of REST has become a call of gRPC, and whose answer becomes one of REST.

1. The answer is held until it is whole, up to `routing.oip.answer.MAX_MESSAGE`: only its trailers say how it ended.
   Until then the primary can answer in place of a canary.
2. A call that has failed is the status of HTTP that means the same; it counts by its own status.
3. An answer that is no message of its call is malformed. One that REST cannot tell is charged to nobody.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.field_rules import without_fields
from proxy.contracts.grpc_status import HTTP_STATUS, LABELS, PREFIX, UNAVAILABLE, UNKNOWN
from proxy.contracts.message import ResponseHead
from proxy.dataplane.leg import Leg
from proxy.dataplane.live import Target
from proxy.dataplane.memory import COUNTED, NO_MEMORY, RESCUES
from proxy.dataplane.request import Request
from proxy.dataplane.rewriting import RewritingLeg
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED
from proxy.routing.oip.answer import MAX_MESSAGE, Untellable
from proxy.routing.oip.call import OipCall
from proxy.routing.protobuf import NotProtobuf
from proxy.routing.rewrite.answer import mapped_in

_OF_CALLS: Final = frozenset(
    (
        *(b"content-type", b"content-length", b"grpc-status", b"grpc-message", b"grpc-status-details-bin"),
        *(b"grpc-encoding", b"grpc-accept-encoding", b"accept-encoding"),
    )
)
"""Fields of an answer that say something of a call alone."""

_NO_MESSAGE: Final = "the answer is no message of its call"


class CallingLeg(RewritingLeg):
    """A leg to a version that takes calls of gRPC. `told`: pieces of its answer; `status_told`: the status that its
    client got, 0: none yet."""

    __slots__ = ("status_told", "told")

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        super().__init__(shared, request, target, now)
        self.told: list[bytes] = []
        self.status_told = 0

    def _become(self) -> OipCall | None:
        """The call; None: the client sent one itself."""
        return None if self.rewritten is None else self.rewritten.call

    def pass_head(self, head: ResponseHead) -> None:
        if self._become() is None:
            super().pass_head(head)

    def response_body(self, data: bytes) -> None:
        if self._become() is None or self.state == CLOSED:
            super().response_body(data)
            return
        self.told.append(data)
        self.keep(data)
        size = self.answer_size
        if size > MAX_MESSAGE + PREFIX:
            self.response_failed("answer_untellable", f"more than {MAX_MESSAGE} bytes")
        elif size > COUNTED:
            if self.shared.memory.take(RESCUES, size - self.lent):
                self.lent = size
            else:
                self.response_failed("no_memory", NO_MEMORY)

    def response_trailers(self, fields: bytes) -> None:
        if self._become() is None:
            super().response_trailers(fields)

    def _hold(self) -> bool:
        return super()._hold() if self._become() is None else self.head is not None

    def response_end(self) -> None:
        call = self._become()
        if call is None or self.state == CLOSED or self._tell(call):
            super().response_end()

    def meaning(self) -> int:
        return self.status_told or super().meaning()

    def _tell(self, call: OipCall) -> bool:
        """Queues the whole answer. False: it is none, or another leg answers."""
        head, code = self.head, self.call if self.call >= 0 else UNKNOWN
        assert head is not None and self.rewritten is not None
        if code == UNAVAILABLE and HTTP_STATUS[code] in self.request.route.rescued_status:
            if self.request.can_rescue(self.target):
                self.replace(head, LABELS[code], self.read_at)
                return False
            self.request.not_rescued(self.target)
        try:
            answer = call.answer(code, self.detail, b"".join(self.told))
        except NotProtobuf:
            self.response_failed("malformed", _NO_MESSAGE)
            return False
        except Untellable as untellable:
            self.response_failed("answer_untellable", str(untellable))
            return False
        if not code:
            answer.text = mapped_in(answer.text, self.rewritten.names)
        self.status_told = answer.status
        made = ResponseHead(answer.status, without_fields(head.fields, _OF_CALLS) + answer.fields())
        made.request_id, made.length = head.request_id, len(answer.text) + len(answer.behind)
        made.bodiless = self.request.head.method == b"HEAD"
        self.request.answer_head(self.target, made)
        if not made.bodiless:
            self.client.data(answer.text + answer.behind)
        self.told = []
        return True


def leg_to(shared: Shared, request: Request, target: Target, now: float) -> Leg:
    """A leg to a target, whether or not it has a plan."""
    if target.plan is None:
        return Leg(shared, request, target, now)
    return (CallingLeg if target.plan.calls else RewritingLeg)(shared, request, target, now)
