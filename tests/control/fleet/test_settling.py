"""The beginning of a fleet: candidates wait for those who may know of a past, and no longer than is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from proxy.control.api import fleet_view
from proxy.control.fleet.bodies import FleetEvidence
from proxy.control.fleet.memory_store import Kept
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.settling import MOST_LEASES, SETTLING, Settling
from tests.control.houses import section, settings
from tests.support.fleets import FleetHouse, SidecarHouse

SPLIT = settings(section(shadows=()))
LEASE = 10.0
OFF = {"reason": "3 a.m."}


@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.sets(st.sampled_from("abcdef"))), min_size=1))
@of_hypothesis(deadline=None)
def test_it_ends_a_lease_after_the_last_newcomer_and_six_after_the_beginning(
    looks: list[tuple[float, set[str]]],
) -> None:
    evidence = FleetEvidence()
    settling, now = Settling(evidence, LEASE, 1000.0), 1000.0
    last, seen, over = now, set[str](), False
    for passed, members in looks:
        now += passed
        settling.look(evidence, members, now)
        if not members <= seen and not over:
            last = now
        seen |= members
        over = over or now - last >= LEASE or now - 1000.0 >= MOST_LEASES * LEASE
        assert (evidence.begins == 0.0) == over


def test_a_fleet_that_has_a_past_waits_for_nobody() -> None:
    for evidence in (
        FleetEvidence(clock=5.0),
        FleetEvidence(states=[FleetHouse(SPLIT, 1).sidecars[0].engine.state("cancer")]),
    ):
        Settling(evidence, LEASE, 1000.0)
        assert evidence.begins == 0.0


def started(fleet: FleetHouse, name: str, path: Path | str = ":memory:") -> SidecarHouse:
    each = SidecarHouse(fleet.world, name, SPLIT, path=str(path), settles=LEASE)
    fleet.sidecars.append(each)
    return each


def test_a_new_fleet_begins_with_primaries_and_says_why() -> None:
    fleet = FleetHouse(SPLIT, 0)
    started(fleet, "a")
    fleet.turns(10)
    second = started(fleet, "b")
    fleet.turns(int(LEASE / 0.5) - 1)
    assert [each.split() for each in fleet.sidecars] == [{}, {}]
    assert all(SETTLING in each.engine.warnings("cancer") for each in fleet.sidecars)
    assert fleet_view.fleet(FleetService(second.member, fleet.world.store))["settling"]
    fleet.turns(4)
    assert not fleet_view.fleet(FleetService(second.member, fleet.world.store))["settling"]
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}, {"v2": 10.0}]
    assert SETTLING not in second.engine.warnings("cancer")


@pytest.mark.parametrize("late", [0.0, 0.9, 1.5], ids=["at once", "within the lease", "after it"])
def test_all_are_dead_the_store_is_empty_and_one_with_an_empty_disk_is_first(tmp_path: Path, late: float) -> None:
    """Whoever knows of the rollback and comes within the lease is in time; later, it is off within a look of it."""
    fleet = FleetHouse(SPLIT, 0)
    knows = started(fleet, "a", tmp_path / "a")
    fleet.turns(30)
    assert fleet.command(knows, "rollback", OFF).kind == ""
    knows.mirror.close()
    fleet.sidecars, fleet.world.store.kept = [], Kept()
    empty = started(fleet, "z")
    fleet.turns(int(late * LEASE / 0.5) + 1)
    again = started(fleet, "a", tmp_path / "a")
    fleet.turns(60)
    gave = any(route.split for table in (*empty.tables, *again.tables) for route in table.routes)
    assert gave == (late > 1.0)
    assert [each.split() for each in fleet.sidecars] == [{}, {}]
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}


def test_the_next_judge_goes_on_waiting() -> None:
    fleet = FleetHouse(SPLIT, 0)
    first, second = started(fleet, "a"), started(fleet, "b")
    fleet.turns(6)
    fleet.sidecars.remove(fleet.judge)
    fleet.turns(12)
    assert fleet.sidecars[0] in (first, second)
    assert fleet.judge.split() == {}
    fleet.turns(2 * int(LEASE / 0.5))
    assert fleet.judge.split() == {"v2": 10.0}


def test_a_store_that_is_emptied_while_sidecars_run_takes_no_candidate_off() -> None:
    fleet = FleetHouse(SPLIT, 0)
    for name in "ab":
        started(fleet, name)
    fleet.turns(60)
    marks = [len(each.tables) for each in fleet.sidecars]
    fleet.world.store.kept = Kept()
    fleet.turns(10)
    for each, mark in zip(fleet.sidecars, marks, strict=True):
        assert all(route.split for table in each.tables[mark:] for route in table.routes)
