"""How far the last change of each route has spread in a fleet, as the tables that are followed tell of its members."""

from __future__ import annotations

from proxy.contracts.release import RouteState
from proxy.control.fleet.bodies import FleetTable
from proxy.control.fleet.store import NOWHERE, Place


class Spread:
    """`follow` takes each table that is followed."""

    __slots__ = ("_at", "_places", "_seconds", "_states")

    def __init__(self) -> None:
        self._states: dict[str, RouteState] = {}
        self._places: dict[str, Place] = {}
        self._at: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def follow(self, table: FleetTable, place: Place, now: float) -> None:
        """Notes which routes a table changes, and which changes all members follow by now."""
        states = {state.route: state for state in table.states}
        for route in [name for name, state in states.items() if self._states.get(name) != state]:
            self._places[route], self._at[route] = place, now
            self._seconds.pop(route, None)
        self._states = states
        slowest = min((row.follows for row in table.members), default=NOWHERE)
        for route in states.keys() - self._seconds.keys():
            if self._places[route] <= slowest:
                self._seconds[route] = now - self._at[route]

    def place(self, route: str) -> Place:
        """The look that made the last change of a route that is known here."""
        return self._places.get(route, NOWHERE)

    def seconds(self, route: str) -> float | None:
        """Seconds from then until all members followed it; None: not all do."""
        return self._seconds.get(route)
