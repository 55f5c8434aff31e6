"""The history with its file: sums are those of the ticks whatever ends, and a disk that fails takes nothing with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.operation import HistoryKept
from proxy.control.disk_thread import DiskThread
from proxy.control.history import shelf
from proxy.control.history.archive import StepArchive
from proxy.control.history.past import file_of
from proxy.control.history.series import series
from proxy.control.history.shelf import Block
from proxy.control.history.tiers import tier_for
from tests.control.history.pasts import BEGAN, Recorded, legs
from tests.control.houses import section
from tests.control.houses import settings as house_settings
from tests.support.plane import PATIENCE

START = int(BEGAN)
FOR_EVER = HistoryKept(seconds=1e6, minutes=1e6)
AFTER = st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0, 9.0, 65.0, 700.0, 4000.0])
EVENTS = st.lists(st.tuples(st.sampled_from(["tick", "store", "restart"]), AFTER, st.integers(0, 50)), max_size=25)


async def requests(past: Recorded, start: int, end: int, step: int) -> list[int | None]:
    """The requests of the primary, as an answer has them."""
    n = (end - start) // step

    def make(steps: object) -> list[int | None]:
        shown = series(steps, start, step, n, ["requests"])  # type: ignore[arg-type]
        return next((each["values"] for each in shown if each["role"] == "primary"), [None] * n)

    return await past.past.read("cancer", start, end, tier_for(step), make)


async def restarted(past: Recorded, path: str) -> Recorded:
    await past.past.close(past.now)
    after = Recorded(now=past.now, path=path, kept=FOR_EVER)
    await after.past.store(after.now)
    return after


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.sampled_from([1, 10, 60, 600]))
def test_sums_are_those_of_the_ticks_over_restarts(events: list[tuple[str, float, int]], step: int) -> None:
    async def story(path: str) -> None:
        past, sent = Recorded(path=path, kept=FOR_EVER), 0
        for what, after, n in events:
            if what == "tick":
                past.tick(legs(n), after=after)
                sent += n
            elif what == "store":
                past.silence(after)
                await past.past.store(past.now)
            else:
                past = await restarted(past, path)
        past.silence(1.5)
        end = (int(past.now) // 600 + 1) * 600
        assert sum(value or 0 for value in await requests(past, START, end, step)) == sent
        again = await restarted(past, path)
        assert sum(value or 0 for value in await requests(again, START, end, step)) == sent, "all of it is stored"
        assert not past.past.faults and not again.past.faults
        await again.past.close(again.now)

    with TemporaryDirectory() as folder:
        asyncio.run(story(f"{folder}/state.db.history"))


JUMPS = st.sampled_from([0.0, 0.0, 3.0, -3.0, -45.0, 70.0, -700.0, 9000.0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(st.tuples(AFTER, st.integers(0, 9)), max_size=6), JUMPS, st.booleans()), max_size=5))
def test_whatever_the_wall_clock_does_all_steps_say_the_same(
    lives: list[tuple[list[tuple[float, int]], float, bool]],
) -> None:
    """Between two processes the wall clock may jump, and one may be killed; what is kept adds up alike in all steps."""

    async def story(path: str) -> None:
        now, skew, sent = BEGAN, 10_000.0, 0
        for ticks, jump, killed in [*lives, ([], 0.0, False)]:
            past = Recorded(now=now, path=path, kept=FOR_EVER)
            past.engine.keeper.skew = skew = max(skew + jump, 0.0)
            await past.past.store(past.now)
            for after, n in ticks:
                past.tick(legs(n), after=after)
                sent += n
                await past.past.store(past.now)
            if not killed:
                await past.past.close(past.now)
            now = past.now
        end = (int(now) + 60_000) // 86_400 * 86_400 + 86_400
        sums = {sum(value or 0 for value in await requests(past, START, end, step)) for step in (1, 60, 600, 3600)}
        assert len(sums) == 1 and sums.pop() <= sent

    with TemporaryDirectory() as folder:
        asyncio.run(story(f"{folder}/state.db.history"))


ROUTES = st.sets(st.sampled_from(["a", "b", "c", "d"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(ROUTES, st.lists(st.tuples(st.sampled_from("abcd"), AFTER, st.integers(0, 9)))), max_size=6))
def test_routes_come_and_go_and_each_keeps_its_counts(
    configurations: list[tuple[set[str], list[tuple[str, float, int]]]],
) -> None:
    """A tick may tell of a route that is gone: requests were under way on it. One that never was is nobody's."""
    past, sent, known = Recorded(house_settings(section("a")), kept=FOR_EVER), dict.fromkeys("abcd", 0), {"a"}
    for names, ticks in configurations:
        past.engine.reload(lambda names=names: house_settings(*map(section, sorted(names | {"a"}))), past.now)  # type: ignore[misc]
        past.history.look(past.now)
        known |= names
        for route, after, n in ticks:
            past.tick(legs(n, route=route), after=after)
            sent[route] += n if route in known else 0
            past.settle()
    past.silence(1.5)
    for route, n in sent.items():
        steps = past.steps(START, int(past.now) + 1, tier_for(1), route)
        assert sum(sum(step.arms[key].outcomes) for step in steps for key in step.arms) == n


