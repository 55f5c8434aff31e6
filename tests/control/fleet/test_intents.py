"""Changes by hand in a fleet that fails: what the operator was told is what happened."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.settings import Settings
from proxy.contracts.table import Share
from proxy.control.api.views import etag
from proxy.control.fleet.bodies import Answer, Intent, ReportBody, encode
from proxy.control.fleet.intents import ASKED_SECONDS, Intents, UndecidedError, too_late
from proxy.control.fleet.member import ANSWER_SECONDS
from proxy.control.fleet.store import LEADERSHIP_SECONDS, NOWHERE, Heard, Report
from proxy.release.audit import entry_of
from tests.control.houses import section, settings
from tests.support.faulty_store import Fault
from tests.support.fleets import FleetHouse, SidecarHouse

SPLIT = settings(section(shadows=()))
OTHER = settings(replace(section(shadows=()), name="elsewhere"))
BOTH = settings(section(shadows=()), replace(section(shadows=()), name="elsewhere"))
OFF = {"reason": "3 a.m."}
ELECTION = int(LEADERSHIP_SECONDS / 0.5) + 4


def begun(configured: Settings = SPLIT, count: int = 3) -> FleetHouse:
    fleet = FleetHouse(configured, count)
    fleet.turns(4)
    return fleet


def played(fleet: FleetHouse, story: Coroutine[Any, Any, None]) -> None:
    """A story on a loop whose clock is that of the fleet: timeouts pass as its time does."""
    loop = asyncio.new_event_loop()
    loop.time = lambda: fleet.world.now  # type: ignore[method-assign]
    try:
        loop.run_until_complete(story)
    finally:
        loop.close()


async def asking(sidecar: SidecarHouse, action: str, value: dict[str, Any], tag: str = "") -> asyncio.Task[Answer]:
    """A change that waits for its answer."""
    task = asyncio.ensure_future(sidecar.member.command("cancer", action, value, "ada", tag))
    await asyncio.sleep(0)
    return task


def split(percent: float, why: str = "try") -> dict[str, Any]:
    return {"split": {"v2": percent}, "reason": why}


def whys(sidecar: SidecarHouse) -> Counter[str]:
    """How often a change with each reason was made, as the fleet's audit says."""
    return Counter(entry_of(link).why for link in sidecar.mirror.store.chain())


# -- the deadline


def test_a_change_that_waits_while_nobody_judges_is_told_as_not_made_and_never_is() -> None:
    fleet = begun()
    asked = next(each for each in fleet.sidecars if each is not fleet.judge)

    async def story() -> None:
        fleet.world.store.fault = lambda call: "before" if call in ("acquire", "commit") else ""
        await fleet.go(ELECTION)
        task = await asking(asked, "split", split(25.0))
        await fleet.go(int(ANSWER_SECONDS / 0.5) + 1)
        answer = await task
        assert (answer.kind, "was not made" in answer.detail) == ("no-judge", True)
        fleet.world.store.fault = lambda call: ""
        await fleet.go(ELECTION)

    played(fleet, story())
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_change_that_may_have_left_says_so_and_is_made_soon_or_never(lost: Fault) -> None:
    """Its sidecar lost the store at that moment; hours later nothing is carried out that was asked for then."""
    fleet = begun()
    asked = next(each for each in fleet.sidecars if each is not fleet.judge)

    async def story() -> None:
        task = await asking(asked, "split", split(25.0))
        for _ in range(int(ANSWER_SECONDS / 0.5) + 1):
            fleet.world.store.fault = lambda call: lost
            await fleet.go(only=lambda each: each is asked)
            fleet.world.store.fault = lambda call: ""
        with pytest.raises(UndecidedError, match=r"within 5 s, or\s+never"):
            await task
        await fleet.go(400)

    played(fleet, story())
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}] * 3


