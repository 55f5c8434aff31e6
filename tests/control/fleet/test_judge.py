"""A fleet of sidecars with real engines: one verdict, one table, one chain, whatever happens to judge and store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from copy import deepcopy

import pytest
from msgspec.structs import replace

from proxy.contracts.record import Tick
from proxy.control.api.fleet_view import fleet as fleet_view
from proxy.control.api.views import standing
from proxy.control.fleet import memory_store
from proxy.control.fleet.memory_store import Kept
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.store import LEADERSHIP_SECONDS, FollowedTable, StoreUnavailableError
from proxy.release.audit import entry_of, verify
from tests.control import houses
from tests.control.houses import House, canary_release, section, settings
from tests.support.fleets import FleetHouse, SidecarHouse, arm

SPLIT = settings(section(shadows=()))
RELEASE = settings(section(split=(), shadows=(), release=canary_release()))


def begun(fleet: FleetHouse) -> FleetHouse:
    """After the first judge's first looks."""
    fleet.turns(4)
    return fleet


def test_a_sidecar_alone_with_its_store_does_what_one_without_a_fleet_does() -> None:
    fleet = begun(FleetHouse(SPLIT, 1))
    (alone,) = fleet.sidecars
    assert alone.split() == {"v2": 10.0}
    for _ in range(20):
        fleet.traffic(90, 10, 8)
    assert alone.engine.state("cancer").phase == "rolled_back"
    assert alone.split() == {}


def test_before_the_first_answer_of_the_store_only_primaries_have_traffic() -> None:
    fleet = FleetHouse(SPLIT, 2)
    assert [each.split() for each in fleet.sidecars] == [{}, {}]
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}, {"v2": 10.0}]


def test_a_breach_is_found_as_soon_as_one_proxy_that_saw_all_would_find_it() -> None:
    single, fleet = House(SPLIT), begun(FleetHouse(SPLIT, 5))
    rounds = 0
    while single.engine.state("cancer").phase != "rolled_back":
        single.traffic(90, 10, 1)
        rounds += 1
    for _ in range(rounds - 1):
        fleet.traffic(90, 10, 1)
        assert fleet.judge.engine.state("cancer").phase != "rolled_back"
    fleet.traffic(90, 10, 1)
    fleet.turns(2)
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}
    assert [each.split() for each in fleet.sidecars] == [{}] * 5


def test_a_release_goes_through_its_stages_on_all_sidecars_at_once() -> None:
    fleet = begun(FleetHouse(RELEASE, 3))
    phases = set()
    for _ in range(400):
        state = fleet.judge.engine.state("cancer")
        phases.add((state.phase, state.stage))
        if state.phase == "shadowing":
            for each in fleet.sidecars:
                each.tick(houses.arm("v1", "primary", 30, 0, 1.0), houses.arm("v2", "shadow", 30, 0, 1.0))
            fleet.turns()
        else:
            share = 0.1 if state.stage == 1 else 0.5
            fleet.traffic(60, 60, 0, share)
        if state.phase == "promoted":
            break
    fleet.turns(2)
    assert phases >= {("shadowing", 0), ("ramping", 1), ("ramping", 2), ("promoted", 2)}
    assert {each.engine.state("cancer").primary for each in fleet.sidecars} == {"v2"}
    chains = [list(each.mirror.store.chain()) for each in fleet.sidecars]
    assert chains[0] == chains[1] == chains[2]
    head = fleet.sidecars[0].mirror.store.head
    assert verify(chains[0], head.count, head.hash) is None


def test_a_change_at_any_sidecar_holds_for_the_fleet() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    asked = next(each for each in fleet.sidecars if each is not fleet.judge)
    answer = fleet.command(asked, "split", {"split": {"v2": 25.0}, "reason": "try"})
    assert answer.kind == ""
    assert [each.split() for each in fleet.sidecars] == [{"v2": 25.0}] * 3
    assert asked.member.in_force("cancer", answer.place) == (3, 3)
    refused = fleet.command(asked, "split", {"split": {"v3": 5.0}, "reason": "late"}, '"an old tag"')
    assert refused.kind == "changed"
    assert [each.split() for each in fleet.sidecars] == [{"v2": 25.0}] * 3


