"""Changes of the audit chain as marks."""

from __future__ import annotations

import pytest

from proxy.control.history import marks
from proxy.control.history.marks import Marks
from proxy.release import transitions
from tests.control.houses import House, canary_release, section, settings, together


def changed(house: House, percent: float, route: str = "cancer") -> None:
    house.now += 10.0
    house.engine.command(
        route, "split", lambda s: transitions.split(s, {"v2": percent}, "more", house.now), "ann", "more", house.now
    )


def test_a_change_is_marked_with_who_why_before_and_after() -> None:
    house = House(settings())
    told = Marks(house.engine.audit)
    told.update(house.store.head.count)
    changed(house, 25.0)
    told.update(house.store.head.count)
    start, split = told.of("cancer", 0.0, 1e9)
    assert (start["kind"], start["action"], start["before"]) == ("configuration", "start", None)
    assert (split["kind"], split["who"], split["reason"], split["at"]) == ("split", "ann", "more", 1010.0)
    assert split["before"]["split"] == {"v1": 90.0, "v2": 10.0} and split["after"]["split"] == {"v1": 75.0, "v2": 25.0}
    assert split["audit"] == house.store.head.count
    assert told.of("cancer", 1010.1, 1e9) == [] and told.of("other", 0.0, 1e9) == []
    assert [mark["route"] for mark in told.of(None, 1005.0, 1e9)] == ["cancer"]


def test_a_release_over_several_routes_marks_each_of_them() -> None:
    house = House(settings(*together()))
    told = Marks(house.engine.audit)
    told.update(house.store.head.count)
    for route, candidate in (("features", "v2"), ("predict", "v3"), ("explain", "v2")):
        (mark,) = told.of(route, 0.0, 1e9)
        assert mark["after"]["candidates"] == [candidate] and mark["after"]["phase"] == "shadowing"
        assert mark["after"]["stage"] == 1 and mark["after"]["shadows"] == {candidate: 100.0}


def test_all_entries_are_read_however_many_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "FIRST_MARKS", 3)
    house = House(settings(section(release=canary_release(), split=(), shadows=())))
    told = Marks(house.engine.audit)
    told.update(house.store.head.count)
    for percent in range(1, 9):
        changed(house, float(percent))
    told.update(house.store.head.count)
    assert [mark["after"]["split"].get("v2") for mark in told.of("cancer", 1001.0, 1e9)] == [
        float(p) for p in range(1, 9)
    ]
