"""A pool between fake connections: which one is used, who waits, what a connection of many streams changes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator

import pytest

from proxy.contracts.message import ResponseHead
from proxy.contracts.table import Version
from proxy.dataplane.descriptors import OWN, Budget, Descriptors
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.memory import ROOMY
from proxy.dataplane.pool import MAX_WAITING_LEGS, Pool
from proxy.dataplane.ports import Connection, ConnectionOwner, ServerStream, StreamUser
from tests.support.fakes import Bench, Clock, FakeConnection, FakeDialer
from tests.support.plane import PATIENCE, route

V1 = Version("v1", "host", 80, "host:80")


class User(StreamUser):
    """Writes down what a pool says."""

    def __init__(self, connect_timeout: float = 1.0) -> None:
        super().__init__(connect_timeout)
        self.streams: list[tuple[ServerStream, bool]] = []
        self.failures: list[str] = []
        self.told = asyncio.Event()

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        self.streams.append((stream, fresh))

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        self.failures.append(reason)
        self.told.set()

    def response_head(self, head: ResponseHead) -> None:
        """Not here."""


def on_a_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test on a loop of its own, where dialling takes a turn and no time."""

    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    return run


async def told(*users: User) -> None:
    """Returns once each of them has been told that it gets no connection."""
    async with asyncio.timeout(PATIENCE):
        for user in users:
            await user.told.wait()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def pooled(pool: Pool, count: int, limit: int = 1) -> list[FakeConnection]:
    """Connections that are there already."""
    made = [FakeConnection(pool, limit) for _ in range(count)]
    for connection in made:
        pool._open += 1
        pool.available(connection, 0.0)
    return made


def test_the_connection_that_became_available_last_is_used_first() -> None:
    pool = Pool(V1, 10, FakeDialer())
    first, second = pooled(pool, 2)
    user = User()
    pool.acquire(user, False, 0.0)
    assert (first.open, second.open) == (0, 1) and user.streams[0][1] is False
    pool.acquire(user, False, 0.0)
    assert (first.open, second.open) == (1, 1)
    first.ended()
    pool.acquire(user, False, 0.0)
    assert (first.open, second.open) == (1, 1)
    assert repr(pool) == "<Pool v1: 2 busy, 0 idle, 0 waiting>"


@on_a_loop
async def test_a_new_connection_goes_to_whom_it_was_made_for() -> None:
    dialer = FakeDialer()
    pool, users = Pool(V1, 2, dialer), [User(), User(), User()]
    for user in users:
        pool.acquire(user, False, 0.0)
    await turns()
    assert [len(user.streams) for user in users] == [1, 1, 0]
    assert users[0].streams[0][1] is True
    dialer.made[0].ended()
    assert users[2].streams[0][1] is False  # from a connection that came back


@on_a_loop
async def test_connections_beyond_some_have_small_buffers() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 10_000, dialer)
    pooled(pool, ROOMY - 1)
    for _ in range(3):
        pool.acquire(User(), True, 0.0)
    await turns()
    assert [connection.is_narrow for connection in dialer.made] == [True] * 3
    pool = Pool(V1, 10, dialer)
    pool.acquire(User(), True, 0.0)
    await turns()
    assert not dialer.made[-1].is_narrow


@on_a_loop
async def test_a_fresh_one_is_not_a_pooled_one() -> None:
    dialer = FakeDialer()
    pool, user = Pool(V1, 10, dialer), User()
    (idle,) = pooled(pool, 1)
    pool.acquire(user, True, 0.0)
    await turns()
    assert idle.open == 0 and len(dialer.made) == 1 and user.streams[0][1] is True


@on_a_loop
async def test_the_line_is_bounded_and_hears_that_there_is_no_connection() -> None:
    dialer = FakeDialer()
    dialer.error = OSError(111, "Connection refused")
    pool, waiting, over = Pool(V1, 1, dialer), [User() for _ in range(MAX_WAITING_LEGS + 1)], User()
    for user in (*waiting, over):
        pool.acquire(user, False, 0.0)
    assert over.failures == ["pool_full"]
    async with asyncio.timeout(30.0):
        while not waiting[-1].failures:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert all(user.failures == ["connect_failed"] for user in waiting)
    assert pool._open == 0 and not pool._dialing


