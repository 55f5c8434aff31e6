"""Which protocol the requests and answers of a route speak, from its first ones.

1. A route of protocol `auto` is read by what each exchange looks like, until `ENOUGH` of them say the same: then that
   is its protocol. One whose first `FIRST` exchanges say different things is told, and goes on as it began.
2. A route of any other protocol whose first exchanges cannot be read, and look like another one, is told which.
3. What is looked at is the leg with which the request came, and that of an inference. A reload with another protocol
   begins anew, and so does a restart.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Literal

from proxy.contracts.observation import Observation
from proxy.contracts.record import Record
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.decode import Decode
from proxy.payload.parts import PartedAnswer

log = logging.getLogger("penumbra.protocols")

FIRST = 20
"""Exchanges of a route that are looked at."""
ENOUGH = 5
"""Exchanges that say the same before it is believed."""
MOST = 0.8
"""Part of the exchanges that has to say the same."""

MISREAD = frozenset(("json", "schema", "shape", "values", "binary", "pointer", "form"))
"""Why bodies of another protocol cannot be read."""

MISTAKEN = frozenset((("kserve-v1", "oip"), ("mlflow", "oip")))
"""Protocols that read another one's bodies without a mistake, and take its frame for rows."""


class FirstExchanges:
    """What the first exchanges of a route look like."""

    __slots__ = ("misread", "protocol", "seen", "votes")

    def __init__(self, protocol: Protocol) -> None:
        self.protocol, self.seen, self.misread = protocol, 0, 0
        self.votes: Counter[str] = Counter()

    def note(self, looks: str, misread: bool) -> None:
        """Notes one exchange."""
        self.seen += 1
        self.misread += misread
        self.votes[looks] += 1

    @property
    def over(self) -> bool:
        """Whether enough of them were looked at."""
        return self.seen >= FIRST or (self.protocol == "auto" and bool(self.winner))

    @property
    def winner(self) -> str:
        """What nearly all of them look like, "": nothing yet."""
        named, votes = self.votes.most_common(1)[0] if self.votes else ("", 0)
        return named if votes >= ENOUGH and votes >= MOST * self.seen else ""


class SpokenProtocols:
    """`learnt`: the protocols of routes of protocol `auto`, as far as they are known; `faults`: what is wrong with the
    protocol of a route. Both are live."""

    __slots__ = ("_decode", "_first", "_looks_like", "faults", "learnt")

    def __init__(self, decode: Decode, looks_like: Callable[[Record], Protocol | Literal[""]]) -> None:
        self._decode, self._looks_like = decode, looks_like
        self._first: dict[str, FirstExchanges] = {}
        self.learnt: dict[str, Protocol] = {}
        self.faults: dict[str, str] = {}

    def decode(
        self,
        record: Record,
        protocol: Protocol,
        source: tuple[int, str],
        analysis: Analysis,
        parts: PartedAnswer | None = None,
    ) -> Observation:
        """Reads a record by the protocol that its route speaks, and heeds what it looks like."""
        first = self._first.get(record.route)
        if first is None or first.protocol != protocol:
            first = self._begin(record.route, protocol)
        spoken = self.learnt.get(record.route, protocol)
        seen = self._decode(record, spoken, source, analysis, parts)
        if not first.over and record.path and record.inference:
            looks = self._looks_like(record)
            if protocol == "grpc" and looks == "oip":
                looks = "grpc"  # which reads no other messages
            reasons = {seen.unreadable_request, seen.unreadable_response}
            first.note(looks, not MISREAD.isdisjoint(reasons) or (protocol, looks) in MISTAKEN)
            self._judge(record.route, first)
        return seen

    def together(self, route: str, protocol: Protocol) -> Protocol | None:
        """The protocol that a route speaks, where none of its records is looked at any more; None: they are read one by
        one."""
        first = self._first.get(route)
        return (
            self.learnt.get(route, protocol)
            if first is not None and first.protocol == protocol and first.over
            else None
        )

    def _begin(self, route: str, protocol: Protocol) -> FirstExchanges:
        self.learnt.pop(route, None)
        self.faults.pop(route, None)
        first = self._first[route] = FirstExchanges(protocol)
        return first

    def _judge(self, route: str, first: FirstExchanges) -> None:
        if first.protocol == "auto":
            self._learn(route, first)
        elif route not in self.faults and (fault := _fault(route, first)):
            self.faults[route] = fault
            log.warning("%s: %s", route, fault)

    def _learn(self, route: str, first: FirstExchanges) -> None:
        for protocol in KNOWN:
            if protocol == first.winner:
                self.learnt[route] = protocol
                log.info("%s: speaks %s, by its first %d requests", route, protocol, first.seen)
                return
        if first.over:
            told = ", ".join(
                f"{named or 'nothing that is known'} {count}" for named, count in first.votes.most_common()
            )
            self.faults[route] = (
                f"protocol auto: the first {first.seen} requests look like {told}; say which by protocol"
            )
            log.warning("%s: %s", route, self.faults[route])


KNOWN: tuple[Protocol, ...] = ("oip", "kserve-v1", "mlflow", "openai", "json")


def _fault(route: str, first: FirstExchanges) -> str:
    looks = first.winner
    if looks in ("", "json", first.protocol) or first.misread < MOST * first.seen:
        return ""
    return (
        f"{first.misread} of the first {first.seen} requests cannot be read as {first.protocol}, they look like "
        f"{looks}: set routes.{route}.protocol"
    )
