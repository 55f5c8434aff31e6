"""Answers held to what their requests promise of them (`payload.language.promises`).

A request travels with the leg that answered the client, and is remembered for copies where it promises something. On a
route with such requests a copy whose record comes first waits for that leg's: a model that breaks promises is often the
faster one. It waits for as long as a pair does, and in bounded memory; then it counts as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from proxy.contracts.leg_join import MAX_EXCHANGES, MAX_WAIT, ExchangeKey
from proxy.contracts.observation import Observation, Text
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import COPY_ROLES, Protocol
from proxy.payload.decode import Decode
from proxy.payload.language.promises import Promise, promise_of
from proxy.payload.parts import PartedAnswer

MAX_PROMISED_BYTES = 4 * 1024 * 1024
"""Bytes of the requests with a promise that are remembered, the newest. As bytes, since what is made of them may be
twenty times as large."""

MAX_EARLY_BYTES = 4 * 1024 * 1024
"""Bytes of all copies that wait for the leg of their request."""
OVERHEAD = 2048
"""Bytes of one of them beside its texts."""

SPOKEN: frozenset[Protocol] = frozenset(("openai", "mlflow", "json", "auto"))
"""Protocols whose requests may promise something."""

Copy = tuple[ExchangeKey, str, str]
"""One copy of an exchange: its version and role."""


class PromisedAnswers:
    """`decode` reads a record and holds its answer to the promise of its request. `settled` takes the observations of
    a batch, and gives those that need not wait, or no longer.

    - `_promising`: routes of which a request promised something; `_came`: exchanges there whose request is known
    - `_unsure`: copies of this batch whose request was not known when they came; `_early`: those that wait
    """

    __slots__ = ("_came", "_decode", "_early", "_early_size", "_promising", "_requests", "_size", "_unsure", "wait")

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self.wait = MAX_WAIT
        """Seconds for which a copy waits for its request."""
        self._promising: set[str] = set()
        self._came: dict[ExchangeKey, None] = {}
        self._requests: dict[ExchangeKey, bytes] = {}
        self._size = self._early_size = 0
        self._unsure: set[Copy] = set()
        self._early: dict[Copy, tuple[Observation, float]] = {}

    def decode(
        self,
        record: Record,
        protocol: Protocol,
        source: tuple[int, str],
        analysis: Analysis,
        parts: PartedAnswer | None = None,
    ) -> Observation:
        """An observation; one that breaks its promise has failed for that."""
        seen = self._decode(record, protocol, source, analysis, parts)
        if protocol not in SPOKEN:
            return seen
        key, request = (source, record.exchange), record.request
        promise = promise_of(request) if request else self._promise_of(key)
        if promise is not None:
            self._promising.add(record.route)
        if record.route in self._promising:
            if record.copies > 0:
                self._remember(key, request if promise and request else b"")
            elif record.role in COPY_ROLES and key not in self._came:
                self._unsure.add((key, record.version, record.role))
        return _held_to(promise, seen)

    def settled(self, observations: Iterable[Observation], now: float) -> list[Observation]:
        """Those of a batch, less copies whose request is not known, and those that waited until it is, or for too
        long."""
        if not (self._unsure or self._early):
            return list(observations)
        ready: list[Observation] = []
        for each in observations:
            copy = (each.source, each.exchange), each.version, each.role
            if copy in self._unsure and _may_break(each):
                self._hold(copy, each, now)
            else:
                ready.append(each)
        self._unsure.clear()
        return ready + self._released(now)

    def _hold(self, copy: Copy, seen: Observation, now: float) -> None:
        self._early[copy] = seen, now
        self._early_size += _size_of(seen)

    def _released(self, now: float) -> list[Observation]:
        """Copies that wait no longer: their request is here, or they have waited for too long, or there is no room."""
        done = [copy for copy, (_, since) in self._early.items() if copy[0] in self._came or now - since >= self.wait]
        released = [_held_to(self._promise_of(copy[0]), self._let_go(copy)) for copy in done]
        while self._early_size > MAX_EARLY_BYTES:
            released.append(self._let_go(next(iter(self._early))))
        return released

    def _let_go(self, copy: Copy) -> Observation:
        seen, _ = self._early.pop(copy)
        self._early_size -= _size_of(seen)
        return seen

    def _promise_of(self, key: ExchangeKey) -> Promise | None:
        request = self._requests.get(key)
        return promise_of(request) if request else None

    def _remember(self, key: ExchangeKey, request: bytes) -> None:
        self._came[key] = None
        if len(self._came) > MAX_EXCHANGES:
            del self._came[next(iter(self._came))]
        if request and key not in self._requests:
            self._requests[key] = request
            self._size += len(request)
        while self._size > MAX_PROMISED_BYTES or len(self._requests) > MAX_EXCHANGES:
            self._size -= len(self._requests.pop(next(iter(self._requests))))


def _may_break(seen: Observation) -> bool:
    return seen.text is not None and seen.analysed and not seen.content


def _held_to(promise: Promise | None, seen: Observation) -> Observation:
    if promise is None or seen.text is None or not _may_break(seen) or not promise.broken_by(seen.text):
        return seen
    return replace(seen, content="broken_schema")


def _size_of(seen: Observation) -> int:
    return OVERHEAD + (_length(seen.text) if seen.text is not None else 0)


def _length(text: Text) -> int:
    tools = sum([len(name) + len(arguments) for name, arguments in text.tools])
    return len(text.text) + len(text.reasoning) + tools + sum(map(_length, text.others))