@on_a_loop
async def test_a_connection_that_does_not_come_times_out() -> None:
    class Never(FakeDialer):
        async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
            await asyncio.sleep(3600)
            raise AssertionError

    user = User(connect_timeout=0.001)
    Pool(V1, 1, Never()).acquire(user, False, 0.0)
    await told(user)
    assert user.failures == ["connect_timeout"]


@on_a_loop
async def test_who_gives_up_is_not_in_the_line_any_more() -> None:
    dialer = FakeDialer()
    pool, first, second, third = Pool(V1, 1, dialer), User(), User(), User()
    for user in (first, second, third):
        pool.acquire(user, False, 0.0)
    pool.abandon(second)
    await turns()
    dialer.made[0].ended()
    assert (second.streams, len(third.streams)) == ([], 1)


@on_a_loop
async def test_a_lost_connection_makes_room_for_another() -> None:
    dialer = FakeDialer()
    pool, first, second = Pool(V1, 1, dialer), User(), User()
    pool.acquire(first, False, 0.0)
    pool.acquire(second, False, 0.0)
    await turns()
    pool.lost(dialer.made[0], 0.0)
    await turns()
    assert len(dialer.made) == 2 and len(second.streams) == 1


def test_what_was_idle_too_long_is_closed() -> None:
    pool = Pool(V1, 10, FakeDialer())
    old, young = pooled(pool, 2)
    old.expired = True
    pool.sweep(0.0)
    assert (old.closed, young.closed) == (True, False)
    user = User()
    pool.acquire(user, False, 0.0)
    assert young.open == 1


def test_a_closed_pool_closes_what_is_idle_and_what_comes_back() -> None:
    pool, user = Pool(V1, 10, FakeDialer()), User()
    idle, busy = pooled(pool, 2)
    pool.acquire(user, False, 0.0)
    pool.close()
    assert (idle.closed, busy.closed) == (True, False)
    busy.ended()
    assert busy.closed


# connections of many streams


@on_a_loop
async def test_users_share_a_connection_that_is_being_made() -> None:
    dialer = FakeDialer(streams=3)
    pool, users = Pool(V1, 2, dialer), [User() for _ in range(5)]
    for user in users:
        pool.acquire(user, False, 0.0)
    await turns()
    assert [connection.open for connection in dialer.made] == [3, 2]
    assert all(len(user.streams) == 1 and user.streams[0][1] for user in users)
    pool.acquire(users[0], False, 0.0)
    assert [connection.open for connection in dialer.made] == [3, 3]
    pool.acquire(users[1], False, 0.0)
    assert len(users[1].streams) == 1  # waits: both are full
    dialer.made[0].ended()
    assert len(users[1].streams) == 2 and dialer.made[0].open == 3


@on_a_loop
async def test_a_connection_that_carries_fewer_streams_than_was_hoped() -> None:
    dialer = FakeDialer(streams=2)
    pool, users = Pool(V1, 1, dialer), [User(), User()]
    for user in users:
        pool.acquire(user, False, 0.0)
    dialer._streams = 1  # as the server's settings say
    await turns()
    assert [len(user.streams) for user in users] == [1, 0]
    dialer.made[0].ended()
    assert [len(user.streams) for user in users] == [1, 1]


@on_a_loop
async def test_who_waits_for_a_connection_of_many_streams_takes_one_that_comes_free() -> None:
    for streams in (1, 2):
        dialer = FakeDialer(streams=streams)
        pool, users = Pool(V1, 10, dialer), [User() for _ in range(streams + 3)]
        for user in users[:streams]:
            pool.acquire(user, False, 0.0)
        await turns()
        for user in users[streams:]:
            pool.acquire(user, False, 0.0)
        dialer.made[0].ended()
        assert [len(user.streams) for user in users[streams:]] == ([1, 0, 0] if streams > 1 else [0, 0, 0])
        await turns()
        fresh = [fresh for user in users[streams:] for _, fresh in user.streams]
        assert fresh == ([False, True, False] if streams > 1 else [True, True, True])


def test_a_connection_that_opens_no_more_streams_is_passed_over() -> None:
    pool, user = Pool(V1, 10, FakeDialer()), User()
    good, leaving = pooled(pool, 2, limit=5)
    leaving.closed = True  # it was told to go away
    pool.acquire(user, False, 0.0)
    assert (good.open, leaving.open) == (1, 0)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_connection_stands_in_the_pool_once(limit: int) -> None:
    pool, user = Pool(V1, 10, FakeDialer()), User()
    (only,) = pooled(pool, 1, limit)
    for _ in range(4):
        for _ in range(limit):
            pool.acquire(user, False, 0.0)
        for _ in range(limit):
            only.ended()
    assert pool._available == [only]