def test_a_rollback_acts_at_once_where_it_was_asked_for_and_stays() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    asked = next(each for each in fleet.sidecars if each is not fleet.judge)
    mark = len(asked.tables)
    answer = fleet.command(asked, "rollback", {"reason": "3 a.m."})
    assert answer.kind == ""
    assert asked.tables[mark:]
    assert all(table.routes[0].split == () for table in asked.tables[mark:])
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}
    assert [each.split() for each in fleet.sidecars] == [{}] * 3


def left(sidecar: SidecarHouse) -> object:
    service = FleetService(sidecar.member, sidecar.world.store)
    return standing(sidecar.engine, "cancer", (), service)["fleet_left_streams"]


def test_streams_that_are_left_on_a_rolled_back_version_are_summed_at_every_sidecar() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    for open_here, each in enumerate(fleet.sidecars):
        rows = [("cancer", "v2", "canary", open_here), ("cancer", "v1", "primary", 9)]
        each.engine.on_tick(Tick(0, "streams", 1, 1, streams=rows), fleet.world.now)
    fleet.turns(3)
    assert [left(each) for each in fleet.sidecars] == [{}] * 3  # nobody was rolled back
    fleet.command(fleet.judge, "rollback", {"reason": "slow"})
    fleet.turns(3)
    assert [left(each) for each in fleet.sidecars] == [{"v2": 3}] * 3
    first = fleet.sidecars[1]
    assert standing(first.engine, "cancer", (), None)["fleet_left_streams"] is None
    told = fleet_view(FleetService(first.member, fleet.world.store))["members"][1]["left_streams"]
    assert told == [{"route": "cancer", "version": "v2", "streams": 1}]
    first.engine.on_tick(Tick(0, "streams", 2, 1), fleet.world.now)
    fleet.turns(3)
    assert [left(each) for each in fleet.sidecars] == [{"v2": 2}] * 3


def test_the_next_judge_goes_on_with_evidence_stage_and_chain() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    single = House(SPLIT)
    for _ in range(3):
        fleet.traffic(90, 10, 1)
        single.traffic(90, 10, 1)
    gone = fleet.judge
    fleet.sidecars.remove(gone)
    fleet.turns(int(LEADERSHIP_SECONDS / 0.5) + 3)
    assert fleet.judge is not gone
    rounds = 0
    while single.engine.state("cancer").phase != "rolled_back":
        single.traffic(90, 10, 1)
        fleet.traffic(90, 10, 1)
        rounds += 1
    fleet.turns(2)
    assert rounds > 0
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}


def test_a_sidecar_without_the_store_serves_primaries_alone_after_its_lease() -> None:
    fleet = begun(FleetHouse(SPLIT, 2))
    lost = next(each for each in fleet.sidecars if each is not fleet.judge)
    fleet.turns(18, only=lambda each: each is not lost)
    assert lost.split() == {"v2": 10.0}
    fleet.turns(4, only=lambda each: each is not lost)
    assert lost.split() == {}
    fleet.turns(2)
    assert lost.split() == {"v2": 10.0}


def test_a_sidecar_that_starts_later_with_an_empty_disk_gives_a_rolled_back_version_nothing() -> None:
    fleet = begun(FleetHouse(SPLIT, 2))
    fleet.command(fleet.sidecars[0], "rollback", {"reason": "bad"})
    late = SidecarHouse(fleet.world, "z", SPLIT)
    fleet.sidecars.append(late)
    fleet.turns(4)
    assert late.engine.state("cancer").phase == "rolled_back"
    assert all(not route.split for table in late.tables for route in table.routes)


@pytest.mark.parametrize("empty", [True, False])
def test_what_was_rolled_back_stays_so_when_the_store_loses_it(empty: bool) -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    before = deepcopy(fleet.world.store.kept)
    fleet.command(fleet.sidecars[1], "rollback", {"reason": "bad"})
    fleet.turns(2)
    marks = [len(each.tables) for each in fleet.sidecars]
    fleet.world.store.kept = Kept() if empty else before
    fleet.turns(20)
    for each, mark in zip(fleet.sidecars, marks, strict=True):
        assert all(not route.split for table in each.tables[mark:] for route in table.routes)
        assert each.engine.state("cancer").rolled_back == ("v2",)
    fleet.command(fleet.sidecars[1], "split", {"split": {"v2": 5.0}, "reason": "mended"})
    assert [each.split() for each in fleet.sidecars] == [{"v2": 5.0}] * 3


