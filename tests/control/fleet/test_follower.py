"""The follower: it does what the table says, and gives nobody traffic whom it knows as rolled back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.record import Tick
from proxy.contracts.release import RouteState
from proxy.contracts.table import Table
from proxy.control.fleet.bodies import FleetTable
from proxy.control.fleet.follower import Follower, known_rollbacks, primary_of
from proxy.control.state.store import Store
from proxy.control.state.verification import verified
from proxy.release import plan, transitions
from proxy.stats.board import Board
from tests.control.houses import arm, canary_release, section, settings, together

ONE = section(shadows=())
BASIS = plan.basis(ONE)
STATE = RouteState(route="cancer", phase="steady", primary="v1", split={"v2": 10.0}, basis=BASIS)
ROLLED = transitions.rollback(STATE, (), "bad", 1.0)


class FollowerHouse:
    """A follower and the tables that it published."""

    def __init__(self, *sections: Any, store: Store | None = None) -> None:
        self.tables: list[Table] = []
        self.engine = Follower(settings(*(sections or (ONE,))), store or Store(":memory:"), Board(), self.tables.append)
        self.engine.begin(0.0)

    def follows(self, *states: RouteState, knows: bool = True, **more: Any) -> None:
        table = FleetTable(1, list(states), **more)
        self.engine.follow(table, dict.fromkeys(self.engine.routes, knows), 1.0)

    @property
    def split(self) -> dict[str, float]:
        return {share.version: share.percent for share in self.tables[-1].routes[0].split}


def with_store() -> FollowerHouse:
    house = FollowerHouse()
    house.engine.set_apart(False, 0.0)
    return house


def test_its_own_chain_holds_when_it_takes_up_another_configuration() -> None:
    """What it follows is in the fleet's chain, and not in its own."""
    other, store = section("other", shadows=()), Store(":memory:")
    house = FollowerHouse(ONE, other, store=store)
    house.follows(ROLLED)
    sections = ((ONE, other), (ONE, replace(other, primary="v3")), (replace(ONE, noise=5.0), other))
    for each in sections:
        configured = settings(*each)
        house.engine.reload(lambda configured=configured: configured, 2.0)  # type: ignore[misc]
        house.follows(ROLLED)
        assert verified(store, "").fault == ""
    assert house.engine.state("cancer") == ROLLED


def test_it_is_apart_until_it_is_told() -> None:
    house = FollowerHouse()
    house.follows(STATE)
    assert house.split == {}
    house.engine.set_apart(False, 2.0)
    assert house.split == {"v2": 10.0}
    house.engine.set_apart(True, 3.0)
    assert house.split == {}
    assert house.engine.state("cancer") == STATE, "apart is no state: it is over when the store answers"


def test_being_told_twice_publishes_once() -> None:
    house = with_store()
    mark = len(house.tables)
    house.engine.set_apart(False, 1.0)
    assert len(house.tables) == mark


def test_it_decides_nothing_by_itself() -> None:
    house = with_store()
    house.follows(STATE)

    for seq in range(1, 40):
        arms = [arm("v1", "primary", 90, 0, 0.9), arm("v2", "canary", 10, 10)]
        house.engine.on_tick(Tick(0, "a", seq, 1, arms=arms), 2.0 + seq)
        house.engine.on_time(2.0 + seq)
    assert house.engine.state("cancer") == STATE
    house.follows(ROLLED)
    assert house.split == {}


def test_a_table_that_says_the_same_publishes_nothing() -> None:
    house = with_store()
    house.follows(STATE)
    mark, count = len(house.tables), house.engine.revision
    house.follows(STATE, legs={"cancer": 7})
    assert (len(house.tables), house.engine.revision) == (mark, count)
    assert house.engine.status("cancer").legs == 7


def test_each_table_has_a_revision_of_its_own() -> None:
    house = with_store()
    for state in (STATE, ROLLED, STATE):
        house.follows(state)
    revisions = [table.revision for table in house.tables]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize(
    "state",
    [
        replace(STATE, basis="of another section"),
        replace(STATE, split={"v9": 10.0}),
        replace(STATE, primary="v9"),
        replace(STATE, shadows={"v9": 10.0}),
        replace(STATE, route="other"),
    ],
    ids=["basis", "split", "primary", "shadow", "route"],
)
def test_what_cannot_be_followed_leaves_the_primary_alone(state: RouteState) -> None:
    house = with_store()
    house.follows(STATE)
    house.follows(state)
    assert house.split == {}
    assert house.engine.state("cancer").primary == "v1"
    assert "differs from what the fleet judges by" in house.engine.state("cancer").reason
    house.follows(STATE)
    assert house.split == {"v2": 10.0}