@on_a_loop
async def test_exchanges_share_connections_of_many_streams() -> None:
    """What another protocol needs of exchange, leg and pool: nothing in them takes a connection for a leg."""
    bench, dialer = Bench(route()), FakeDialer(streams=10)
    bench.route.targets[0].pool = pool = Pool(V1, 2, dialer)
    clients = [bench.ask(b"%d" % n)[1] for n in range(25)]
    await turns()
    assert [connection.open for connection in dialer.made] == [10, 10]
    while open_ := [connection for connection in dialer.made if connection.streams]:
        for connection in open_:
            connection.streams.pop(0).answer(200, b"one")
            connection.ended()
    assert [client.ends for client in clients] == [["done"]] * 25
    assert len(dialer.made) == 2 and set(map(id, pool._available)) == set(map(id, dialer.made))
    assert bench.legs() == {("v1", "primary", "200"): 25} and bench.inflight() == 0


@on_a_loop
async def test_what_is_spent_for_one_purpose_is_there_for_another() -> None:
    budgets, dialer = Descriptors(OWN + 20), FakeDialer()
    pools = {name: Pool(V1, 100, dialer) for name in ("primary", "candidate", "shadow")}
    for name, pool in pools.items():
        pool.charge(getattr(budgets, name))
    users = {name: [User() for _ in range(10)] for name in pools}
    for name in ("shadow", "candidate", "primary"):
        for user in users[name]:
            pools[name].acquire(user, False, 0.0)
    await turns()
    assert {name: sum(len(user.streams) for user in users[name]) for name in users} == {
        "primary": 8,
        "candidate": 2,
        "shadow": 2,
    }
    assert not any(user.failures for name in users for user in users[name]), "the others wait in line"


@on_a_loop
async def test_an_idle_connection_of_another_pool_gives_way() -> None:
    budget, dialer = Budget(1), FakeDialer()
    first, second, user = Pool(V1, 10, dialer), Pool(V1, 10, dialer), User()
    for pool in (first, second):
        pool.charge(budget)
    first.acquire(User(), False, 0.0)
    await turns()
    second.acquire(user, False, 0.0)
    assert user.failures == ["no_resources"], "the only one is busy, and this pool has none to wait for"
    dialer.made[0].ended()
    second.acquire(user, False, 0.0)
    await turns()
    assert len(user.streams) == 1 and dialer.made[0].closed


@on_a_loop
async def test_connections_move_to_the_budget_of_their_new_purpose() -> None:
    before, after, pool = Budget(5), Budget(5), Pool(V1, 10, FakeDialer())
    pool.charge(before)
    for _ in range(3):
        pool.acquire(User(), True, 0.0)
    await turns()
    pool.charge(after)
    assert (before.used, after.used, before.evictors) == (0, 3, [])


@on_a_loop
async def test_a_host_without_descriptors_is_not_the_version_s_fault() -> None:
    dialer, user = FakeDialer(), User()
    dialer.error = OSError(errno.EMFILE, "Too many open files")
    Pool(V1, 10, dialer).acquire(user, False, 0.0)
    await turns()
    assert user.failures == ["no_resources"]


@on_a_loop
async def test_connections_made_together_do_not_grow_old_together() -> None:
    dialer, chances = FakeDialer(), iter([0.0, 0.5, 1.0])
    pool = Pool(V1, 10, dialer, lambda: 1000.0, lambda: next(chances))
    pool.age = 100.0
    for _ in range(3):
        pool.acquire(User(), True, 1000.0)
    await turns()
    assert [connection.retires for connection in dialer.made] == pytest.approx([1090.0, 1100.0, 1110.0])


@on_a_loop
async def test_whatever_goes_wrong_while_a_connection_is_made_gives_its_place_back() -> None:
    dialer = FakeDialer()
    dialer.error = UnicodeError("label empty or too long")
    budget = Budget(1)
    pool, users = Pool(V1, 1, dialer), [User(), User()]
    pool.charge(budget)
    for user in users:
        pool.acquire(user, False, 0.0)
    await turns()
    await turns()
    assert [user.failures for user in users] == [["internal"], ["internal"]]
    assert budget.used == 0 and repr(pool) == "<Pool v1: 0 busy, 0 idle, 0 waiting>"


