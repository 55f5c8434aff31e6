"""How far a change has spread is what members say that they follow."""

from __future__ import annotations

from proxy.contracts.release import RouteState
from proxy.control.fleet.bodies import FleetTable, MemberRow
from proxy.control.fleet.spread import Spread
from proxy.control.fleet.store import NOWHERE, Place


def table(follows: list[Place], **primaries: str) -> FleetTable:
    states = [RouteState(name, "steady", primary) for name, primary in primaries.items()]
    return FleetTable(1, states, members=[MemberRow(str(n), 0.0, place) for n, place in enumerate(follows)])


def test_a_change_has_a_look_and_a_time_until_all_follow_it() -> None:
    spread = Spread()
    assert (spread.place("a"), spread.seconds("a")) == (NOWHERE, None)
    first, second, third = (1, 1, ""), (1, 2, ""), (1, 3, "")
    spread.follow(table([NOWHERE, NOWHERE], a="v1", b="v1"), first, 10.0)
    assert (spread.place("a"), spread.seconds("a")) == (first, None)
    spread.follow(table([first, NOWHERE], a="v1", b="v2"), second, 10.5)
    assert (spread.place("a"), spread.place("b")) == (first, second)
    spread.follow(table([second, first], a="v1", b="v2"), third, 11.0)
    assert (spread.seconds("a"), spread.seconds("b")) == (1.0, None)
    spread.follow(table([third, third], a="v1", b="v2"), third, 12.0)
    assert (spread.seconds("a"), spread.seconds("b")) == (1.0, 1.5)