def test_no_stage_advances_while_sections_differ_and_the_page_says_where() -> None:
    fleet = begun(FleetHouse(RELEASE, 3))
    changed = replace(RELEASE.routes[0], noise=5.0)
    other = next(each for each in fleet.sidecars if each is not fleet.judge)
    other.engine.reload(lambda: replace(other.engine.settings, routes=(changed,)), other.clock())
    for _ in range(20):
        for each in fleet.sidecars:
            each.tick(houses.arm("v1", "primary", 30, 0, 1.0), houses.arm("v2", "shadow", 30, 0, 1.0))
        fleet.turns()
    assert fleet.judge.engine.state("cancer").stage == 0
    table = fleet.judge.member.table
    assert table is not None
    assert any(f"differs at {other.name}" in warning for warning in table.warnings["cancer"])
    other.engine.reload(lambda: replace(other.engine.settings, routes=RELEASE.routes), other.clock())
    for _ in range(6):
        for each in fleet.sidecars:
            each.tick(houses.arm("v1", "primary", 30, 0, 1.0), houses.arm("v2", "shadow", 30, 0, 1.0))
        fleet.turns()
    assert fleet.judge.engine.state("cancer").stage == 1


def test_a_judge_whose_configuration_most_do_not_have_gives_way() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    old = fleet.judge
    changed = replace(SPLIT.routes[0], noise=5.0)
    for each in fleet.sidecars:
        if each is not old:
            each.engine.reload(lambda each=each: replace(each.engine.settings, routes=(changed,)), each.clock())  # type: ignore[misc]
    fleet.turns(int(LEADERSHIP_SECONDS / 0.5) + 6)
    assert fleet.judge is not old


def test_labels_reach_the_other_sidecars() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    fleet.sidecars[0].member.on_labels([("request-1", 1), ("request-2", ["a", None])])
    fleet.turns(3)
    assert [each.labels for each in fleet.sidecars] == [[], *[[("request-1", 1), ("request-2", ["a", None])]] * 2]


def test_what_was_promoted_stays_so_when_the_store_comes_back_empty() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    assert fleet.command(fleet.sidecars[0], "promote", {"version": "v2", "reason": "good"}).kind == ""
    fleet.turns(2)
    fleet.sidecars.append(SidecarHouse(fleet.world, "z", SPLIT))
    fleet.world.store.kept = Kept()
    fleet.turns(60)
    assert {each.engine.state("cancer").primary for each in fleet.sidecars} == {"v2"}
    assert fleet.judge.name != "z"


def test_evidence_that_cannot_be_read_begins_anew_with_the_states_in_force() -> None:
    fleet = begun(FleetHouse(SPLIT, 2))
    fleet.command(fleet.sidecars[0], "split", {"split": {"v2": 25.0}, "reason": "more"})
    fleet.sidecars.remove(fleet.judge)
    fleet.world.store.kept.evidence = b"\xc1 of another program"
    fleet.turns(20)
    assert fleet.judge.split() == {"v2": 25.0}


def test_what_failed_before_a_rollback_is_no_evidence_on_what_begins_after_it() -> None:
    """Counts that come late, of a split that is over, do not count against the next one of the same share."""
    fleet = begun(FleetHouse(SPLIT, 3))
    slow = next(each for each in fleet.sidecars if each is not fleet.judge)
    others = [each for each in fleet.sidecars if each is not slow]
    slow.tick(arm("v1", "primary", 900, 0, 0.9), arm("v2", "canary", 100, 100, 0.1))
    asked = others[0]

    async def changed(action: str, value: dict[str, object]) -> None:
        asking = asyncio.ensure_future(asked.member.command("cancer", action, value, "ada", ""))
        await asyncio.sleep(0)
        while not asking.done():
            await fleet.go(only=lambda each: each is not slow)
        assert asking.result().kind == ""

    async def passes() -> None:
        await changed("rollback", {"reason": "bad"})
        await changed("split", {"split": {"v2": 10.0}, "reason": "mended"})
        await fleet.go(6)

    asyncio.run(passes())
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"steady"}
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3
    for _ in range(20):
        fleet.traffic(90, 10, 8)
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}