def test_a_socket_to_spare_is_one_of_the_budget() -> None:
    pool, budget, other = Pool(V1, 10, FakeDialer()), Budget(1), Budget(10)
    pool.charge(budget)
    assert (pool.spare(), pool.spare(), budget.used) == (True, False, 1)
    pool.charge(other)
    assert (budget.used, other.used) == (0, 1)
    pool.spared()
    assert other.used == 0


def test_a_sweep_says_whether_the_version_is_in_use() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 10, dialer)
    pool.sweep(0.0)
    pooled(pool, 1)
    pool.sweep(0.5)
    assert dialer.watched == [False, True]


def placed(pool: Pool, dialer: FakeDialer, count: int) -> list[ServerEndpoint]:
    """Endpoints of the pool, known by now."""
    dialer.known = [ServerEndpoint((2, f"10.0.0.{i}", 80)) for i in range(count)]
    pool.sweep(0.0)
    return dialer.known


@on_a_loop
async def test_several_endpoints_share_requests_one_after_the_other_and_each_has_its_connection() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 100, dialer)
    known = placed(pool, dialer, 3)
    for _ in range(120):
        user = User()
        pool.acquire(user, False, 0.0)
        await turns()
        for connection in dialer.made:
            if connection.open:
                connection.ended()
    assert len(dialer.made) == 3 and {each.leads_to for each in dialer.made} == set(known)
    assert all(len(each.streams) > 20 for each in dialer.made)


@on_a_loop
async def test_requests_under_way_are_spread_over_endpoints() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 100, dialer)
    known = placed(pool, dialer, 4)
    for _ in range(40):
        pool.acquire(User(), False, 0.0)
    await turns()
    counts = [sum(each.leads_to is one for each in dialer.made) for one in known]
    assert sum(counts) == 40 and max(counts) - min(counts) <= 5, counts
    assert [pool._members.of(one).active for one in known] == counts


@on_a_loop
async def test_an_idle_connection_elsewhere_is_better_than_none() -> None:
    for spent in (False, True):
        dialer = FakeDialer()
        pool = Pool(V1, 1 if not spent else 10, dialer)
        budget = Budget(1)
        pool.charge(budget)
        placed(pool, dialer, 2)
        for _ in range(20):
            user = User()
            pool.acquire(user, False, 0.0)
            await turns()
            assert len(user.streams) == 1
            dialer.made[0].ended()
        assert len(dialer.made) == 1 and not dialer.made[0].closed


@on_a_loop
async def test_an_endpoint_that_fails_is_ejected_and_told_of() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 100, dialer)
    bad, good = placed(pool, dialer, 2)
    for _ in range(V1.balance.failures):
        pool.member_failed(pool._members.of(bad), 0.0)
    assert dialer.ejections == [(bad, "failures")] and pool.states(1.0) == {
        str(bad): "ejected",
        str(good): "serving",
    }
    for _ in range(10):
        pool.acquire(User(), False, 0.0)
    await turns()
    assert {each.leads_to for each in dialer.made} == {good}


@on_a_loop
async def test_a_connection_that_was_not_made_is_no_load() -> None:
    dialer = FakeDialer()
    pool = Pool(V1, 100, dialer)
    known = placed(pool, dialer, 2)
    dialer.error = OSError(111, "Connection refused")
    for _ in range(10):
        pool.acquire(User(), False, 0.0)
    await turns()
    assert [pool._members.of(one).active for one in known] == [0, 0]


class Faulty(FakeDialer):
    """Raises when it is asked who is known."""

    def endpoints(self, version: Version) -> list[ServerEndpoint]:
        raise RuntimeError("nobody foresaw this")


@on_a_loop
async def test_an_exception_about_endpoints_keeps_no_user_waiting() -> None:
    dialer, users = Faulty(), [User(), User()]
    pool = Pool(V1, 10, dialer)
    pool.acquire(users[0], True, 0.0)
    await turns()
    assert len(users[0].streams) == 1
    dialer.error = OSError(errno.ECONNREFUSED, "Connection refused")
    pool.acquire(users[1], True, 0.0)
    await turns()
    assert users[1].failures == ["connect_failed"] and pool._open == 1


