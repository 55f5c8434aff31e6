"""What is kept of a request's body so that another leg can have it: a retry, a rescue, a copy, the record.

| while | kept |
|---|---|
| no version has a stream for it | all that has come, since whoever gets a stream first needs it |
| a leg is asking, and may be sent again or rescued | up to `limits.rescue_body` of the route, or `mirror_body` |
| afterwards | up to `mirror_body`, where a shadow or a canary is compared by it; else 64 KiB |

Beyond that, or where the worker has no memory for it, nothing is kept, and the body only streams. Then a connection
that may be stale is not used for it (`beyond_keeping`), and a rescue that is due is counted as not done.
"""

from __future__ import annotations

from proxy.contracts.compiler import i64
from proxy.contracts.message import RequestHead
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.leg import Leg
from proxy.dataplane.live import Target
from proxy.dataplane.memory import COUNTED, REQUESTS, RESCUES
from proxy.dataplane.recorder import MAX_RECORDED
from proxy.dataplane.request import Request
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import ANSWERING, ASKING
from proxy.dataplane.tally import Arm


class KeptRequest(Request):
    """A request whose `leg` is the attempt under way; `state` is one of `states.EXCHANGE`."""

    __slots__ = ("leg", "shared", "state")

    def __init__(
        self,
        client: ClientStream,
        shared: Shared,
        head: RequestHead,
        request_id: bytes,
        id_field: bytes,
        extra: bytes,
        now: float,
    ) -> None:
        super().__init__(client, head, request_id, id_field, extra, now)
        self.shared = shared
        self.state: i64 = 0
        self.leg: Leg | None = None

    def keep_piece(self, leg: Leg, data: bytes) -> None:
        """Keeps a piece of the body that came after its leg began, or lets all of it go."""
        pieces, size = self.pieces, self.size
        if pieces is None:
            return
        if leg.stream is None:
            pieces.append(data)
            if size > COUNTED:
                self.insist()
        elif size <= self.route.keep and (size <= COUNTED or self.take(RESCUES)):
            pieces.append(data)
        else:
            self.forget()

    def take(self, use: int) -> bool:
        """Counts what has come of the body. False: the worker has no memory for it."""
        if not self.shared.memory.take(use, self.size - self.held):
            return False
        self.held = self.size
        return True

    def insist(self) -> None:
        """Counts it, memory or not."""
        self.shared.memory.insist(REQUESTS, self.size - self.held)
        self.held = self.size

    def forget(self) -> None:
        """Keeps the body no more: there will be no other leg."""
        self.pieces = None
        self.release()

    def release(self) -> None:
        """Gives its memory back."""
        if self.held:
            self.shared.memory.give(REQUESTS, self.held)
            self.held = 0

    def assigned(self) -> None:
        """Its first leg has begun; it may have a stream already."""
        if self.size > self.route.record_body and self.leg is not None and self.leg.stream is not None:
            self.sent()

    def sent(self) -> None:
        size, route = self.size, self.route
        beyond = size > route.keep or (size > route.record_body and not self.shared.memory.fits(RESCUES, 0))
        if beyond and self.pieces is not None:
            self.forget()

    def begun(self) -> None:
        """A part of the answer was written."""
        if self.complete and (self.size > MAX_RECORDED or self.size > self.route.record_body):
            self.forget()  # no rescue any more, and no record carries it

    def review(self, leg: Leg, now: float) -> None:
        """Lets go of what is kept for a retry alone, once it cannot be needed."""
        needed = leg.stream is None or self.can_rescue(leg.target) or leg.may_go_again(now)
        if self.size > self.route.record_body and not needed:
            self.forget()

    # who answers

    def asked(self) -> Arm | None:
        return self.leg.arm if self.leg is not None else None

    def is_stream(self) -> bool:
        return self.leg is not None and self.leg.is_stream()

    # what a leg asks

    def beyond_keeping(self) -> bool:
        size = self.head.length or 0
        return size > self.route.keep or self.size > self.route.keep

    def not_kept(self) -> str:
        return "too_large" if self.size > self.route.keep else "no_memory"

    def can_rescue(self, target: Target, unsent: bool = False) -> bool:
        """True while the primary can still answer in place of `target`: a canary or baseline, of whose answer nothing
        was written, and the request's body is at hand. `unsent`: whether the route wants rescues or not."""
        wanted = unsent or self.route.rescues
        return self.state == ASKING and self.pieces is not None and wanted and _replaceable(target)

    def not_rescued(self, target: Target) -> None:
        if not (self.route.rescues and _replaceable(target)):
            return
        if self.state == ANSWERING:
            why = "answer_began"
        else:
            why = "total_timeout" if self.pieces is not None else self.not_kept()
        self.shared.tally.not_rescued(self.route_name, target.version, why)


def _replaceable(target: Target) -> bool:
    role = target.arm.role
    return role == "canary" or role == "baseline"