def test_a_report_that_lay_somewhere_for_hours_carries_nothing_out() -> None:
    """A store that stood still takes what waited in its socket, and says that it came now."""
    fleet = begun(SPLIT, 1)
    intent = Intent("old", "cancer", "split", split(90.0), "ada", "", until=fleet.world.now + ASKED_SECONDS)
    fleet.turns(8000, 1.0, only=lambda each: False)
    asyncio.run(fleet.world.store.report(Report("b", "e", 1, encode(ReportBody([], intents=(intent,))))))
    fleet.turns(ELECTION)
    assert fleet.judge.split() == {"v2": 10.0}
    assert too_late(intent, fleet.world.now)


def test_a_clock_of_the_store_that_jumps_is_told_anew_with_each_report() -> None:
    now, told = 50.0, list[float]()
    names = iter("abc")

    async def story() -> None:
        intents = Intents({}, lambda rows: None, lambda: next(names), now)
        intents.ask(Intent("", "r", "pause", {}, "ada", ""), now)
        assert intents.told(lambda route: False, now) == ()
        for time in (1000.0, 9000.0, 10.0):
            intents.heard(Heard("j", NOWHERE, time=time), now, now)
            told.extend(each.until - time for each in intents.told(lambda route: False, now))

    asyncio.run(story())
    assert told == [ASKED_SECONDS] * 3


# -- rollbacks


def test_a_rollback_survives_a_restart_and_holds_until_the_judge_has_made_it(tmp_path: Path) -> None:
    fleet = begun(SPLIT, 1)
    path = str(tmp_path / "f")
    alone = SidecarHouse(fleet.world, "z", SPLIT, path=path)
    fleet.sidecars.append(alone)
    fleet.turns(4)
    assert alone.split() == {"v2": 10.0}
    judge = fleet.sidecars[0]

    async def story() -> None:
        task = await asking(alone, "rollback", OFF)
        await fleet.go(4, only=lambda each: each is judge)
        task.cancel()
        await asyncio.wait([task])

    played(fleet, story())
    alone.mirror.close()
    again = SidecarHouse(fleet.world, "z", SPLIT, path=path)
    fleet.sidecars[1] = again
    fleet.turns(6)
    assert all(not route.split for table in again.tables for route in table.routes)
    assert [each.engine.state("cancer").phase for each in fleet.sidecars] == ["rolled_back"] * 2
    assert whys(judge)["3 a.m."] == 1
    assert again.mirror.asked() == {}
    fleet.command(judge, "split", split(5.0, "mended"))
    assert [each.split() for each in fleet.sidecars] == [{"v2": 5.0}] * 2


def test_a_rollback_that_waited_takes_off_only_what_it_was_asked_for() -> None:
    """Hours later another version is on trial: nobody asked for its end."""
    fleet = begun()
    cut = next(each for each in fleet.sidecars if each is not fleet.judge)

    async def story() -> None:
        task = await asking(cut, "rollback", OFF)
        asked = fleet.judge
        other = await asking(asked, "promote", {"reason": "good", "version": "v2"})
        await fleet.go(8, only=lambda each: each is not cut)
        assert other.result().kind == ""
        next_one = await asking(asked, "split", {"split": {"v3": 20.0}, "reason": "the next one"})
        await fleet.go(60, only=lambda each: each is not cut)
        assert next_one.result().kind == ""
        with pytest.raises(UndecidedError, match="in force here"):
            await task
        assert cut.split() == {}
        await fleet.go(6)

    played(fleet, story())
    assert [each.split() for each in fleet.sidecars] == [{"v3": 20.0}] * 3
    assert cut.mirror.asked() == {}


def mixed() -> tuple[FleetHouse, SidecarHouse]:
    """Two that have one route, and one that has another beside it, of which the judge knows nothing."""
    fleet = begun(OTHER, 2)
    odd = SidecarHouse(fleet.world, "z", BOTH)
    fleet.sidecars.append(odd)
    fleet.turns(4)
    return fleet, odd


