"""Captured exchanges and the answers that came: which requests can be sent again, and all of it as legs.

The recorded answer (or that of a primary that runs beside) stands for the primary, the candidate's for a copy of the
same request: the statistics meet a pair as they do in production. Times of legs are counted from the recorded start, so
that nothing but a latency depends on when a replay is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.record import UNARY
from proxy.contracts.table import Role
from proxy.control.capture.exchanges import INCOMPARABLE, UNREPLAYABLE, CapturedExchange, path_of
from proxy.control.capture.format import Captured
from proxy.routing.calls import is_unary
from proxy.stats.selection import Selection

NO_INFERENCE = UNREPLAYABLE["not_an_inference"]
"""The reason that is no loss: such a request is evidence of nothing anywhere."""

PRIMARY_ROLES: frozenset[Role] = frozenset(("primary", "baseline", "rescue"))
"""Roles in which the primary's model answers."""

ABORTS = frozenset(("client_abort", "client_deadline", "upload_abort"))
"""Failures that are the client's."""

OF_ANOTHER = "another version than the primary answered it"
ABANDONED = "its client left before the primary's answer was complete"
REDACTED = "something that is compared was redacted in it, so that the recorded answer is to another request"


class LiveAnswer(Struct):
    """What came of one request that was sent."""

    status: int = 0
    """0: no answer came. Of a call of gRPC that of HTTP which means the same as its own."""
    failure: str = ""
    """Why it failed (`contracts.failure`), or ""."""
    total: float = 0.0
    """Seconds to the last byte, or to the failure."""
    first_byte: float = 0.0
    fields: bytes = b""
    body: bytes | None = None
    """None: it is too large to be kept."""
    chunks: list[float] = field(default_factory=list)
    """Seconds at which pieces of a body in several of them arrived."""
    ends: list[int] = field(default_factory=list)
    """Bytes of it that had arrived by then."""
    beginning: bytes = b""
    """Of a body that is too large, the first bytes, and the last ones."""
    ending: bytes = b""
    call: int = -1
    """The status with which a call of gRPC ended; -1: it is none, or failed without one."""
    detail: str = ""
    """What the server of a call that did not end well said of it; of a malformed answer, the rule that it broke."""


class Replayed(Struct, frozen=True):
    """One captured exchange with the answers of servers that run now."""

    exchange: CapturedExchange
    candidate: LiveAnswer
    primary: LiveAnswer | None = None
    """None: the recorded answer stands for the primary's."""
    noise: LiveAnswer | None = None
    """The primary's answer to the same request once more."""


class Compared:
    """What of requests and answers is compared: all that `analysis.ignore` does not name."""

    __slots__ = ("_request", "_response")

    def __init__(self, ignore: Sequence[str]) -> None:
        self._request, self._response = Selection(ignore, "request"), Selection(ignore, "response")

    def spoilt_by(self, pointer: str) -> bool:
        """Whether something that is compared is no longer what it was, where `pointer` was redacted."""
        side, _, name = pointer.removeprefix("/").partition("/")
        if side == "request_id":
            return False
        ignored = self._request if side == "request" else self._response
        return not (name and ignored.has(name.replace("/", ".")))


def why_not(exchange: CapturedExchange, beside: bool, compared: Compared) -> str:
    """Why an exchange cannot be replayed, as part of a sentence; "": it can.

    - `beside`: the primary runs beside the candidate, so that no recorded answer is needed
    """
    if exchange.unreplayable:
        return UNREPLAYABLE[exchange.unreplayable]
    asked = exchange.asked
    assert asked is not None
    if beside:
        return ""
    if asked.role not in PRIMARY_ROLES:
        return OF_ANOTHER
    if asked.failure in ABORTS:
        return ABANDONED
    if asked.redacted and any(map(compared.spoilt_by, asked.redacted)):
        return REDACTED
    if asked.failure or asked.status >= 300 or exchange.incomparable in ("", "unread"):
        return ""
    return _unanswered(exchange)


def _unanswered(exchange: CapturedExchange) -> str:
    return f"the answer to it cannot be compared: {INCOMPARABLE[exchange.incomparable]}"


def legs_of(replayed: Replayed, primary: str, candidate: str) -> list[Captured]:
    """The legs of one exchange, the primary's first."""
    asked = replayed.exchange.asked
    assert asked is not None
    copies = 1 + (replayed.noise is not None)
    first = replace(asked, role="primary", version=primary, share=1.0, copies=copies, inference=True)
    legs = [first if replayed.primary is None else _answered(first, replayed.primary, asked)]
    if replayed.noise is not None:
        legs.append(_copy(asked, "noise", primary, replayed.noise))
    legs.append(_copy(asked, "shadow", candidate, replayed.candidate))
    return legs


def _copy(asked: Captured, role: Role, version: str, answer: LiveAnswer) -> Captured:
    """The leg of a copy: of the request it says nothing, since that travels with the first leg."""
    copy = replace(
        asked, role=role, version=version, share=1.0, inference=True, copies=-1,
        method="", path="", request_fields=b"", request=None,
    )  # fmt: skip
    return _answered(copy, answer, asked)


def _answered(leg: Captured, answer: LiveAnswer, asked: Captured) -> Captured:
    """A leg with the facts of an answer in place of those of the recorded one."""
    return replace(
        leg,
        status=answer.status,
        failure=answer.failure,
        total=answer.total,
        first_byte=answer.first_byte,
        response_fields=answer.fields,
        response=answer.body,
        chunks=answer.chunks,
        ends=answer.ends,
        beginning=answer.beginning,
        ending=answer.ending,
        call=answer.call,
        detail=answer.detail,
        marks=UNARY if answer.call >= 0 and _is_unary(asked) else 0,
    )


def _is_unary(asked: Captured) -> bool:
    return is_unary(path_of(asked))
