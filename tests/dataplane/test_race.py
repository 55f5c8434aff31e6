"""Happy Eyeballs between attempts that end when the test says so."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import pytest

from proxy.dataplane import race
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.ports import Connection, ConnectionOwner
from proxy.dataplane.race import Attempts, Race
from tests.support.fakes import FakeConnection

REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")


class Owner(ConnectionOwner):
    """Has so many descriptors to spare."""

    def __init__(self, spares: int = 10) -> None:
        self.spares = spares

    def spare(self) -> bool:
        if not self.spares:
            return False
        self.spares -= 1
        return True

    def spared(self) -> None:
        self.spares += 1


class Tries(Attempts):
    """Attempts by number of the endpoint: they end as `ends` says, the others hang."""

    def __init__(self, ends: dict[int, OSError | None]) -> None:
        self.ends = ends
        self.tried: list[int] = []
        self.dropped: list[int] = []

    async def attempt(self, endpoint: ServerEndpoint) -> Connection:
        self.tried.append(endpoint.port)
        if endpoint.port not in self.ends:
            await asyncio.Event().wait()
        error = self.ends[endpoint.port]
        if error is not None:
            raise error
        return FakeConnection(Owner())

    def drop(self, connection: Connection, endpoint: ServerEndpoint) -> None:
        self.dropped.append(endpoint.port)


class Course:
    """A race between endpoints 0 to `count` - 1; the stagger is a turn of the loop."""

    def __init__(self, count: int, ends: dict[int, OSError | None], spares: int = 10) -> None:
        self.endpoints = [ServerEndpoint((2, "10.0.0.1", port)) for port in range(count)]
        self.tries, self.owner = Tries(ends), Owner(spares)
        self.race = Race(self.tries, self.owner, self.endpoints, lambda: 100.0)

    def dead(self) -> list[int]:
        return [each.port for each in self.endpoints if each.dead_until > 100.0]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "STAGGER_SECONDS", 0.001)


def on_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test on a loop of its own."""

    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    return run


@on_a_loop
async def test_the_first_that_is_reached_wins_and_no_other_is_tried() -> None:
    course = Course(3, {0: None})
    await course.race.run()
    assert (course.race.winner.port, course.tries.tried, course.owner.spares) == (0, [0], 10)


@on_a_loop
async def test_a_dead_address_costs_nothing_and_is_remembered() -> None:
    course = Course(3, {0: REFUSED, 1: None})
    await course.race.run()
    assert (course.race.winner.port, course.tries.tried, course.dead()) == (1, [0, 1], [0])


@on_a_loop
async def test_a_silent_address_costs_a_moment_and_is_remembered() -> None:
    course = Course(3, {1: None})
    await course.race.run()
    assert (course.race.winner.port, course.dead(), course.owner.spares) == (1, [0], 10)


@on_a_loop
async def test_all_dead_is_the_last_error() -> None:
    course = Course(2, {0: OSError(errno.ENETUNREACH, "unreachable"), 1: REFUSED})
    with pytest.raises(OSError, match="refused"):
        await course.race.run()
    assert course.dead() == [0, 1] and course.owner.spares == 10


@on_a_loop
async def test_what_this_host_lacks_is_held_against_no_address() -> None:
    course = Course(2, {0: OSError(errno.EMFILE, "too many open files"), 1: None})
    await course.race.run()
    assert course.dead() == []


@on_a_loop
async def test_without_a_descriptor_to_spare_one_is_tried_after_the_other() -> None:
    course = Course(2, {1: None}, spares=0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await course.race.run()
    assert course.tries.tried == [0] and course.dead() == [0] and course.owner.spares == 0
    course = Course(2, {0: REFUSED, 1: None}, spares=0)
    await course.race.run()
    assert course.race.winner.port == 1


@on_a_loop
async def test_one_that_is_given_up_has_tried_all_and_blames_them() -> None:
    course = Course(3, {})
    running = asyncio.ensure_future(course.race.run())
    while len(course.tries.tried) < 3:  # noqa: ASYNC110 (what it looks at has no event)
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert course.dead() == [0, 1, 2] and course.owner.spares == 10


@on_a_loop
async def test_a_loser_that_was_reached_too_is_closed() -> None:
    course = Course(2, {0: None, 1: None})
    course.race._start_next()
    course.race._start_next()
    await asyncio.sleep(0)
    await course.race.run()
    await asyncio.sleep(0.001)
    assert (course.race.winner.port, course.tries.dropped, course.owner.spares) == (0, [1], 10)


@on_a_loop
async def test_a_single_address_is_no_race() -> None:
    course = Course(1, {0: REFUSED})
    with pytest.raises(OSError, match="refused"):
        await course.race.run()
    assert course.dead() == []


@on_a_loop
async def test_what_raises_where_one_has_won_leaves_no_connection_open() -> None:
    course = Course(2, {0: REFUSED, 1: None})

    def raises() -> float:
        raise RuntimeError("nobody foresaw this")

    owner, tries = course.owner, Tries({1: None})
    with pytest.raises(RuntimeError):
        await Race(tries, owner, course.endpoints, raises).run()
    await asyncio.sleep(0)
    assert tries.dropped == [1] and owner.spares == 10
