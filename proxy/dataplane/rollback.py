"""Streams that are open on a version when it is rolled back, and `on_rollback` of their route.

1. `finish`: they run to their end there. `reset`: each of them ends, so that its client comes back and meets another
   version: with UNAVAILABLE in gRPC, with an end that cannot be taken for one in HTTP.
2. The table in force tells who was rolled back; once the lease has run out, all but the primaries were. Control is not
   needed.
3. They end one by one, from `SOONEST` to `LATEST` seconds later, so that their clients do not come back all at once.
4. A call that waits for its answer is no stream. It ends by itself, or becomes one; then it has its turn.

What ends so is charged to nobody (`rolled_back` is a limit of this proxy).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from proxy.dataplane.live import LiveRoute
from proxy.dataplane.ports import Timed
from proxy.dataplane.unexpected import give_up

SOONEST: Final = 1.0
"""Seconds from a rollback to the first end: answers of one message are whole by then."""

LATEST: Final = 5.0
"""Seconds to the last: a thousand clients come back as 250 a second."""


class Departures:
    """Exchanges whose time on a version may end, and when each of them is looked at. `chance`: in [0, 1)."""

    __slots__ = ("_chance", "_due", "_left")

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._left: dict[str, frozenset[str]] = {}
        self._due: dict[Timed, float] = {}

    def follow(self, routes: Iterable[LiveRoute], exchanges: Iterable[Timed], now: float) -> None:
        """Heeds the routes of a new table."""
        self._left = {route.name: route.left for route in routes if route.left}
        due, self._due = self._due, {}
        if not self._left:
            return
        for exchange in exchanges:
            arm = exchange.asked()
            if arm is None or arm.version in self._left.get(arm.route, ()):
                self._due[exchange] = due.get(exchange) or now + SOONEST + self._part()
        # One that has nobody yet may have found its route before the rollback.

    def sweep(self, exchanges: set[Timed], now: float) -> None:
        """Ends those whose time it is."""
        for exchange in [each for each, at in self._due.items() if at <= now]:
            arm = exchange.asked() if exchange in exchanges else None
            if arm is not None and exchange.is_stream() and arm.version in self._left.get(arm.route, ()):
                give_up(exchange, "rolled_back")
            if exchange in exchanges:
                self._due[exchange] = now + self._part()
            else:
                del self._due[exchange]

    def _part(self) -> float:
        return (LATEST - SOONEST) * self._chance()
