"""Streams that are still open on a version that was rolled back, in words and numbers."""

from __future__ import annotations

import pytest

from proxy.contracts.record import Tick
from proxy.contracts.table import OnRollback
from proxy.control.api import views
from proxy.control.open_streams import told
from proxy.release import transitions
from tests.control.houses import House, section, settings

OPEN = [("cancer", "v2", "canary", 2), ("cancer", "v1", "primary", 5), ("other", "v2", "canary", 7)]


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        ({}, ""),
        ({"v2": 1}, "1 stream is open on v2: they finish there (on_rollback: finish)"),
        ({"v2": 1200, "v3": 1}, "1,200 streams are open on v2, 1 on v3: they finish there (on_rollback: finish)"),
    ],
)
def test_a_sentence_says_how_many_and_what_becomes_of_them(left: dict[str, int], sentence: str) -> None:
    assert told(left, "finish") == sentence


@pytest.mark.parametrize(
    ("on_rollback", "what"), [("finish", "finish there (on_rollback: finish)"), ("reset", "within 5 seconds")]
)
def test_a_rollback_says_so_in_the_audit_and_the_route_until_they_are_gone(on_rollback: OnRollback, what: str) -> None:
    house = House(settings(section(on_rollback=on_rollback)))
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=OPEN), house.now)
    assert views.route(house.engine, "cancer")["left_streams"] == {}  # nobody was rolled back
    move = lambda state: transitions.rollback(state, (), "slow", house.now)  # noqa: E731
    house.engine.command("cancer", "rollback", move, "ops", "slow", house.now)
    why = house.heard[-1].why
    assert why.startswith("slow; 2 streams are open on v2: they ") and what in why
    shown = views.route(house.engine, "cancer")
    assert (shown["on_rollback"], shown["left_streams"]) == (on_rollback, {"v2": 2})
    assert house.engine.state("cancer").reason == "slow"
    house.engine.on_tick(Tick(0, "a", 2, 1), house.now)
    assert views.route(house.engine, "cancer")["left_streams"] == {}
    house.store.close()


def test_a_worker_that_is_gone_has_no_streams() -> None:
    house = House(settings(section()))
    house.engine.on_tick(Tick(0, "a", 1, 1, streams=OPEN[:1]), 100.0)
    house.engine.on_tick(Tick(1, "b", 1, 1, streams=OPEN[:1]), 101.0)
    assert house.board.counters.streams() == {("cancer", "v2", "canary"): 4}
    house.engine.on_tick(Tick(1, "b", 2, 1, streams=OPEN[:1]), 110.0)
    assert house.board.counters.streams() == {("cancer", "v2", "canary"): 2}
    house.store.close()
