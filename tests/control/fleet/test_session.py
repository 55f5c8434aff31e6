"""Turns of sidecars against a store that fails: thousands of schedules, in which calls are lost before and after their
effect, sidecars restart and stand still, and the store comes back empty or as it was some looks ago.

The judge here is a small one: it sums up what is counted, and takes the candidate off for good when enough is bad.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Generator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from proxy.contracts.tls import ClientTls
from proxy.control.fleet import counts, lineage
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.following import Following
from proxy.control.fleet.memory_store import Kept, MemoryStore
from proxy.control.fleet.reporter import Reporter
from proxy.control.fleet.session import Proposal, Session
from proxy.control.fleet.store import (
    LEADERSHIP_SECONDS,
    NOWHERE,
    Collected,
    FollowedTable,
    Heard,
    Leadership,
    Place,
    Report,
    StoreUnavailableError,
)
from tests.control.houses import section, settings
from tests.support.faulty_store import Fault
from tests.support.fleets import FleetHouse

SPLIT = settings(section(shadows=()))
BAD = ("codes", "r", "v2")
ENOUGH = 40
"""Bad events after which the candidate is taken off."""


class Body(Struct):
    """What a sidecar of this test reports."""

    rows: list[tuple[list[str | int | float], dict[int | str, int | float]]]
    off_at: Place | None = None
    """The look at which this sidecar followed a table without the candidate."""
    follows: Place = NOWHERE


class Evidence(Struct):
    """What the judge of this test commits."""

    consumed: dict[str, tuple[int, list[tuple[list[str | int | float], dict[int | str, int | float]]]]] = {}
    total: int = 0
    off: bool = False
    lineage: list[Place] = []


class Table(Struct):
    """What sidecars of this test follow."""

    off: bool
    taken: dict[str, int]
    """Sidecar and epoch → number of its newest report that the judge knew."""


class SummingJudge:
    """Adds up."""

    def __init__(self, collected: Collected) -> None:
        self.evidence = Evidence()
        if collected.evidence is not None:
            self.evidence = msgspec.msgpack.decode(collected.evidence, type=Evidence)
        self.known: dict[tuple[str, str], int] = {}
        self.latest: Place = NOWHERE

    def look(self, collected: Collected, place: Place) -> Proposal:
        evidence = self.evidence
        for each in collected.reports:
            if each.body is None:
                continue
            body = msgspec.msgpack.decode(each.body, type=Body)
            self.latest = max(self.latest, body.follows)
            key = f"{each.epoch}:{each.instance}"
            seq, rows = evidence.consumed.get(key, (0, []))
            if each.seq <= seq:
                continue
            cells = counts.cells_of(body.rows)
            grown = counts.difference(cells, counts.cells_of(rows))
            evidence.total += int(sum(sum(cell.values()) for cell in grown.values()))
            evidence.consumed[key] = each.seq, counts.rows_of(cells)
            if body.off_at is not None and not lineage.includes(evidence.lineage, body.off_at):
                evidence.off = True
            self.known[each.instance, each.epoch] = each.seq
        evidence.off |= evidence.total >= ENOUGH
        evidence.lineage = lineage.extended(evidence.lineage, place)
        taken = {f"{instance} {epoch}": seq for (instance, epoch), seq in self.known.items()}
        return Proposal(msgspec.msgpack.encode(evidence), msgspec.msgpack.encode(Table(evidence.off, taken)))

    def committed(self) -> None:
        """Nothing to tell."""


class Pause:
    """One step of a schedule."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class World:
    """A store, its clock, and what goes wrong."""

    def __init__(self, chance: random.Random, faults: float) -> None:
        self.chance, self.faults, self.now = chance, faults, 0.0
        self.store = MemoryStore(lambda: self.now)
        self.replicas: list[Kept] = [deepcopy(self.store.kept)]
        self.committed = 0
        self.went_back = False

    def new_stamp(self) -> str:
        """One that no term had."""
        return f"{self.chance.getrandbits(60):x}"

    def copy(self) -> None:
        """A replica takes over what the store has."""
        self.replicas = [*self.replicas[-5:], deepcopy(self.store.kept)]

    def fail_over(self) -> None:
        """A replica that lacks the last writes, or an empty store, takes its place."""
        self.store.kept = deepcopy(self.chance.choice([Kept(), *self.replicas]))
        self.replicas, self.went_back = [deepcopy(self.store.kept)], True

    async def call(self, do: Callable[[], Awaitable[Any]]) -> Any:
        await Pause()
        if self.chance.random() < self.faults:
            raise StoreUnavailableError("lost on its way there")
        found = await do()
        await Pause()
        if self.chance.random() < self.faults:
            raise StoreUnavailableError("lost on its way back")
        return found


