"""What is kept of a body, and for how long: for whoever may yet need it, and no longer."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.table import Limits, Rescue, Share
from proxy.dataplane.attempt import STALE_SECONDS
from proxy.dataplane.live import REPLAY_BYTES
from proxy.dataplane.sending import MAX_PENDING_REQUEST
from tests.support.fakes import Bench, FakeClient
from tests.support.plane import route

ALL = (Share("v2", 100.0),)
MIDDLE = b"x" * (2 * REPLAY_BYTES)
SMALL = Limits(rescue_body=1, mirror_body=1)
LARGE = b"x" * (REPLAY_BYTES + 1)


def canary(**more: Any) -> Bench:
    return Bench(route(split=ALL, rescue=Rescue(), buffer=2 * MAX_PENDING_REQUEST, limits=SMALL, **more))


def test_a_stale_connection_costs_a_body_over_64_kib_nothing() -> None:
    bench = Bench(route())
    _, client = bench.ask(MIDDLE)
    bench.pools["v1"].last.fail("reset")
    assert bench.pools["v1"].last.body == MIDDLE
    bench.pools["v1"].last.answer()
    assert client.status == 200 and bench.counted()["retries"] == {("r", "v1", "stale"): 1}


@pytest.mark.parametrize("how", ["used", "fresh"])
def test_what_is_kept_for_a_retry_alone_is_let_go_when_it_cannot_come_any_more(how: str) -> None:
    bench = Bench(route())
    bench.pools["v1"].how = how
    exchange, _ = bench.ask(MIDDLE)
    assert exchange.pieces is not None and bench.memory.exchanges == len(MIDDLE)
    bench.sweep(STALE_SECONDS + 0.01 if how == "used" else 0.01)
    assert exchange.pieces is None and bench.memory.exchanges == 0


def test_and_what_may_yet_be_sent_again_is_not() -> None:
    bench = Bench(route(retry="always"))
    exchange, _ = bench.ask(MIDDLE)
    bench.sweep(1.0)
    assert exchange.pieces is not None
    bench.pools["v1"].last.fail("reset")
    assert bench.pools["v1"].last.body == MIDDLE
    bench.sweep(1.0)
    assert exchange.pieces is None


def test_a_body_that_is_too_large_to_be_kept_goes_by_a_new_connection() -> None:
    bench = Bench(route(limits=SMALL))
    bench.ask(LARGE[:-1])
    _, client = bench.ask(LARGE)
    assert bench.pools["v1"].asked == [False, True]
    bench.pools["v1"].last.fail("reset")
    assert client.ends == ["reset", "done"]
    assert bench.counted()["not_retried"] == {("r", "v1", "processed"): 1}


def test_where_none_can_be_made_the_reason_is_told() -> None:
    bench = Bench(route(limits=SMALL))
    pool = bench.pools["v1"]
    pool.how = "wait"
    bench.ask(LARGE)
    (user,), pool.waiting = pool.waiting, []
    pool.give(user, False, bench.clock.now)
    pool.last.fail("reset")
    assert bench.counted()["not_retried"] == {("r", "v1", "too_large"): 1}


@pytest.mark.parametrize("reason", ["connect_failed", "connect_timeout"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_until_there_is_a_connection_a_body_of_any_size_can_be_rescued(reason: str, pieces: int) -> None:
    bench = canary()
    bench.pools["v2"].how = "wait"
    piece = b"x" * MAX_PENDING_REQUEST
    exchange, client = bench.begin()
    for _ in range(pieces):
        exchange.request_body(piece)
        exchange.flush_request()
    if pieces == 1:
        exchange.request_end()
        exchange.flush_request()
    for user in bench.pools["v2"].waiting:
        user.connect_failed(reason, "a test", bench.clock.now)
    if pieces > 1:
        assert client.held == set()
        exchange.request_end()
        exchange.flush_request()
    assert bench.pools["v1"].last.body == piece * pieces
    bench.pools["v1"].last.answer()
    assert client.status == 200
    counted = bench.counted()
    assert counted["rescued"] == {("r", "v2", reason): 1} and counted["not_rescued"] == {}
    assert bench.memory.exchanges == 0


def test_what_is_beyond_the_bound_is_let_go_once_it_is_sent() -> None:
    bench = canary()
    bench.pools["v2"].how = "wait"
    exchange, _ = bench.ask(LARGE)
    assert exchange.pieces is not None and bench.memory.exchanges == len(LARGE)
    bench.pools["v2"].serve(bench.clock.now)
    assert bench.pools["v2"].last.body == LARGE
    assert exchange.pieces is None and bench.memory.exchanges == 0


def failed(bench: Bench, body: bytes, how: str) -> FakeClient:
    _, client = bench.ask(body)
    stream = bench.pools["v2"].last
    if how == "503":
        stream.answer(503)
    elif how == "total":
        bench.sweep(3.0)
    elif how == "half":
        stream.head(200, None)
        stream.piece(b"half")
        stream.fail("reset")
    else:
        stream.fail("malformed")
    return client


@pytest.mark.parametrize(
    ("body", "how", "why"),
    [
        (LARGE, "malformed", "too_large"),
        (LARGE, "503", "too_large"),
        (LARGE, "half", "answer_began"),
        (b"small", "half", "answer_began"),
        (b"small", "malformed", ""),
        (b"small", "503", ""),
    ],
)
def test_a_rescue_that_cannot_be_is_counted_with_its_reason(body: bytes, how: str, why: str) -> None:
    bench = canary()
    failed(bench, body, how)
    counted = bench.counted()
    assert counted["not_rescued"] == ({("r", "v2", why): 1} if why else {})
    assert bool(counted["rescued"]) == (not why)


def test_also_where_the_worker_had_no_memory_for_the_body() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue()), 64_000)
    exchange, _ = bench.begin()
    exchange.request_body(b"x" * 30_000)
    exchange.request_end()
    exchange.flush_request()
    bench.pools["v2"].last.fail("malformed")
    assert bench.counted()["not_rescued"] == {("r", "v2", "no_memory"): 1}


@pytest.mark.parametrize("more", [{"rescue": None}, {"split": ()}])
def test_where_none_is_due_nothing_is(more: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"split": ALL, "limits": SMALL} | more
    bench = Bench(route(**asked))
    bench.ask(LARGE)
    next(pool for pool in bench.pools.values() if pool.streams).last.fail("malformed")
    assert bench.counted()["not_rescued"] == {}
