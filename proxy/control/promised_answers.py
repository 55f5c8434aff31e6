"""Answers held to what their requests promise of them (`payload.language.promises`).

A request travels with the leg that answered the client; its promise is remembered for copies, whose records mostly come
later. A copy whose record comes first is not held to it.
"""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.decode import Decode
from proxy.payload.language.promises import Promise, promise_of
from proxy.payload.parts import PartedAnswer

MAX_PROMISES = 512
"""Promises that are remembered, the newest: copies come within a second of their request."""

SPOKEN: frozenset[Protocol] = frozenset(("openai", "mlflow", "json", "auto"))
"""Protocols whose requests may promise something."""


class PromisedAnswers:
    """`decode` reads a record and holds its answer to the promise of its request."""

    __slots__ = ("_decode", "_promises")

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._promises: dict[tuple[tuple[int, str], int], Promise] = {}

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
        key = source, record.exchange
        promise = promise_of(record.request) if record.request else self._promises.get(key)
        if promise is None:
            return seen
        if record.request and record.copies:
            self._remember(key, promise)
        if seen.text is None or seen.content or not seen.analysed or not promise.broken_by(seen.text):
            return seen
        return replace(seen, content="broken_schema")

    def _remember(self, key: tuple[tuple[int, str], int], promise: Promise) -> None:
        if len(self._promises) >= MAX_PROMISES:
            del self._promises[next(iter(self._promises))]
        self._promises[key] = promise