class Wire:
    """The store as one sidecar sees it."""

    def __init__(self, world: World) -> None:
        self.world, self.term = world, 0

    async def acquire(self, instance: str, floor: int, stamp: str) -> Leadership:
        found: Leadership = await self.world.call(lambda: self.world.store.acquire(instance, floor, stamp))
        return found

    async def report(self, report: Report) -> Heard:
        found: Heard = await self.world.call(lambda: self.world.store.report(report))
        return found

    async def collect(self, known: Any, place: Place) -> Collected:
        found: Collected = await self.world.call(lambda: self.world.store.collect(known, place))
        return found

    async def commit(
        self, before: Place, place: Place, evidence: bytes, table: bytes, links: Any = (), end: int = 0
    ) -> Any:
        return await self.world.call(lambda: self.world.store.commit(before, place, evidence, table, links, end))

    async def table(self, after: int = 0) -> FollowedTable | None:
        found: FollowedTable | None = await self.world.call(lambda: self.world.store.table(after))
        return found

    def trust(self, tls: ClientTls | None) -> None:
        """Nobody to connect to."""

    async def close(self) -> None:
        """Nothing to close."""


class Sidecar:
    """One that keeps nothing on disk."""

    links, lacks_links, may_judge = 0, False, True

    def __init__(self, world: World, number: int) -> None:
        self.world, self.name, self.starts = world, f"s{number}", 0
        self.counted = 0
        self.flow: Coroutine[Any, Any, None] | None = None
        self.start()

    def start(self) -> None:
        """Begins with nothing, under the same name."""
        self.starts += 1
        self.flow, self.epochs = None, 0
        self.counting = Counting()
        self.reporter = Reporter(self.name, self.counting, self.new_epoch, self.world.now)
        self.following = Following(10.0)
        self.session = Session(
            Wire(self.world), self.name, self, self.following, lambda: self.world.now, self.world.new_stamp
        )
        self.off, self.off_at = False, None
        self.off_from: tuple[str, int] | None = None
        """Epoch and number of the first report that told of it."""
        self.followed: list[Place] = []

    def new_epoch(self) -> str:
        self.epochs += 1
        return f"{self.starts}.{self.epochs}"

    off_at: Place | None

    def count(self) -> None:
        """Counts bad events."""
        more = self.world.chance.randrange(3)
        self.counted += more
        counts.add(self.counting.cells, BAD, {"500": more})

    def report(self) -> Report:
        body = Body(counts.rows_of(self.counting.cells), self.off_at, self.following.place)
        report = self.reporter.next(lambda counting: msgspec.msgpack.encode(body), self.world.now)
        self.sent_at = self.world.now
        if self.off_at is not None and self.off_from is None:
            self.off_from = report.epoch, report.seq
        return report

    def answered(self, report: Report, heard: Heard) -> None:
        self.reporter.answered(report, heard, self.sent_at)

    def follow(self, table: FollowedTable) -> None:
        place = table.place
        assert not self.followed or place > self.followed[-1], "only upwards"
        self.followed.append(place)
        body = msgspec.msgpack.decode(table.body, type=Table)
        if body.off and not self.off:
            self.off, self.off_at, self.off_from = True, place, None
        elif self.off and not body.off:
            knew = (
                self.off_from is not None and body.taken.get(f"{self.name} {self.off_from[0]}", 0) >= self.off_from[1]
            )
            assert not knew, "the judge knew, and gave it traffic again"

    def catch_up(self, table: FollowedTable) -> None:
        """It has no chain."""

    def fit(self, collected: Collected) -> bool:
        """Any is."""
        return True

    def judge(self, collected: Collected) -> SummingJudge:
        return SummingJudge(collected)

    def step(self) -> None:
        """Goes on to the next call."""
        if self.flow is None:
            self.flow = self.session.turn()
        try:
            self.flow.send(None)
        except StopIteration:
            self.flow = None
        except StoreUnavailableError:
            self.flow = None