def test_a_rollback_of_a_route_that_the_judge_does_not_have_acts_here_and_is_made_once_it_has() -> None:
    fleet, odd = mixed()
    answer = fleet.command(odd, "rollback", OFF)
    assert (answer.kind, odd.member.in_force("cancer", answer.place)) == ("", (1, 3))
    assert "in force at this sidecar, and stays so" in answer.detail
    assert "has no route cancer" in answer.detail
    assert odd.mirror.asked()
    fleet.turns(4)
    for each in fleet.sidecars[:2]:
        each.engine.reload(lambda each=each: replace(each.engine.settings, routes=BOTH.routes), each.clock())  # type: ignore[misc]
    mark = len(odd.tables)
    fleet.turns(8)
    assert [each.engine.state("cancer").rolled_back for each in fleet.sidecars] == [("v2",)] * 3
    assert all(not route.split for table in odd.tables[mark:] for route in table.routes if route.name == "cancer")
    assert odd.mirror.asked() == {}


NEXT_ONE = settings(section(split=(Share("v3", 20.0),), shadows=()))


def half_rolled_out() -> tuple[FleetHouse, SidecarHouse]:
    """Two that have v2 on trial, and one whose configuration has v3 on the same route already."""
    fleet = begun(SPLIT, 2)
    odd = SidecarHouse(fleet.world, "z", NEXT_ONE)
    fleet.sidecars.append(odd)
    fleet.turns(4)
    return fleet, odd


def test_a_rollback_within_an_update_acts_here_and_is_made_once_the_judge_has_the_section() -> None:
    fleet, odd = half_rolled_out()
    answer = fleet.command(odd, "rollback", OFF)
    assert (answer.kind, odd.member.in_force("cancer", answer.place)) == ("", (1, 3))
    assert "in force at this sidecar, and stays so" in answer.detail
    assert f"v3 is not on trial at {fleet.judge.name}, which judges" in answer.detail
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 10.0}, {"v2": 10.0}, {}]
    for each in fleet.sidecars[:2]:
        each.engine.reload(lambda each=each: replace(each.engine.settings, routes=NEXT_ONE.routes), each.clock())  # type: ignore[misc]
    mark = len(odd.tables)
    fleet.turns(ELECTION + 8)
    assert [each.engine.state("cancer").rolled_back for each in fleet.sidecars] == [("v3",)] * 3
    assert all(not route.split for table in odd.tables[mark:] for route in table.routes)
    assert odd.mirror.asked() == {}


def test_a_change_is_not_in_force_where_the_section_is_another_one() -> None:
    fleet, odd = half_rolled_out()
    judge = fleet.judge
    answer = fleet.command(judge, "split", split(30.0))
    fleet.turns(4)
    assert [each.split() for each in fleet.sidecars] == [{"v2": 30.0}, {"v2": 30.0}, {}]
    assert judge.member.in_force("cancer", answer.place) == (2, 3)
    changed = replace(SPLIT.routes[0], noise=5.0)
    odd.engine.reload(lambda: replace(odd.engine.settings, routes=(changed,)), odd.clock())
    fleet.turns(4)
    assert odd.split() == {"v2": 30.0}
    assert judge.member.in_force("cancer", answer.place) == (3, 3)


@pytest.mark.parametrize("action", ["split", "shadows", "promote", "pause", "resume", "release"])
def test_other_changes_of_such_a_route_name_the_difference(action: str) -> None:
    _, odd = mixed()
    answer = asyncio.run(odd.member.command("cancer", action, OFF, "ada", ""))
    assert answer.kind == "differs"
    assert "the section of cancer is not the one that the fleet judges by" in answer.detail


def test_a_change_that_the_judge_refuses_by_another_section_says_that_it_is_another() -> None:
    fleet = begun()
    odd = next(each for each in fleet.sidecars if each is not fleet.judge)
    changed = replace(SPLIT.routes[0], noise=5.0)
    odd.engine.reload(lambda: replace(odd.engine.settings, routes=(changed,)), odd.clock())
    answer = fleet.command(odd, "resume", OFF)
    assert answer.kind == "refused"
    assert f"the section of cancer at {fleet.judge.name}, which judges, is another one" in answer.detail


