"""A member of a fleet: what it does without its store, with a table that it cannot read, and with changes by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from proxy.contracts.fleet import Fleet
from proxy.contracts.table import Share
from proxy.control.api.moves import last_of
from proxy.control.fleet import member as module
from proxy.control.fleet.bodies import Answer, Intent, ReportBody, decode, encode
from proxy.control.fleet.intents import MAX_INTENTS, UndecidedError
from proxy.control.fleet.judge import MAX_CHANGES_A_LOOK
from proxy.control.fleet.memory_store import Kept
from proxy.control.fleet.session import AFTER_FAULT_SECONDS, NEWCOMER_SECONDS
from proxy.control.fleet.store import (
    LEADERSHIP_SECONDS,
    MEMBER_SECONDS,
    NOWHERE,
    FollowedTable,
    Heard,
    Report,
    StoreUnavailableError,
)
from tests.control.houses import arm, canary_release, section, settings
from tests.support.fleets import SOME_FLEET, FleetHouse, SidecarHouse

SPLIT = settings(section(shadows=()))
HOLD = settings(section(shadows=()), fleet=replace(SOME_FLEET, on_lost="hold"))
RELEASE = settings(section(split=(), shadows=(), release=canary_release()))
OFF = {"reason": "3 a.m."}


def begun(configured: Any = SPLIT, count: int = 3) -> FleetHouse:
    fleet = FleetHouse(configured, count)
    fleet.turns(4)
    return fleet


def other_than_the_judge(fleet: FleetHouse) -> SidecarHouse:
    return next(each for each in fleet.sidecars if each is not fleet.judge)


def reported(sidecar: SidecarHouse) -> ReportBody:
    """What it would report now."""
    return decode(sidecar.member.report().body, ReportBody)


# -- without the store


def test_one_that_holds_keeps_its_split_without_the_store_for_as_long_as_it_takes() -> None:
    fleet = begun(HOLD, 2)
    lost = other_than_the_judge(fleet)
    assert lost.split() == {"v2": 10.0}
    fleet.turns(200, only=lambda each: each is not lost)
    assert lost.split() == {"v2": 10.0}
    assert not lost.member.apart


def test_one_that_holds_has_nothing_to_hold_before_the_first_answer() -> None:
    fleet = FleetHouse(HOLD, 2)
    fleet.turns(30, only=lambda each: False)
    assert [each.split() for each in fleet.sidecars] == [{}, {}]
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 2


def test_a_lease_is_as_long_as_is_configured() -> None:
    fleet = begun(settings(section(shadows=()), fleet=Fleet("redis://unused", "test", lease=3.0)), 2)
    lost = other_than_the_judge(fleet)
    fleet.turns(5, only=lambda each: each is not lost)
    assert (lost.member.apart, lost.split()) == (False, {"v2": 10.0})
    fleet.turns(2, only=lambda each: each is not lost)
    assert (lost.member.apart, lost.split()) == (True, {})
    assert reported(lost).apart


# -- a table


def test_a_table_that_cannot_be_read_takes_candidates_off_until_one_can() -> None:
    """It may say that a version was rolled back: nobody knows."""
    fleet = begun(SPLIT, 2)
    sidecar = other_than_the_judge(fleet)
    term, look, stamp = sidecar.member.following.place
    sidecar.member.follow(FollowedTable((term, look + 1, stamp), b"\xc1 of another program"))
    sidecar.member.look()
    assert sidecar.split() == {}
    fleet.turns(4)
    assert sidecar.split() == {"v2": 10.0}


def test_a_sidecar_that_cannot_read_a_table_does_not_say_that_it_follows_it() -> None:
    fleet = begun(SPLIT, 2)
    sidecar = other_than_the_judge(fleet)
    before = reported(sidecar).follows
    term, look, stamp = sidecar.member.following.place
    table = FollowedTable((term, look + 9, stamp), b"\xc1")
    assert sidecar.member.following.takes(table)
    sidecar.member.follow(table)
    assert reported(sidecar).follows == before


def test_the_first_answer_gives_no_traffic_before_the_first_table() -> None:
    """A pod with an empty disk, whose configuration has a split that the fleet rolled back."""
    fleet = begun()
    fleet.command(fleet.sidecars[0], "rollback", OFF)
    late = SidecarHouse(fleet.world, "z", SPLIT)
    heard = asyncio.run(fleet.world.store.report(late.member.report()))
    assert late.member.following.heard(heard, fleet.world.now)
    late.member.look()
    assert all(not route.split for table in late.tables for route in table.routes)


def test_what_was_rolled_back_is_told_after_a_restart_to_a_store_that_lost_it(tmp_path: Path) -> None:
    fleet = begun(SPLIT, 1)
    fleet.sidecars = [SidecarHouse(fleet.world, "a", SPLIT, path=str(tmp_path / "f"))]
    fleet.turns(20)
    fleet.command(fleet.sidecars[0], "rollback", OFF)
    fleet.sidecars[0].mirror.close()
    fleet.world.store.kept = Kept()
    again = SidecarHouse(fleet.world, "a", SPLIT, path=str(tmp_path / "f"))
    assert again.engine.state("cancer").rolled_back == ("v2",)
    fleet.sidecars = [again]
    fleet.turns(20)
    assert again.engine.state("cancer").rolled_back == ("v2",)
    assert all(not route.split for table in again.tables for route in table.routes)


def test_a_newcomer_leaves_an_empty_store_to_those_who_know_what_it_lost() -> None:
    fleet = begun()
    fleet.command(fleet.sidecars[0], "rollback", OFF)
    fleet.world.store.kept = Kept()
    late = newcomer(fleet)
    fleet.turns(round(NEWCOMER_SECONDS / 0.5), only=lambda each: each is late)
    assert not late.member.session.is_judge
    fleet.turns(4)
    assert not late.member.session.is_judge
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}
    assert all(not route.split for table in late.tables for route in table.routes)


def newcomer(fleet: FleetHouse) -> SidecarHouse:
    """One more sidecar, which waits as a real one does."""
    late = SidecarHouse(fleet.world, "z", SPLIT)
    late.member.session.newcomer_waits = NEWCOMER_SECONDS
    fleet.sidecars.append(late)
    return late


@pytest.mark.parametrize(("failed", "seconds"), [(False, NEWCOMER_SECONDS), (True, AFTER_FAULT_SECONDS)])
def test_a_newcomer_whom_nobody_tells_of_more_judges_later_where_the_store_had_failed(
    failed: bool, seconds: float
) -> None:
    fleet = FleetHouse(SPLIT, 0)
    late = newcomer(fleet)
    if failed:
        lost(fleet, late)
    fleet.turns(round(seconds / 0.5))
    assert not late.member.session.is_judge
    fleet.turns(2)
    assert late.member.session.is_judge
    assert late.split() == {"v2": 10.0}


def lost(fleet: FleetHouse, sidecar: SidecarHouse) -> None:
    """A turn in which the store does not answer."""

    async def unavailable(report: Report) -> Heard:
        raise StoreUnavailableError("away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet.world.store, "report", unavailable)
        with pytest.raises(StoreUnavailableError):
            asyncio.run(sidecar.member.session.turn())


# -- the judge


@pytest.mark.parametrize("count", [1, 2])
def test_a_judge_that_has_a_new_configuration_judges_by_it(count: int) -> None:
    fleet = begun(SPLIT, count)
    changed = replace(SPLIT.routes[0], split=(Share("v2", 30.0),))
    for each in fleet.sidecars:
        each.engine.reload(lambda each=each: replace(each.engine.settings, routes=(changed,)), each.clock())  # type: ignore[misc]
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 30.0}] * count


def test_a_fleet_whose_majority_is_gone_has_a_judge_again() -> None:
    """A new configuration was taken back: all pods that had it are gone, and nobody is left to say so."""
    fleet = begun(SPLIT, 5)
    changed = replace(SPLIT.routes[0], noise=5.0)
    for each in fleet.sidecars[:3]:
        each.engine.reload(lambda each=each: replace(each.engine.settings, routes=(changed,)), each.clock())  # type: ignore[misc]
    fleet.turns(int(3 * LEADERSHIP_SECONDS / 0.5))
    assert fleet.judge in fleet.sidecars[:3]
    del fleet.sidecars[:3]
    fleet.turns(int((MEMBER_SECONDS + LEADERSHIP_SECONDS) / 0.5) + 4)
    assert fleet.judge in fleet.sidecars
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 2


def test_what_a_sidecar_that_is_gone_knew_as_rolled_back_is_told_once() -> None:
    """Its look was lost with the store. Whoever gives the version traffic again since then is right."""
    fleet = begun()
    body = ReportBody([], rolled_back={"cancer": ((7, 7, "lost"), ("v2",))})
    asyncio.run(fleet.world.store.report(Report("gone", "e", 1, encode(body))))
    fleet.turns(3)
    assert {each.engine.state("cancer").phase for each in fleet.sidecars} == {"rolled_back"}
    fleet.command(fleet.sidecars[0], "split", {"split": {"v2": 5.0}, "reason": "mended"})
    fleet.turns(6)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 5.0}] * 3


def test_counts_that_a_full_store_lost_and_got_again_are_consumed_once() -> None:
    fleet = begun(RELEASE, 2)
    for each in fleet.sidecars:
        each.tick(arm("v1", "primary", 10, 0, 1.0), arm("v2", "shadow", 10, 0, 1.0))
    fleet.turns(3)
    table = fleet.judge.member.table
    assert table is not None
    before = table.legs
    assert before == {"cancer": 20}
    fleet.world.store.kept.reports.clear()
    fleet.turns(1, only=lambda each: each.member.session.is_judge)
    fleet.turns(3)
    table = fleet.judge.member.table
    assert table is not None
    assert table.legs == before


# -- changes by hand


def command(fleet: FleetHouse, sidecar: SidecarHouse, action: str, value: dict[str, Any]) -> UndecidedError:
    """A change for which nobody answers."""

    async def asked() -> UndecidedError:
        with pytest.raises(UndecidedError) as caught:
            await sidecar.member.command("cancer", action, value, "ada", "")
        return caught.value

    return asyncio.run(asked())


def test_a_change_that_never_left_its_sidecar_is_not_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    fleet = begun()
    asked = other_than_the_judge(fleet)
    said = str(command(fleet, asked, "split", {"split": {"v2": 25.0}, "reason": "try"}))
    assert "nothing was asked for, and nothing has changed" in said
    fleet.turns(3)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3
    assert reported(asked).intents == ()


def test_a_rollback_that_no_judge_answers_is_in_force_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    fleet = begun()
    asked = other_than_the_judge(fleet)
    assert "it is in force here" in str(command(fleet, asked, "rollback", OFF))
    assert [each.split() for each in fleet.sidecars if each is asked] == [{}]
    assert asked.engine.state("cancer").reason == "3 a.m."
    fleet.turns(3)
    assert [each.split() for each in fleet.sidecars] == [{}] * 3


def test_a_rollback_that_the_judge_refuses_is_taken_back_here() -> None:
    fleet = begun()
    asked = other_than_the_judge(fleet)
    answer = fleet.command(asked, "rollback", OFF, '"of another time"')
    assert answer.kind == "changed"
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3


def test_it_is_known_at_how_many_the_last_change_is_in_force_and_after_how_long() -> None:
    fleet = begun()
    asked = other_than_the_judge(fleet)
    assert asked.member.in_force("cancer", asked.member.spread.place("cancer")) == (3, 3)
    before = asked.member.spread.place("cancer")
    fleet.command(asked, "split", {"v2": 25.0})
    fleet.turns(4)
    assert asked.member.spread.place("cancer") > before
    assert asked.member.in_force("cancer", asked.member.spread.place("cancer")) == (3, 3)
    settled = asked.member.spread.seconds("cancer")
    assert settled is not None and 0.0 < settled < 10.0
    fleet.turns(4)
    assert asked.member.spread.seconds("cancer") == settled


def test_an_undo_says_what_it_puts_back_and_the_judge_does_it_whoever_that_is() -> None:
    fleet = begun()
    asked = other_than_the_judge(fleet)
    fleet.command(asked, "split", {"split": {"v2": 25.0}, "reason": "more"})
    fleet.turns(4)
    store = asked.member.mirror.store
    change = last_of(asked.engine, "cancer", store)
    assert change is not None and (change.who, change.action) == ("ada", "split")
    body = {"reason": "too early", "change": msgspec.to_builtins(change)}
    assert fleet.command(asked, "undo", body).kind == ""
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3
    refused = fleet.command(asked, "undo", body)
    assert (refused.kind, "has changed since" in refused.detail) == ("refused", True)


def test_changes_that_wait_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.0)
    fleet = begun(SPLIT, 1)
    (alone,) = fleet.sidecars
    for _ in range(MAX_INTENTS):
        command(fleet, alone, "rollback", OFF)
    assert len(reported(alone).intents) == MAX_INTENTS
    alone.tables.clear()
    said = str(command(fleet, alone, "rollback", OFF))
    assert "nothing was asked for" in said
    assert alone.tables == []


def test_more_changes_than_a_look_makes_are_each_made_once() -> None:
    fleet = begun()
    asked, heard, count = other_than_the_judge(fleet), fleet.judge.heard, 2 * MAX_CHANGES_A_LOOK
    mark = len(heard)

    async def burst() -> list[Answer]:
        values = [{"split": {"v2": float(1 + at)}, "reason": f"{at}"} for at in range(count)]
        asking = [asyncio.ensure_future(asked.member.command("cancer", "split", value, "ada", "")) for value in values]
        await asyncio.sleep(0)
        while not all(each.done() for each in asking):
            await fleet.go()
        await fleet.go(3)
        return [each.result() for each in asking]

    assert {answer.kind for answer in asyncio.run(burst())} == {""}
    assert [change.why for change in heard[mark:]] == [f"{at}" for at in range(count)]
    assert [each.split() for each in fleet.sidecars] == [{"v2": float(count)}] * 3


def test_a_caller_who_leaves_does_not_take_the_change_along() -> None:
    fleet = begun()
    asked = other_than_the_judge(fleet)

    async def leaves() -> None:
        task = asyncio.ensure_future(
            asked.member.command("cancer", "split", {"split": {"v2": 30.0}, "reason": "x"}, "ada", "")
        )
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await fleet.go(3)

    asyncio.run(leaves())
    assert [each.split() for each in fleet.sidecars] == [{"v2": 30.0}] * 3


def test_a_change_is_made_once_though_it_stands_in_reports_of_two_epochs() -> None:
    """An epoch ended between two reports of it, and the judge sees both at once."""
    fleet = begun()
    asked, heard = other_than_the_judge(fleet), fleet.judge.heard
    mark = len(heard)

    async def twice() -> Answer:
        asking = asyncio.ensure_future(
            asked.member.command("cancer", "split", {"split": {"v2": 25.0}, "reason": "x"}, "ada", "")
        )
        await asyncio.sleep(0)
        body = asked.member.report().body
        for epoch in ("old", "new"):
            await fleet.world.store.report(Report(asked.name, epoch, 1, body))
        while not asking.done():
            await fleet.go()
        await fleet.go(3)
        return asking.result()

    assert asyncio.run(twice()).kind == ""
    assert [change.action for change in heard[mark:]] == ["split"]


def test_a_change_of_a_sidecar_that_is_gone_is_not_made_hours_later() -> None:
    """Its caller was told long ago that it was not made."""
    fleet = begun(SPLIT, 1)
    intent = Intent("i-gone", "cancer", "split", {"split": {"v2": 90.0}, "reason": "old"}, "ada", "")
    body = ReportBody([], intents=(intent,))
    asyncio.run(fleet.world.store.report(Report("gone", "e", 1, encode(body))))
    fleet.world.now += MEMBER_SECONDS + 1.0
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}]


# -- labels


def test_labels_that_come_twice_are_passed_on_as_they_come() -> None:
    fleet = begun()
    first, second, _ = fleet.sidecars
    first.member.on_labels([("request-1", 1)])
    second.member.on_labels([("request-1", 1)])
    fleet.turns(3)
    assert [each.labels for each in fleet.sidecars] == [[("request-1", 1)], [("request-1", 1)], [("request-1", 1)] * 2]


def test_labels_that_cannot_be_read_are_passed_over() -> None:
    fleet = begun(SPLIT, 1)
    (alone,) = fleet.sidecars
    good = msgspec.msgpack.encode(("z", {"request_id": "request-1", "label": 1}))
    report = alone.member.report()
    alone.member.answered(report, Heard("", NOWHERE, (b"\xc1", b"\x91\x01", good), "3"))
    assert alone.labels == [("request-1", 1)]


# -- configuration


def test_one_whose_configuration_most_do_not_have_does_not_judge() -> None:
    fleet = begun()
    odd = fleet.sidecars[0]
    assert all(each.member.may_judge for each in fleet.sidecars)
    changed = replace(SPLIT.routes[0], noise=5.0)
    odd.engine.reload(lambda: replace(odd.engine.settings, routes=(changed,)), odd.clock())
    fleet.turns(3)
    assert [each.member.may_judge for each in fleet.sidecars] == [False, True, True]


def test_counts_that_came_too_late_are_told() -> None:
    fleet = begun(SPLIT, 2)
    lost = other_than_the_judge(fleet)
    lost.tick(arm("v1", "primary", 90), arm("v2", "canary", 10))
    fleet.turns(70, only=lambda each: each is not lost)
    fleet.turns(2)
    assert lost.member.late_legs == 100
    judge = fleet.judge.member.table
    assert judge is not None
    assert judge.legs.get("cancer", 0) == 0
