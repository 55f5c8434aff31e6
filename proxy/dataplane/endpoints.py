"""Where connections to a version lead, and the order in which its addresses are tried.

1. Whom the pool wants comes first, then the lowest priority (RFC 2782), each in turn.
2. Families take turns, beginning with that of the resolver's first address (RFC 8305 §4).
3. Within a family the address with the fewest connections for its weight comes first; the resolver's order decides
   among equals.
4. An address that could not be reached lately is tried after all the others, not left out: it may be the only one.
"""

from __future__ import annotations

from collections import deque
from typing import Final

DEAD_SECONDS: Final = 30.0
"""Seconds for which an address that could not be reached comes last: as Envoy's base ejection time. Twice that where it
cannot be reached the next time either, and so on."""

MAX_DEAD_SECONDS: Final = 300.0
"""The longest of these times."""

LEAST_WEIGHT: Final = 0.01
"""Weight in place of 0."""

Address = tuple[int, str, int]
"""Family, numeric address and port."""


class Found:
    """What a lookup has found. `addresses`: in the order of RFC 6724, or of priorities.

    - `ttl`: seconds for which that holds; None: nobody has said so
    - `ranks`: priority and weight of each address that has them (RFC 2782)
    """

    __slots__ = ("addresses", "ranks", "ttl")

    def __init__(
        self, addresses: list[Address], ttl: float | None = None, ranks: dict[Address, tuple[int, int]] | None = None
    ) -> None:
        self.addresses, self.ttl, self.ranks = addresses, ttl, ranks or {}


class ServerEndpoint:
    """One address of a version.

    - `open`: connections to it, those under way included
    - `priority`, `weight`: as an SRV record says (RFC 2782); without one all are alike
    - `since`: when it was first named, or last returned
    - `dead_until`: until then it comes last; `refusals`: times in a row that it could not be reached
    - `gone`: its name leads elsewhere now; its connections end with their present exchange
    - `missing`: answers of the resolver in a row that did not name it
    """

    __slots__ = (
        "address",
        "dead_until",
        "gone",
        "host",
        "missing",
        "open",
        "port",
        "priority",
        "refusals",
        "since",
        "weight",
    )

    def __init__(self, address: Address, since: float = float("-inf")) -> None:
        self.address, self.since = address, since
        self.host, self.port = address[1], address[2]
        self.open = self.missing = self.priority = self.refusals = 0
        self.weight = 1.0
        self.dead_until = 0.0
        self.gone = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def rank(self, priority: int, weight: int) -> None:
        """What its SRV record says. A weight of 0 is a very small chance beside others, and nothing among its like."""
        self.priority, self.weight = priority, float(weight) or LEAST_WEIGHT

    def failed(self, now: float) -> bool:
        """It could not be reached. True: it could before."""
        if self.dead_until > now:
            return False  # of another attempt that was under way when it died
        self.refusals += 1
        self.dead_until = now + min(DEAD_SECONDS * self.refusals, MAX_DEAD_SECONDS)
        return True

    def reached(self, now: float) -> None:
        """It took a connection."""
        if self.refusals:
            self.since, self.dead_until, self.refusals = now, 0.0, 0


ANYWHERE: Final = ServerEndpoint((0, "", 0))
"""Where a connection leads of which nobody has said so."""


def in_order(endpoints: list[ServerEndpoint], now: float, wanted: ServerEndpoint | None = None) -> list[ServerEndpoint]:
    """`endpoints` as they are to be tried."""
    if len(endpoints) < 2:
        return endpoints
    alive = [each for each in endpoints if each.dead_until <= now and each is not wanted]
    dead = [each for each in endpoints if each.dead_until > now and each is not wanted]
    first = [each for each in endpoints if each is wanted]
    return first + _by_priority(alive) + _by_priority(dead)


def _by_priority(endpoints: list[ServerEndpoint]) -> list[ServerEndpoint]:
    ordered: list[ServerEndpoint] = []
    for priority in sorted({each.priority for each in endpoints}):
        ordered += _interleaved([each for each in endpoints if each.priority == priority])
    return ordered


def _interleaved(endpoints: list[ServerEndpoint]) -> list[ServerEndpoint]:
    families: dict[int, list[ServerEndpoint]] = {}
    for each in endpoints:
        families.setdefault(each.address[0], []).append(each)
    queues = [deque(sorted(members, key=_load)) for members in families.values()]
    ordered: list[ServerEndpoint] = []
    while queues:
        ordered.extend([queue.popleft() for queue in queues])
        queues = [queue for queue in queues if queue]
    return ordered


def _load(endpoint: ServerEndpoint) -> float:
    return endpoint.open / endpoint.weight