def test_a_route_that_is_gone_has_no_zeros() -> None:
    past = Recorded(house_settings(section("a"), section("b")))
    past.tick(legs(1, route="b"), after=1.0)
    past.tick(legs(1, route="b"), after=1.0)
    past.engine.reload(lambda: house_settings(section("a")), past.now)
    for route in "aabaa":
        past.tick(legs(2, route=route), after=1.0)
    past.silence(1.5)
    steps = past.steps(START, START + 60, tier_for(1), "b")
    assert [(each.start - START, sum(sum(arm.outcomes) for arm in each.arms.values())) for each in steps] == [
        (1, 1),
        (2, 1),
        (5, 2),
    ]


def test_a_kill_takes_seconds(tmp_path: Path) -> None:
    async def story() -> None:
        path = str(tmp_path / "x.history")
        past = Recorded(path=path)
        for _ in range(87):
            past.tick(legs(1), after=1.0)
            past.history.look(past.now)
            await past.past.store(past.now)
        killed = Recorded(now=past.now + 30.0, path=path)
        await killed.past.store(killed.now)
        shown = await requests(killed, START, START + 120, 1)
        assert shown[1:87] == [1] * 86 and set(shown[87:]) == {None}
        assert await requests(killed, START, START + 60, 60) == [59]
        await killed.past.close(killed.now)
        await past.past.close(past.now)

    asyncio.run(story())


def test_a_file_that_cannot_be_used_is_a_warning_and_memory_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        folder = tmp_path / "later"
        past = Recorded(path=str(folder / "x.history"))
        for _ in range(30):
            past.tick(legs(1), after=1.0)
            await past.past.store(past.now)
        assert "cannot be opened" in past.past.faults["cancer"] and past.past.errors == 30
        assert sum(value or 0 for value in await requests(past, START, START + 60, 1)) == 29
        folder.mkdir()
        await past.past.store(past.now)
        assert past.past.faults == {} and past.past.size > 0
        assert sum(value or 0 for value in await requests(past, START, START + 60, 1)) == 29
        await past.past.close(past.now)

    asyncio.run(story())