def test_a_rollback_of_what_was_promoted_acts_here_at_once_too() -> None:
    fleet = begun()
    asked = next(each for each in fleet.sidecars if each is not fleet.judge)
    assert fleet.command(asked, "promote", {"reason": "good", "version": "v2"}).kind == ""

    async def story() -> None:
        task = await asking(asked, "rollback", OFF)
        assert asked.tables[-1].routes[0].primary == "v1"
        await fleet.go(4)
        assert task.result().kind == ""

    played(fleet, story())
    assert {each.engine.state("cancer").primary for each in fleet.sidecars} == {"v1"}


def test_a_rollback_before_the_first_table_holds_what_is_configured() -> None:
    fleet = FleetHouse(SPLIT, 1)
    (alone,) = fleet.sidecars
    answer = fleet.command(alone, "rollback", OFF)
    assert answer.kind == ""
    assert all(not route.split for table in alone.tables for route in table.routes)
    assert alone.engine.state("cancer").rolled_back == ("v2",)


# -- schedules


class Operators:
    """Who changes things by hand, at any sidecar, and what each was told."""

    def __init__(self, fleet: FleetHouse, chance: random.Random) -> None:
        self.fleet, self.chance = fleet, chance
        self.asked: list[tuple[str, str, asyncio.Task[Answer]]] = []

    async def ask(self) -> None:
        """Two operators who saw the same change it at two sidecars."""
        first, second = self.chance.sample(self.fleet.sidecars, 2)
        tag = self.chance.choice(["", etag(first.engine.state("cancer"))])
        for each in self.chance.choice([(first, second), (first,)]):
            why = f"change {len(self.asked)}"
            made = "rollback" if self.chance.random() < 0.1 else "split"
            value = {"reason": why} if made == "rollback" else split(float(1 + len(self.asked) % 40), why)
            self.asked.append((why, tag, await asking(each, made, value, tag)))

    def check(self, made: Counter[str]) -> None:
        """Nobody was told what did not happen, and of those who saw the same state one at most changed it."""
        by_tag: Counter[str] = Counter()
        for why, tag, task in self.asked:
            assert made[why] <= 1, "made twice"
            by_tag[tag] += made[why]
            error = task.exception()
            if error is None:
                assert made[why] == (not task.result().kind), (why, task.result())
            elif "nothing was asked for" in str(error):
                assert not made[why]
            else:
                assert "or never" in str(error) or "in force here" in str(error)
        assert all(count <= 1 for tag, count in by_tag.items() if tag)


@pytest.mark.parametrize("seed", range(40))
def test_what_the_operators_were_told_is_what_happened(seed: int) -> None:
    """Calls are lost before and after their effect, sidecars stand still and start anew, and operators ask all the
    while."""
    chance = random.Random(seed)
    fleet = begun()
    operators, faults = Operators(fleet, chance), chance.choice([0.0, 0.1, 0.3])
    away: dict[str, float] = {}

    def fault(call: str) -> Fault:
        return chance.choice(["before", "after"]) if chance.random() < faults else ""

    async def story() -> None:
        fleet.world.store.fault = fault
        for _ in range(160):
            if chance.random() < 0.15:
                await operators.ask()
            if chance.random() < 0.02:
                away[chance.choice(fleet.sidecars).name] = fleet.world.now + chance.uniform(1.0, 15.0)
            present = [each for each in fleet.sidecars if away.get(each.name, 0.0) < fleet.world.now]
            turn = {each.name for each in chance.sample(present, min(len(present), 1))}
            await fleet.go(1, 0.15, lambda each, turn=turn: each.name in turn)  # type: ignore[misc]
        fleet.world.store.fault = lambda call: ""
        await fleet.go(60)

    played(fleet, story())
    assert all(task.done() for _, _, task in operators.asked)
    chains = [whys(each) for each in fleet.sidecars]
    assert chains[0] == chains[1] == chains[2]
    operators.check(chains[0])
    assert len({str(each.split()) for each in fleet.sidecars}) == 1
