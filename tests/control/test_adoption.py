"""The table that workers get before control is up is the one that control publishes then, whatever was stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from proxy.contracts.settings import Settings
from proxy.contracts.table import Share, Table
from proxy.control.adoption import first_table, merged
from proxy.control.state.anchor import Anchor
from proxy.control.state.recovery import recovered
from proxy.release import transitions
from tests.control.houses import House, canary_release, section, settings, together


def nothing(house: House) -> None: ...


def rolled_back(house: House) -> None:
    house.traffic(100, 40, bad=40)


def by_hand(house: House) -> None:
    house.engine.command(
        "cancer", "split", lambda s: transitions.split(s, {"v2": 33.0}, "", house.now), "ops", "", house.now
    )


def promoted(house: House) -> None:
    move = lambda s: transitions.promote(s, "v2", "", house.now)  # noqa: E731
    house.engine.command("cancer", "promote", move, "ops", "", house.now)


ONE = settings()
RELEASE = settings(section(split=(), release=canary_release()))
LIVES: dict[str, tuple[Settings, Callable[[House], None], Settings]] = {
    "a first start": (ONE, nothing, ONE),
    "a first start with a release": (RELEASE, nothing, RELEASE),
    "a first start of routes that go together": (settings(*together()), nothing, settings(*together())),
    "a rollback": (ONE, rolled_back, ONE),
    "a rollback, and a changed section": (ONE, rolled_back, settings(section(split=(Share("v2", 50.0),)))),
    "a split by hand": (ONE, by_hand, ONE),
    "a promote": (ONE, promoted, ONE),
    "a route that is new": (ONE, by_hand, settings(section(), section("other"))),
}


@pytest.mark.parametrize("name", LIVES)
def test_it_is_the_table_that_follows(name: str) -> None:
    before, life, after = LIVES[name]
    house = House(before)
    life(house)
    store, now = house.store, house.now + 5.0
    found = recovered(store, Anchor(""), [route.name for route in after.routes])
    promised = first_table(after, found, store.head.revision, now)
    again = House(after, store, promised, now)
    assert promised.revision < again.tables[0].revision
    assert replace(again.tables[0], revision=promised.revision) == promised


def test_a_published_table_that_is_newer_than_the_store_decides() -> None:
    house = House(ONE)
    found = recovered(house.store, Anchor(""), ["cancer"])
    table: Table = replace(house.table, routes=(replace(house.table.routes[0], split=(), rolled_back=("v2",)),))
    stored = house.engine.keeper.stored["cancer"]
    state, _ = merged(ONE.routes[0], stored, ONE.versions, found, table, house.now)
    assert (state.phase, state.rolled_back) == ("rolled_back", ("v2",))
