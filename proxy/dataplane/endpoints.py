"""Where connections to a version lead, and the order in which its addresses are tried.

1. Families take turns, beginning with that of the resolver's first address (RFC 8305 §4).
2. Within a family the address with the fewest connections comes first; the resolver's order decides among equals.
3. An address that could not be reached lately is tried after all the others, not left out: it may be the only one.
"""

from __future__ import annotations

from collections import deque
from typing import Final

DEAD_SECONDS: Final = 30.0
"""Seconds for which an address that could not be reached comes last: as Envoy's base ejection time."""

Address = tuple[int, str, int]
"""Family, numeric address and port."""


class ServerEndpoint:
    """One address of a version.

    - `open`: connections to it, those under way included
    - `dead_until`: until then it comes last
    - `gone`: its name leads elsewhere now; its connections end with their present exchange
    - `missing`: answers of the resolver in a row that did not name it
    """

    __slots__ = ("address", "dead_until", "gone", "host", "missing", "open", "port")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.host, self.port = address[1], address[2]
        self.open = self.missing = 0
        self.dead_until = 0.0
        self.gone = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def failed(self, now: float) -> None:
        """It could not be reached."""
        self.dead_until = now + DEAD_SECONDS

    def reached(self) -> None:
        """It took a connection."""
        self.dead_until = 0.0


ANYWHERE: Final = ServerEndpoint((0, "", 0))
"""Where a connection leads of which nobody has said so."""


def in_order(endpoints: list[ServerEndpoint], now: float) -> list[ServerEndpoint]:
    """`endpoints` as they are to be tried."""
    if len(endpoints) < 2:
        return endpoints
    alive = [each for each in endpoints if each.dead_until <= now]
    dead = [each for each in endpoints if each.dead_until > now]
    return _interleaved(alive) + _interleaved(dead)


def _interleaved(endpoints: list[ServerEndpoint]) -> list[ServerEndpoint]:
    families: dict[int, list[ServerEndpoint]] = {}
    for each in endpoints:
        families.setdefault(each.address[0], []).append(each)
    queues = [deque(sorted(members, key=_open)) for members in families.values()]
    ordered: list[ServerEndpoint] = []
    while queues:
        ordered.extend([queue.popleft() for queue in queues])
        queues = [queue for queue in queues if queue]
    return ordered


def _open(endpoint: ServerEndpoint) -> int:
    return endpoint.open