def total_in(kept: Kept) -> int:
    """What the committed judgement has summed up."""
    return msgspec.msgpack.decode(kept.evidence, type=Evidence).total if kept.evidence else 0


@pytest.mark.parametrize("seed", range(300))
def test_counts_are_consumed_once_whatever_fails(seed: int) -> None:
    chance = random.Random(seed)
    world = World(chance, faults=chance.choice([0.0, 0.05, 0.2]))
    sidecars = [Sidecar(world, number) for number in range(chance.randint(1, 5))]
    restarts = chance.choice([0.0, 0.01])
    losses = chance.choice([0.0, 0.0, 0.01])
    standing: dict[str, float] = {}
    for _ in range(600):
        world.now += chance.random() * 0.06
        each = chance.choice(sidecars)
        if world.now < standing.get(each.name, 0.0):
            continue
        each.count()
        each.step()
        if chance.random() < 0.003:
            standing[each.name] = world.now + chance.uniform(0.0, 12.0)
        if chance.random() < restarts:
            each.start()
        if chance.random() < 0.05:
            world.copy()
        if chance.random() < losses:
            world.fail_over()
        assert total_in(world.store.kept) <= sum(each.counted for each in sidecars)
    world.faults = 0.0
    for _ in range(200):
        for each in sidecars:
            world.now += 0.05
            each.step()
    late = any(each.reporter.late_legs for each in sidecars)
    if not world.went_back and not restarts and not late:
        assert total_in(world.store.kept) == sum(each.counted for each in sidecars)
    for each in sidecars:
        while each.flow is not None:
            each.step()
    for each in sidecars:
        each.step()
        while each.flow is not None:
            each.step()
    assert {each.off for each in sidecars} == {sidecars[0].off}


# -- terms


def terms(fleet: FleetHouse) -> int:
    return fleet.world.store.kept.term


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("call", ["report", "acquire", "collect", "table"])
def test_a_call_that_fails_costs_the_judge_no_term(call: str, fault: Fault) -> None:
    """On a busy machine answers are late now and then: that is no election."""
    fleet = FleetHouse(SPLIT, 3)
    fleet.turns(4)
    judge, before = fleet.judge, terms(fleet)
    for _ in range(8):
        fleet.world.store.fault = lambda made: fault if made == call else ""
        fleet.turns(1, only=lambda each: each is judge)
        fleet.world.store.fault = lambda made: ""
        fleet.turns()
    assert (fleet.judge, terms(fleet)) == (judge, before)


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_look_that_may_have_been_committed_is_followed_by_one_of_another_term(fault: Fault) -> None:
    fleet = FleetHouse(SPLIT, 3)
    fleet.turns(4)
    judge, before = fleet.judge, terms(fleet)
    fleet.world.store.fault = lambda made: fault if made == "commit" else ""
    fleet.turns()
    fleet.world.store.fault = lambda made: ""
    fleet.turns(2)
    assert (fleet.judge, terms(fleet)) == (judge, before + 1)


def test_a_look_renews_the_term_as_asking_for_it_does() -> None:
    """What lies between two renewals is half a turn then: a slow one keeps its term."""
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    kept = fleet.world.store.kept
    made: list[float] = []

    def fault(call: str) -> Fault:
        if call == "commit":
            fleet.world.now += LEADERSHIP_SECONDS - 1.0
            made.append(fleet.world.now)
        return ""

    fleet.world.store.fault = fault
    fleet.turns(1, only=lambda each: each.member.session.is_judge)
    assert kept.judge_until == made[-1] + LEADERSHIP_SECONDS


def test_the_lease_is_counted_from_the_question() -> None:
    """An answer that lay here while the process stood still says nothing of now."""
    fleet = FleetHouse(SPLIT, 2)
    fleet.turns(4)
    slow = next(each for each in fleet.sidecars if not each.member.session.is_judge)

    def fault(call: str) -> Fault:
        fleet.world.now += 60.0 if call == "report" else 0.0
        return ""

    fleet.world.store.fault = fault
    fleet.turns(1, only=lambda each: each is slow)
    assert slow.split() == {}
