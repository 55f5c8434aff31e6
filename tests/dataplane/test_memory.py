"""The worker's budget of memory: never negative, given back whatever happens, and shed in the order of its table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.memory import MIB, SHED
from proxy.contracts.table import Limits, Rescue, Share, Sticky, Timeouts
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.memory import CLIENT_BYTES, COPIES, COUNTED, JOINED, RECORDS, REQUESTS, RESCUES, Memory
from proxy.dataplane.ports import Unsent
from proxy.dataplane.recorder import MAX_RECORDED
from tests.support.fakes import Bench, FakeClient, FakePool, asked
from tests.support.plane import route

LIMIT = 1_600_000
EXCHANGES = LIMIT // 2
CANARY: dict[str, Any] = {"split": (Share("v2", 100.0),), "rescue": Rescue(0.5)}


class Socket(Unsent):
    def __init__(self, size: int) -> None:
        self.size = size

    def unsent(self) -> int:
        return self.size


@pytest.mark.parametrize("use", [COPIES, RECORDS, RESCUES, REQUESTS])
def test_what_comes_first_in_the_table_goes_first(use: int) -> None:
    memory = Memory(LIMIT)
    memory.insist(REQUESTS, EXCHANGES * (use + 4) // 8 - 10)
    assert memory.fits(use, 10) and memory.take_shed() == {}
    memory.insist(REQUESTS, 11)
    assert [memory.fits(each, 10) for each in range(4)] == [each > use for each in range(4)]
    assert memory.take_shed() == dict.fromkeys(SHED[: use + 1], 1) and memory.take_shed() == {}


def test_copies_and_records_have_a_part_of_their_own_and_take_nothing_from_exchanges() -> None:
    memory = Memory(LIMIT)
    for use in (COPIES, RECORDS):
        assert memory.take(use, LIMIT // 4) and not memory.take(use, 1)
    assert memory.take(REQUESTS, EXCHANGES * 7 // 8) and not memory.is_full()
    memory.insist(REQUESTS, 1)
    assert memory.is_full()


def test_what_waits_in_sockets_is_counted_at_each_look() -> None:
    memory, slow = Memory(LIMIT), Socket(500_000)
    memory.watch(slow)
    memory.watch(slow)
    assert memory.used() == 0
    memory.look(10, 7)
    assert memory.used() == 500_000 + 10 * CLIENT_BYTES + 7 and memory.fits(RESCUES, 0)
    slow.size = 760_000
    memory.look(0, LIMIT // 4)
    assert memory.is_full() and not memory.fits(RECORDS, 1)
    memory.forget(slow)
    memory.forget(slow)
    memory.look(0, 0)
    assert memory.used() == 0


@given(st.lists(st.tuples(st.sampled_from([COPIES, RECORDS, RESCUES, REQUESTS]), st.integers(0, LIMIT))))
def test_what_is_taken_is_within_the_limit_and_comes_back(takes: list[tuple[int, int]]) -> None:
    memory = Memory(LIMIT)
    taken = [(use, size) for use, size in takes if memory.take(use, size)]
    assert memory.used() == sum(size for _, size in taken) <= LIMIT
    assert sum(memory.shed) == len(takes) - len(taken)
    for use, size in taken:
        memory.give(use, size)
    assert (memory.copies, memory.records, memory.exchanges) == (0, 0, 0)


# exchanges that draw on it


def test_a_small_request_is_not_counted() -> None:
    bench = Bench(route(buffer=MIB))
    bench.ask(b"x" * COUNTED)
    assert bench.memory.used() == 0


def test_a_request_that_finds_no_memory_is_turned_away() -> None:
    bench = Bench(route(), LIMIT)
    bench.memory.insist(REQUESTS, EXCHANGES)
    _, client = bench.ask()
    assert client.ends == ["no_memory", "done"] and bench.memory.take_shed() == {"requests": 1}
    assert bench.counted()["rejected"] == {("r", "no_memory"): 1} and bench.inflight() == 0


@pytest.mark.parametrize("by_body", [False, True])
def test_an_upload_without_a_leg_that_finds_no_memory_is_turned_away(by_body: bool) -> None:
    sticky: dict[str, Any] = {"split": (Share("v2", 50.0),), "sticky": Sticky("json", "/user")} if by_body else {}
    bench = Bench(route(buffer=MIB, limits=Limits(mirror_body=MIB), **sticky), LIMIT)
    ends = [push(bench, 300_000)[1].ends for _ in range(3)]
    assert ends == [[], [], ["no_memory", "done"]]
    assert bench.memory.exchanges == 600_000 and not bench.counted()["legs"]


@pytest.mark.parametrize("reason", ["no_memory", "body_timeout"])
def test_a_request_that_ended_early_keeps_nothing_of_a_body_that_still_comes(reason: str) -> None:
    bench = Bench(route(buffer=MIB))
    exchange, client = bench.begin()
    exchange.request_body(b"x" * 8192)
    exchange.reject(reason, "")
    exchange.request_body(b"x" * 8192)
    assert client.ends == [reason, "done"] and exchange.pieces is None and bench.memory.exchanges == 0


def test_a_request_in_the_line_that_finds_no_memory_is_refused_at_its_turn() -> None:
    bench, client = Bench(route(), LIMIT), FakeClient()
    exchange = Exchange(client, bench.shared, asked(600_000), bench.clock.now)
    exchange.request_body(b"x" * 300_000)
    bench.memory.insist(REQUESTS, EXCHANGES)
    exchange.request_body(b"x" * 300_000)
    assert client.ends == [] and bench.memory.exchanges == EXCHANGES, "it is let go at once"
    exchange.request_end()
    exchange.start(bench.clock.now)
    assert client.ends == ["no_memory", "done"] and bench.inflight() == 0


def push(bench: Bench, size: int) -> tuple[Exchange, FakeClient]:
    """A client that has sent so much of its body, and no more."""
    exchange, client = bench.begin()
    for _ in range(0, size, 50_000):
        exchange.request_body(b"x" * 50_000)
        exchange.flush_request()
    return exchange, client


def test_a_body_that_cannot_be_kept_goes_on_without_a_rescue() -> None:
    bench = Bench(route(**CANARY), LIMIT)
    bench.memory.insist(REQUESTS, EXCHANGES * 6 // 8 - 60_000)
    exchange, client = push(bench, 100_000)
    stream = bench.pools["v2"].last
    assert stream.body == b"x" * 100_000 and exchange.pieces is None
    exchange.request_end()
    exchange.flush_request()
    stream.fail("reset")
    assert client.ends == ["reset", "done"] and bench.memory.take_shed()["rescues"] == 1
    assert bench.memory.exchanges == EXCHANGES * 6 // 8 - 60_000


def test_a_small_answer_that_cannot_be_held_back_is_streamed() -> None:
    bench = Bench(route(**CANARY), LIMIT)
    _, client = bench.ask()
    stream = bench.pools["v2"].last
    stream.head(200, 20_000)
    stream.piece(b"y" * 3000)
    assert client.written == []
    bench.memory.insist(REQUESTS, EXCHANGES * 6 // 8)
    stream.piece(b"y" * 3000)
    assert client.body == b"y" * 6000


def test_a_copy_that_finds_no_memory_is_not_sent_and_the_primary_goes_on() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)), LIMIT)
    for _ in range(3):
        bench.ask(b"x" * 150_000)
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "memory"): 1}
    assert [stream.body for stream in bench.pools["v1"].streams] == [b"x" * 150_000] * 3


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("size", [3, 30_000])
@given(order=st.permutations(["v2", "v3", "noise"]), encoding=st.sets(st.sampled_from(["v2", "v3"])))
def test_a_body_is_in_memory_once_and_counts_once_however_many_have_a_copy(
    size: int, pieces: int, order: list[str], encoding: set[str]
) -> None:
    """Beside it counts what waits for each: the same bytes in frames, or joined with a head."""
    bench = Bench(route(shadows=(Share("v2", 100.0), Share("v3", 100.0)), noise=100.0))
    for shadow in bench.route.shadows:
        shadow.encodes = shadow.version in encoding
    exchange, _ = bench.begin(asked(size * pieces))
    for _ in range(pieces):
        exchange.request_body(b"x" * size)
    exchange.request_end()
    exchange.flush_request()
    streams = {"v2": bench.shadow_pools["v2"], "v3": bench.shadow_pools["v3"], "noise": bench.shadow_pools["v1"]}
    sent = [[id(piece) for piece in streams[name].last.sent] for name in order]
    assert sent == sent[:1] * 3, "all hold the same bytes"
    whole = size * pieces
    own = {name: whole if name in encoding or whole <= JOINED else 0 for name in order}
    bench.pools["v1"].last.answer()
    for ended, name in enumerate(order):
        assert bench.memory.copies == whole + sum(own[each] for each in order[ended:])
        assert bench.shared.copied == whole
        streams[name].last.answer()
    assert bench.memory.copies == bench.shared.copied == 0


def test_answers_and_records_that_find_no_memory_are_not_kept() -> None:
    bench = Bench(route(), LIMIT)
    bench.ask()
    bench.memory.insist(RECORDS, LIMIT // 4 - 5000)
    bench.pools["v1"].last.answer(200, b"y" * 6000)
    (record,) = bench.outbox.records
    assert record.response is None and record.status == 200
    bench.memory.insist(RECORDS, 5001)
    bench.ask()
    bench.pools["v1"].last.answer()
    assert len(bench.outbox.records) == 1 and bench.outbox.dropped == {"memory": 1}


def test_a_body_that_nobody_needs_any_more_is_let_go_while_the_answer_streams() -> None:
    bench = Bench(route(shadows=(Share("v3", 100.0),)))
    exchange, _ = bench.ask(b"x" * (MAX_RECORDED + 1))
    bench.shadow_pools["v3"].last.answer()
    assert bench.memory.exchanges == MAX_RECORDED + 1
    stream = bench.pools["v1"].last
    stream.head(200, None)
    stream.piece(b"y")
    assert bench.memory.exchanges == 0 and exchange.pieces is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "body", "body", "body", "end", "gone", "time", "stall", "go", "serve"])
        | st.sampled_from(["head", "piece", "answer", "reset", "used", "wait"]),
        st.integers(0, 30),
    ),
    max_size=60,
)


@given(EVENTS, st.sampled_from([0, 60_000, MIB]), st.sampled_from([300_000, 1_000_000]), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_all_is_given_back_whatever_happens(
    events: list[tuple[str, int]], buffer: int, limit: int, connections: int
) -> None:
    shadows, times = (Share("v3", 100.0),), Timeouts(response=1.0, idle=2.0)
    bench = Bench(route(buffer=buffer, shadows=shadows, timeouts=times, limits=Limits(inflight=5), **CANARY), limit)
    pools = [*bench.pools.values(), *bench.shadow_pools.values()]
    for pool in pools:
        pool.uploads.allow(connections)
    clients: list[Exchange] = []
    for what, which in events:
        if what == "begin":
            clients.append(bench.begin(asked())[0])
        elif what in ("body", "end", "gone"):
            of_client(bench, clients, what, which)
        elif what == "time":
            bench.sweep(0.1 * which)
        else:
            of_server(bench, pools, what, which)
        bench.owed()
    for exchange in clients:
        exchange.aborted()
    for _ in range(3):
        bench.sweep(5.0)
    assert bench.owed() == 0 and bench.inflight() == 0
    assert not any(pool.uploads._line for pool in pools)


def of_client(bench: Bench, clients: list[Exchange], what: str, which: int) -> None:
    exchange = clients[which % len(clients)] if clients else None
    if exchange is None or exchange.complete:
        return
    exchange.read_at = bench.clock.now
    if what == "gone":
        exchange.aborted()
        return
    exchange.request_end() if what == "end" else exchange.request_body(b"x" * (which * 2000))
    exchange.flush_request()


def of_server(bench: Bench, pools: list[FakePool], what: str, which: int) -> None:
    pool = pools[which % len(pools)]
    if what in ("used", "wait"):
        pool.how = what
    elif what == "serve":
        pool.serve(bench.clock.now)
    for stream in pool.streams:
        user = stream.user
        if user is None:
            continue
        if what in ("stall", "go"):
            (user.pause_request if what == "stall" else user.resume_request)()
        elif what == "reset":
            stream.fail("reset")
        elif what == "piece" and stream.received:
            stream.piece(b"y" * 3000)
        elif what == "head" and not stream.received:
            stream.head(200, None)
        elif what == "answer" and not stream.received:
            stream.answer(200, b"y" * 9000)
            stream.user = None