@on_a_loop
async def test_a_connection_that_cannot_be_prepared_ends_and_its_user_is_told() -> None:
    chances: Iterator[float] = iter(())  # none is left
    dialer, user, budget = FakeDialer(), User(), Budget(1)
    pool = Pool(V1, 10, dialer, lambda: 0.0, lambda: next(chances))
    pool.charge(budget)
    pool.acquire(user, True, 0.0)
    await turns()
    assert user.failures == ["internal"]
    (connection,) = dialer.made
    assert connection.closed
    pool.lost(connection, 0.0)
    assert (pool._open, budget.used) == (0, 0)


class Silent(FakeDialer):
    """Nobody answers, until `heard`."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()
        self.dials = 0
        self.known = [ServerEndpoint((2, "10.0.0.1", 80))]

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        self.dials += 1
        await self.heard.wait()
        return await super().dial(version, owner, wanted)


class Rescued(User):
    """One whose request the primary answers as well; as a leg does, it says what it has waited for in vain."""

    def __init__(self, pool: Pool, timeout: float = 0.001) -> None:
        super().__init__(timeout)
        self.pool, self.since = pool, 0.0

    def replaceable(self) -> bool:
        return True

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        super().connect_failed(reason, detail, now)
        self.pool.silent(self.since, now)


@on_a_loop
async def test_nobody_who_can_do_without_waits_again_for_a_version_that_answers_nobody() -> None:
    clock, dialer = Clock(), Silent()
    pool, budget = Pool(V1, 10, dialer, clock), Budget(10)
    pool.charge(budget)
    first, patient = Rescued(pool), User(3600.0)
    pool.acquire(first, False, clock())
    clock.pass_(1.0)
    await told(first)
    assert first.failures == ["connect_timeout"]
    for _ in range(5):
        later = Rescued(pool, 3600.0)
        pool.acquire(later, False, clock())
        assert later.failures == ["connect_timeout"], "at once"
    await turns()
    assert dialer.dials == 2, "one connection is tried for nobody"
    pool.acquire(patient, False, clock())
    await turns()
    assert not patient.failures and dialer.dials == 3, "whoever cannot do without waits"
    dialer.heard.set()
    await turns()
    assert len(patient.streams) == 1
    back = Rescued(pool)
    pool.acquire(back, False, clock())
    assert len(back.streams) == 1 and not back.failures, "it is back"
    assert budget.used == pool._open == 2


@on_a_loop
async def test_an_open_connection_or_an_unknown_address_is_no_silence() -> None:
    for known, open_ in (([], 0), ([ServerEndpoint((2, "10.0.0.1", 80))], 1)):
        clock, dialer = Clock(), Silent()
        pool = Pool(V1, 10, dialer, clock)
        dialer.known = known
        pooled(pool, open_)
        for _ in range(open_):
            pool.acquire(User(), False, clock())
        gone = Rescued(pool)
        pool.acquire(gone, False, clock())
        clock.pass_(1.0)
        await told(gone)
        waits = Rescued(pool, 3600.0)
        pool.acquire(waits, False, clock())
        assert not waits.failures


@on_a_loop
async def test_who_stands_in_line_and_can_do_without_goes_with_the_first_silence() -> None:
    clock, dialer = Clock(), Silent()
    pool = Pool(V1, 1, dialer, clock)
    users = [Rescued(pool), Rescued(pool, 3600.0), Rescued(pool, 3600.0)]
    stays = User(3600.0)
    for user in (*users, stays):
        pool.acquire(user, False, clock())
    clock.pass_(1.0)
    await told(*users)
    assert [user.failures for user in users] == [["connect_timeout"]] * 3
    assert not stays.failures
    dialer.heard.set()
    await turns()
    assert len(stays.streams) == 1


@on_a_loop
async def test_a_sweep_goes_on_trying_and_nothing_is_left_over() -> None:
    clock, dialer = Clock(), Silent()
    pool, budget = Pool(V1, 3, dialer, clock), Budget(3)
    pool.charge(budget)
    first = Rescued(pool)
    pool.acquire(first, False, clock())
    clock.pass_(1.0)
    await told(first)
    pool.acquire(Rescued(pool, 3600.0), False, clock())
    for _ in range(8):
        clock.pass_(0.5)
        pool.sweep(clock())
        await turns()
    assert dialer.dials == 4 and budget.used == 3, "the limit and the budget hold"
    dialer.error = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    dialer.heard.set()
    await turns()
    assert budget.used == 0 and not pool._reach.lost, "a refusal is an answer"