def test_a_section_that_the_fleet_does_not_judge_by_is_named() -> None:
    house = with_store()
    assert house.engine.warnings("cancer") == []
    house.follows(STATE)
    assert house.engine.warnings("cancer") == []
    said = "routes.cancer: the section is not the one that the fleet judges by, so its primary is alone here; "
    for states in ([], [replace(STATE, basis="another")], [replace(STATE, route="other")]):
        house.follows(*states)
        (warning,) = house.engine.warnings("cancer")
        assert warning.startswith(said) and "fleet.name" in warning


def test_a_route_without_a_table_keeps_what_it_knows_as_rolled_back() -> None:
    assert primary_of(ONE, ()).rolled_back == ()
    state = primary_of(ONE, ROLLED.rolled_back)
    assert (state.rolled_back, state.split, state.primary) == (("v2",), {}, "v1")


def test_traffic_is_taken_off_at_once_and_stays_off_until_the_judge_knows() -> None:
    house = with_store()
    house.follows(STATE)
    house.engine.take_off(["cancer"], "3 a.m.", 5.0)
    assert house.split == {}
    house.follows(replace(STATE, split={"v2": 50.0}), knows=False)
    assert house.split == {}
    assert house.engine.state("cancer").rolled_back == ("v2",)
    house.follows(STATE, knows=True)
    assert house.split == {"v2": 10.0}


def test_taking_off_what_has_no_traffic_changes_nothing() -> None:
    house = with_store()
    house.follows(ROLLED)
    mark = len(house.tables)
    house.engine.take_off(["cancer"], "again", 5.0)
    assert len(house.tables) == mark


def test_a_release_over_several_routes_is_taken_off_all_of_them() -> None:
    sections = together(routes={"features": "v2", "predict": "v3"})
    house = FollowerHouse(*sections)
    house.engine.set_apart(False, 0.0)
    states = [
        RouteState(
            route=each.name,
            phase="ramping",
            primary="v1",
            release=each.release,
            stage=1,
            candidate=each.release.candidate,
            basis=plan.basis(each),
        )
        for each in sections
        if each.release is not None
    ]
    house.follows(*states)
    assert [[share.version for share in route.split] for route in house.tables[-1].routes] == [["v2"], ["v3"]]
    house.engine.take_off(["features", "predict"], "bad", 5.0)
    assert [route.split for route in house.tables[-1].routes] == [(), ()]


def test_a_restart_has_primaries_alone_and_knows_what_was_rolled_back() -> None:
    store = Store(":memory:")
    first = FollowerHouse(store=store)
    first.engine.set_apart(False, 0.0)
    first.follows(STATE)
    again = Follower(settings(ONE), store, Board(), lambda table: None)
    again.known_bad = {"cancer": ("v2",)}
    again.begin(0.0)
    assert again.apart
    state = again.state("cancer")
    assert (state.split, state.rolled_back) == ({}, ("v2",))


def test_a_rollback_is_reported_with_the_look_at_which_it_was_learnt_or_not_yet() -> None:
    states = {"a": ROLLED, "b": ROLLED, "c": STATE}
    assert known_rollbacks(states, {"a": (3, 7, "x"), "c": (3, 7, "x")}) == {"a": ((3, 7, "x"), ("v2",))}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("follow"), st.sampled_from([5.0, 50.0]), st.booleans()),
        st.tuples(st.just("rolled"), st.just(0.0), st.booleans()),
        st.tuples(st.just("off"), st.just(0.0), st.just(False)),
        st.tuples(st.just("apart"), st.just(0.0), st.booleans()),
    ),
    max_size=15,
)


@given(steps)
@of_hypothesis(deadline=None)
def test_a_version_gets_traffic_by_a_table_of_a_judge_who_knows_alone(
    events: list[tuple[str, float, bool]],
) -> None:
    """`flag`: for a table, whether the judge knows what is rolled back here; otherwise whether the store is silent."""
    house = with_store()
    off, apart = False, False
    for what, percent, flag in events:
        match what:
            case "follow":
                house.follows(replace(STATE, split={"v2": percent}), knows=flag)
                off = off and not flag
            case "rolled":
                house.follows(ROLLED, knows=flag)
                off = True
            case "off":
                had = house.engine.fleet is None or bool(transitions.candidates(house.engine.state("cancer")))
                house.engine.take_off(["cancer"], "off", 5.0)
                off = off or had
            case "apart":
                house.engine.set_apart(flag, 5.0)
                apart = flag
        if off or apart:
            assert house.split == {}
        elif what == "follow":
            assert house.split == {"v2": percent}


def test_the_release_of_a_section_is_not_begun_before_a_table() -> None:
    house = FollowerHouse(section(split=(), shadows=(), release=canary_release()))
    house.engine.set_apart(False, 0.0)
    assert house.split == {}
