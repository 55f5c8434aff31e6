"""A call of gRPC that a request of REST has become, and how its answer is told to that client."""

from __future__ import annotations

from proxy.routing.oip.answer import RestAnswer, answer_of, refusal
from proxy.routing.oip.request import Wanted


class OipCall:
    """A call of `method`, whose client wants its outputs as `wanted` says."""

    __slots__ = ("method", "wanted")

    def __init__(self, method: bytes, wanted: Wanted) -> None:
        self.method, self.wanted = method, wanted

    def answer(self, code: int, message: str, body: bytes) -> RestAnswer:
        """The answer for the client. `code`, `message`: with which the call has ended; `body`: all that came. Raises
        NotProtobuf: it is no answer; Untellable."""
        return refusal(code, message) if code else answer_of(self.method, body, self.wanted)