class Hanging(StepArchive):
    """A file whose disk hangs while `free` is not set, before or after it has written."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(path, limit)
        self.free, self.after = threading.Event(), False
        self.free.set()

    def write(self, blocks: Iterable[Block], opened: Iterable[Block], now: float) -> None:
        if self.after:
            super().write(blocks, opened, now)
        self.free.wait()
        if not self.after:
            super().write(blocks, opened, now)


@pytest.mark.parametrize("after", [False, True])
def test_a_disk_that_hangs_holds_nobody_and_nothing_is_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr("proxy.control.history.past.StepArchive", Hanging)

    async def story() -> None:
        disk = DiskThread(patience=PATIENCE)
        past = Recorded(path=str(tmp_path / "x.history"), disk=disk)
        archive = past.past._archive
        assert isinstance(archive, Hanging)
        archive.after = after
        sent = 0
        for second in range(90):
            (archive.free.clear if second == 30 else archive.free.set if second == 60 else lambda: None)()
            disk._patience = 0.01 if 30 <= second < 60 else PATIENCE  # short where it hangs for sure
            past.tick(legs(1), after=1.0)
            sent += 1
            await past.past.store(past.now)
            if second == 45:
                assert "does not answer" in past.past.faults["cancer"]
                assert sum(value or 0 for value in await requests(past, START + 31, START + 60, 1)) == 15
            if second == 60:
                while past.past.hangs:  # noqa: ASYNC110  a thread's work is no event of this loop
                    await asyncio.sleep(0.001)
        past.silence(1.5)
        assert past.past.faults == {} and past.past.errors > 0
        assert sum(value or 0 for value in await requests(past, START, START + 100, 1)) == sent
        await past.past.close(past.now)
        again = Recorded(now=past.now, path=str(tmp_path / "x.history"), disk=DiskThread(patience=PATIENCE))
        await again.past.store(again.now)
        for step in (1, 10, 60):
            assert sum(value or 0 for value in await requests(again, START, START + 120, step)) == sent
        await again.past.close(again.now)

    asyncio.run(story())


def test_a_process_ends_while_its_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.control.history.past.StepArchive", Hanging)

    async def story() -> Hanging:
        past = Recorded(path=str(tmp_path / "x.history"), disk=DiskThread(patience=0.05))
        archive = past.past._archive
        assert isinstance(archive, Hanging)
        past.tick(legs(1), after=1.0)
        archive.free.clear()
        await past.past.close(past.now)
        assert past.past.hangs
        return archive

    asyncio.run(story()).free.set()


def test_memory_is_bounded_without_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_BYTES", 30_000)

    async def story() -> None:
        past = Recorded(path=str(tmp_path / "gone" / "x.history"))
        for _ in range(2000):
            past.tick(legs(1), after=1.0)
            past.history.look(past.now)
            assert past.past.memory <= 30_000
        await past.past.store(past.now)
        assert past.past.bounds_reached()["history_memory"] > 0
        since = past.past.seconds_from(past.now)
        assert START < since < past.now, "an answer about before has minutes"
        minutes = await requests(past, START, START + 1980, 60)
        assert minutes == [59, *[60] * 32]
        await past.past.close(past.now)

    asyncio.run(story())


def test_what_is_too_old_is_let_go(tmp_path: Path) -> None:
    async def story() -> None:
        past = Recorded(path=str(tmp_path / "x.history"))
        past.past.use(HistoryKept(seconds=600.0, minutes=1200.0))
        for _ in range(2500):
            past.tick(legs(1), after=1.0)
            past.history.look(past.now)
            if past.seq % 10 == 0:
                await past.past.store(past.now)
        await past.past.close(past.now)
        again = Recorded(now=past.now, path=str(tmp_path / "x.history"))
        await again.past.store(again.now)
        seconds = await requests(again, START, int(past.now), 1)
        minutes = await requests(again, START, START + 2460, 60)
        assert 600 <= sum(value is not None for value in seconds) <= 810
        assert 20 <= sum(value is not None for value in minutes) <= 25
        await again.past.close(again.now)

    asyncio.run(story())


def test_looking_stores_now_and_then(tmp_path: Path) -> None:
    async def story() -> None:
        past = Recorded(path=str(tmp_path / "x.history"))
        for _ in range(3):
            past.tick(legs(1), after=10.0)
            past.past.look(past.now)
            while list(past.history.shelf.unstored()):
                await asyncio.sleep(0.001)
                past.now += 1.0
                past.past.look(past.now)
        assert past.past.size > 0
        await past.past.close(past.now)

    asyncio.run(story())


def test_a_history_in_memory_keeps_what_it_is_told_to() -> None:
    past = Recorded()
    past.past.use(HistoryKept(seconds=600.0, minutes=1200.0))
    for _ in range(2500):
        past.tick(legs(1), after=1.0)
        past.past.look(past.now)
    assert 600 <= len(past.steps(START, int(past.now), tier_for(1))) <= 731
    assert past.past.size == 0 and file_of(":memory:") == "" and file_of("a.db") == "a.db.history"


def test_a_history_that_is_turned_off_counts_nothing() -> None:
    past = Recorded()
    past.past.use(None)
    past.tick(legs(5))
    past.past.look(past.now)
    assert past.past.history is None and past.past.memory == 0
    past.past.use(HistoryKept())
    assert past.past.history is not None
