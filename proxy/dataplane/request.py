"""A client's request as its legs share it, and what a leg tells whoever answers the client.

The base of `Exchange`. Legs know this and not the exchange, so that neither file imports the other.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.message import RequestHead, ResponseHead
from proxy.dataplane.client_ports import ClientStream
from proxy.dataplane.live import LiveRoute, Target
from proxy.dataplane.ports import Timed
from proxy.routing.calls import is_read

CLOSE_TO: Final = 0.05
"""Seconds before its deadline in which a client that leaves does so for it: its clock began to run before ours."""


class Request(Timed):
    """One request.

    - `client`: where the answer goes; `head`: what was asked
    - `held`: bytes of the body that are counted in the worker's memory
    - `pieces`: the body so far, while another leg, a retry or a shadow may need it; None once it has grown too large
    - `size`: bytes of the body so far; `complete`: the request has ended; `trailers`: the block of fields after it
    - `route`, `route_name`: set once a route was found; `inference`: it asks the route's model for something
    - `number`: identifies the exchange in records, 0: not recorded; `key`: the hash of its sticky key, 0: none
    - `copies`: how many copies to shadows were sent; `followers`: those under way that end when the client leaves
    - `sharers`: copies under way that hold its body
    - `request_id`: the client's, or one that the proxy made; `id_field`: the block that says so in answers
    - `extra`: the block that the proxy adds for versions: a request id that it made, its hop
    - `started`, `read_at`: when its turn came, and when its last bytes were read (monotonic seconds)
    - `until`: when its client waits no more, inf: it has not said
    """

    __slots__ = (
        "client",
        "complete",
        "copies",
        "extra",
        "followers",
        "head",
        "held",
        "id_field",
        "inference",
        "key",
        "number",
        "pieces",
        "read_at",
        "request_id",
        "route",
        "route_name",
        "sharers",
        "size",
        "started",
        "trailers",
        "until",
    )

    route: LiveRoute

    def __init__(
        self, client: ClientStream, head: RequestHead, request_id: bytes, id_field: bytes, extra: bytes, now: float
    ) -> None:
        self.client, self.head, self.request_id, self.id_field, self.extra = client, head, request_id, id_field, extra
        self.pieces: list[bytes] | None = []
        self.trailers = b""
        self.followers: list[Timed] | None = None
        self.route_name = ""
        self.complete = False
        self.inference = True
        self.size = self.key = self.number = self.copies = self.sharers = self.held = 0
        self.started = self.read_at = now
        self.until = now + head.timeout

    def analysed(self) -> bool:
        """Whether bodies are of use to statistics."""
        route = self.route
        return self.inference and route.analysed and (not route.by_call or is_read(self.head.path))

    def recorded(self) -> bool:
        """Whether its legs are recorded, with its body: statistics read that, or it may be sent again one day."""
        route = self.route
        if not self.inference:
            return False
        return route.unread or (route.analysed and (not route.by_call or is_read(self.head.path)))

    def body(self) -> bytes:
        """The whole body; only while `pieces` are kept."""
        pieces = self.pieces
        assert pieces is not None
        if len(pieces) > 1:
            pieces = self.pieces = [b"".join(pieces)]
        return pieces[0] if pieces else b""

    def request_trailers(self, fields: bytes) -> None:
        """The block of fields after the body."""
        self.trailers = fields

    def leaves_for(self, now: float) -> str:
        """The reason why its client leaves at this moment."""
        return "client_abort" if now < self.until - CLOSE_TO else "client_deadline"

    # what a leg asks and tells

    def answer_head(self, target: Target, head: ResponseHead) -> None:
        """Queues the head of the target's answer for the client."""
        raise NotImplementedError

    def flush_answer(self) -> None:
        """Writes what is queued."""
        raise NotImplementedError

    def answered(self, now: float) -> None:
        """The leg has finished and everything was written."""
        raise NotImplementedError

    def sent(self) -> None:
        """A leg has handed what was there of the body to its stream."""
        raise NotImplementedError

    def can_rescue(self, target: Target, unsent: bool = False) -> bool:
        """True while the primary can still answer in place of this target. `unsent`: which cannot be asked at all, so
        that it does not matter whether the route wants rescues."""
        raise NotImplementedError

    def not_rescued(self, target: Target) -> None:
        """Counts why the primary cannot answer in place of a target that has failed, where it might have been due."""
        raise NotImplementedError

    def beyond_keeping(self) -> bool:
        """Whether the body is larger than what is kept of one for another try."""
        raise NotImplementedError

    def not_kept(self) -> str:
        """Why the body is not at hand any more: a key of `resend.REFUSALS`."""
        raise NotImplementedError

    def rescue(self, target: Target, reason: str, now: float) -> None:
        """The primary answers in place of `target`, which is already charged."""
        raise NotImplementedError

    def fail(self, reason: str, detail: str) -> None:
        """No leg can answer: a problem, or an abort once a part of an answer was written."""
        raise NotImplementedError

    def fault(self) -> None:
        """An unexpected exception: no leg can answer."""
        raise NotImplementedError

    def body_timeout(self) -> None:
        """The client stopped in the middle of its body."""
        raise NotImplementedError