def test_what_was_counted_before_the_store_lost_its_evidence_is_not_taken_again() -> None:
    fleet = begun(FleetHouse(SPLIT, 3))
    for _ in range(20):
        fleet.traffic(90, 10, 8)
    assert fleet.judge.engine.state("cancer").phase == "rolled_back"
    fleet.command(fleet.sidecars[0], "split", {"split": {"v2": 10.0}, "reason": "mended"})
    fleet.world.store.kept = Kept()
    fleet.turns(60)
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"steady"}
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3
    for _ in range(20):
        fleet.traffic(90, 10, 8)
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}


def test_a_sidecar_that_is_told_of_a_table_and_cannot_have_it_is_off_the_canary_after_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = begun(FleetHouse(SPLIT, 2))
    cut = next(each for each in fleet.sidecars if each is not fleet.judge)

    async def fails(after: int = 0) -> FollowedTable | None:
        raise StoreUnavailableError("too large for the time that a call may take")

    async def passes() -> None:
        for _ in range(24):
            await fleet.go(only=lambda each: each is not cut)
            with monkeypatch.context() as patch, suppress(StoreUnavailableError):
                patch.setattr(fleet.world.store, "table", fails)
                await cut.member.session.turn()
            cut.member.look()

    asyncio.run(passes())
    assert cut.split() == {}
    fleet.turns(2)
    assert cut.split() == {"v2": 10.0}


def test_two_sidecars_of_one_name_are_named_and_one_that_starts_again_is_not() -> None:
    fleet = begun(FleetHouse(SPLIT, 2))
    name = next(each.name for each in fleet.sidecars if each is not fleet.judge)
    twin = SidecarHouse(fleet.world, name, SPLIT)
    fleet.sidecars.append(twin)
    fleet.turns(12)
    said = f"fleet.instance: several sidecars have the name {name}: each needs one of its own"
    assert [said in each.engine.warnings("cancer") for each in fleet.sidecars] == [True] * 3
    fleet.sidecars.remove(twin)
    for _ in range(12):
        fleet.turns()
        twins = [said in each.engine.warnings("cancer") for each in fleet.sidecars]
    assert twins == [False] * 2
    old = next(each for each in fleet.sidecars if each.name == name)
    fleet.sidecars[fleet.sidecars.index(old)] = SidecarHouse(fleet.world, name, SPLIT)
    for _ in range(12):
        fleet.turns()
        assert said not in fleet.judge.engine.warnings("cancer")


@pytest.mark.parametrize(("entries", "first"), [(25, 1), (45, 16)], ids=["pages", "more than the store keeps"])
def test_a_judge_with_an_empty_disk_has_the_chain_as_far_as_the_store_does(
    monkeypatch: pytest.MonkeyPatch, entries: int, first: int
) -> None:
    monkeypatch.setattr(memory_store, "MAX_CHAIN", 30)
    monkeypatch.setattr(memory_store, "LINKS_A_CALL", 10)
    fleet = begun(FleetHouse(SPLIT, 1))
    (old,) = fleet.sidecars
    for at in range(entries - 1):
        assert fleet.command(old, "split", {"split": {"v2": float(1 + at)}, "reason": "x"}).kind == ""
    fleet.sidecars = [SidecarHouse(fleet.world, "z", SPLIT)]
    fleet.turns(int(LEADERSHIP_SECONDS / 0.5) + 8)
    assert fleet.judge.name == "z"
    fleet.command(fleet.judge, "rollback", {"reason": "y"})
    whole, copy = list(old.mirror.store.chain()), list(fleet.judge.mirror.store.chain())
    assert copy[: entries + 1 - first] == whole[first - 1 :]
    assert [entry_of(link).seq for link in copy] == list(range(first, entries + 2))
    assert (fleet.judge.mirror.lacks, fleet.judge.mirror.fault) == (False, "")


def test_more_routes_than_a_call_has_links_begin_with_an_entry_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "LINKS_A_CALL", 10)
    names = [f"r{at}" for at in range(35)]
    fleet = begun(FleetHouse(settings(*(replace(section(shadows=()), name=name) for name in names)), 2))
    fleet.turns(4)
    for each in fleet.sidecars:
        assert sorted(entry_of(link).route for link in each.mirror.store.chain()) == sorted(names)
        assert each.mirror.store.head.count == 35
