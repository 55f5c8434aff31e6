"""Exchanges of a capture: the legs of each together, with what they weigh, their label, and what is missing.

1. Legs meet on (worker, incarnation, exchange), in whatever order they were written.
2. An exchange is complete with the leg that its request travels with and as many copies as that one says. One that is
   not waits within the bounds of `contracts.leg_join`, by the times that the legs carry; then it stands as it is.
3. One that cannot be sent again says why (`UNREPLAYABLE`), and one whose answer cannot be compared says that
   (`INCOMPARABLE`); neither is left out, because whoever reads counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from math import inf
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.leg_join import ExchangeKey, WeighedJoin
from proxy.contracts.message import field_of
from proxy.contracts.table import COPY_ROLES
from proxy.control.capture.format import Captured
from proxy.control.capture.labels import KnownLabels
from proxy.control.capture.reading import CaptureFiles
from proxy.routing.calls import is_read, is_unary

UNREPLAYABLE: dict[str, str] = {
    "no_request": "the leg that its request travels with is not in the capture",
    "not_an_inference": "it asks a model for nothing",
    "not_answered": "no version answered it, and the body of such a request is not recorded",
    "no_body": "its body is not in the capture: captured without bodies, too large, or not analysed",
    "not_redacted": "its body could not be redacted for certain, and was not written",
}
"""Why a captured request cannot be sent again; the first that holds."""

INCOMPARABLE: dict[str, str] = {
    "no_answer": "no version answered it",
    "not_redacted": "its body could not be redacted for certain, and was not written",
    "unread": "it is of a call whose messages nobody reads, and counts by its status",
    "stream": "it is a stream of gRPC that is not whole in the capture: captured without bodies, or too long",
    "no_body": "its body is not in the capture: captured without bodies, or too large",
}
"""Why a captured answer cannot be compared with another; the first that holds."""

OVERHEAD = 1024
"""Bytes of a leg beside its bodies."""


class CapturedExchange(Struct, frozen=True):
    """One exchange of a capture."""

    key: ExchangeKey
    legs: tuple[Captured, ...]
    """Its legs, in the order in which they began; at least one."""
    asked: Captured | None
    """The leg that the request travels with: method, path, header fields that are kept, body. It is the one that
    answered the client, if any did."""
    weight: float
    """Exchanges of the traffic that this one stands for: the inverse of the probability with which it was taken."""
    label: object
    """What is known to be true of it, as feedback said it; None: nothing yet."""
    unreplayable: str
    """A key of `UNREPLAYABLE`, or "": it can be sent again."""

    @property
    def first(self) -> Captured:
        """The leg that says what all of them share: route, request id, sticky key."""
        return self.asked or self.legs[0]

    @property
    def started(self) -> float:
        """Unix time at which its first leg began."""
        return self.legs[0].started

    @property
    def incomparable(self) -> str:
        """A key of `INCOMPARABLE`, or "": the answer that the client got can be compared with another."""
        leg = self.asked
        if leg is None or leg.failure or not leg.status:
            return "no_answer"
        if leg.response is None:
            return _why_none(leg)
        return ""

    @property
    def redacted(self) -> tuple[str, ...]:
        """The pointers at which something was redacted in any of its legs: what is sent again is not what was sent."""
        if len(self.legs) == 1:
            return tuple(sorted(self.legs[0].redacted))
        return tuple(sorted({pointer for leg in self.legs for pointer in leg.redacted}))


def _why_none(leg: Captured) -> str:
    """Why the body of an answer is not there: a key of `INCOMPARABLE`."""
    if "response" in leg.withheld:
        return "not_redacted"
    if is_unread(leg):
        return "unread"
    return "no_body" if leg.call < 0 or is_unary(path_of(leg)) else "stream"


def is_unread(leg: Captured) -> bool:
    """Whether a leg is of a call of gRPC whose messages nobody reads. Of files of before, whose lines do not say so, it
    is known of the leg that the request travels with."""
    if leg.unread:
        return True
    if b"application/grpc" not in leg.request_fields.lower():
        return False  # nearly all
    return is_grpc(field_of(leg.request_fields, b"content-type")) and not is_read(path_of(leg))


def path_of(leg: Captured) -> bytes:
    """The path, without its query, of the request that travels with a leg."""
    return leg.path.partition("?")[0].encode("latin-1", "replace")


class _Waiting(Struct):
    """The legs of one exchange that wait; `awaited` is how many copies it has, None before that is known."""

    since: float
    legs: list[Captured]
    weight: int = 0
    awaited: int | None = None


class ExchangeJoin:
    """`take` joins one leg after the other, and gives the exchanges that are over with it, `take_all` does so with
    many; `rest` gives all others."""

    __slots__ = ("_now", "_waiting")

    def __init__(self) -> None:
        self._waiting: WeighedJoin[_Waiting] = WeighedJoin()
        self._now = -inf

    def take_all(self, legs: Iterable[Captured]) -> list[CapturedExchange]:
        """The exchanges that these legs complete, one after the other, or whose wait ends with them."""
        over: list[CapturedExchange] = []
        for leg in legs:
            if self._waiting or leg.copies > 0 or not leg.path or leg.role in COPY_ROLES:
                over += self.take(leg)
                continue
            self._now = max(self._now, leg.started + leg.total)  # most exchanges are one leg
            why = "" if leg.inference and leg.request is not None else _unreplayable(leg)
            key = (leg.worker, leg.incarnation), leg.exchange
            over.append(CapturedExchange(key, (leg,), leg, leg.weight, None, why))
        return over

    def take(self, leg: Captured) -> list[CapturedExchange]:
        """The exchanges that `leg` completes, or whose wait ends now."""
        self._now = max(self._now, leg.started + leg.total)
        key = (leg.worker, leg.incarnation), leg.exchange
        over: list[tuple[ExchangeKey, _Waiting]] = []
        held = self._waiting.get(key)
        if held is None and leg.path and leg.copies <= 0:
            late = self._waiting.expire(self._now) if self._waiting else over
            return [_exchange(key, [leg]), *(_exchange(other, each.legs) for other, each in late)]
        if held is None:
            held = _Waiting(self._now, [])
            over += self._waiting.hold(key, held)
        held.legs.append(leg)
        if leg.path or leg.copies >= 0:
            held.awaited = max(leg.copies, 0)
        if held.awaited is not None and _copies(held.legs) >= held.awaited:
            self._waiting.let_go(key)
            over.append((key, held))
        else:
            over += self._waiting.weigh(held, _size(leg))
        over += self._waiting.expire(self._now)
        return [_exchange(key, each.legs) for key, each in over]

    def rest(self) -> list[CapturedExchange]:
        """The exchanges that still wait; no leg comes any more."""
        return [_exchange(key, held.legs) for key, held in self._waiting.expire(inf)]


def exchanges_in(paths: Iterable[Path]) -> Iterator[CapturedExchange]:
    """The exchanges in capture files, in the order in which they were complete, in bounded memory whatever the size of
    the files. Raises UnreadableLineError, OSError."""
    yield from exchanges_of(CaptureFiles(paths))


def exchanges_of(files: CaptureFiles) -> Iterator[CapturedExchange]:
    """The exchanges in capture files that are at hand, with their labels. Raises as `exchanges_in`."""
    if not any(each.labels for each in files.files):
        yield from _joined(files)
        return
    with closing(KnownLabels(files.labels())) as labels:
        for each in _joined(files):
            label = labels.get(each.first.request_id) if each.first.request_id else None
            yield each if label is None else replace(each, label=label)


def _joined(files: CaptureFiles) -> Iterator[CapturedExchange]:
    join = ExchangeJoin()
    for legs in files.batches():
        yield from join.take_all(legs)
    yield from join.rest()


def _copies(legs: list[Captured]) -> int:
    return sum([leg.role in COPY_ROLES for leg in legs])


def _size(leg: Captured) -> int:
    return OVERHEAD + len(leg.request or b"") + len(leg.response or b"") + len(leg.beginning) + len(leg.ending)


def _exchange(key: ExchangeKey, legs: list[Captured]) -> CapturedExchange:
    ordered: tuple[Captured, ...]
    if len(legs) == 1:
        ordered, only = (legs[0],), legs[0]
        asked = only if only.path and only.role not in COPY_ROLES else None
    else:
        ordered = tuple(sorted(legs, key=_place))
        asked = next((leg for leg in ordered if leg.path and leg.role not in COPY_ROLES), None)
    return CapturedExchange(key, ordered, asked, ordered[0].weight, None, _unreplayable(asked))


def _place(leg: Captured) -> tuple[float, bool]:
    return leg.started, leg.role in COPY_ROLES


def _unreplayable(asked: Captured | None) -> str:
    if asked is None:
        return "no_request"
    if not asked.inference:
        return "not_an_inference"
    if asked.request is not None:
        return ""
    if "request" in asked.withheld:
        return "not_redacted"
    return "not_answered" if asked.failure else "no_body"
