"""Copies: bounded, shed first, each counted; a copy is the whole request, and its answer goes to nobody."""

from __future__ import annotations

import pytest

from proxy.contracts.table import Limits, Share, Timeouts
from proxy.dataplane.shadow import MAX_COPIED_BYTES, MAX_PROBES, MAX_SHADOW_ANSWER
from tests.support.fakes import Bench, asked
from tests.support.plane import route

ONE = (Share("v3", 100.0),)


def test_a_copy_is_the_whole_request_and_says_what_it_is() -> None:
    bench = Bench(route(shadows=ONE))
    exchange, client = bench.begin()
    for piece in (b"a", b"bc"):
        exchange.request_body(piece)
    assert bench.shadow_pools["v3"].streams == []  # not before the request is complete
    exchange.request_end()
    exchange.flush_request()
    stream = bench.shadow_pools["v3"].last
    assert stream.begun is not None
    _, authority, extra, length = stream.begun
    assert (authority, length, stream.body, stream.calls) == (b"", 3, b"abc", ["end"])
    assert extra.endswith(b"x-penumbra-shadow: v3\r\n")
    stream.answer(500, b"no")
    assert client.written == [] and exchange.copies == 1
    counted = bench.counted()
    assert counted["legs"] == {("v3", "shadow", "500"): 1} and counted["mirrored"] == {("r", "v3"): 1}


def test_the_primary_s_bytes_go_first() -> None:
    bench = Bench(route(shadows=ONE))
    order: list[str] = []
    for name, pool in (("primary", bench.pools["v1"]), ("copy", bench.shadow_pools["v3"])):
        give = pool.give

        def spying(user, fresh, now, name=name, give=give, pool=pool):  # type: ignore[no-untyped-def]
            give(user, fresh, now)
            flush = pool.last.flush
            pool.last.flush = lambda: (order.append(name), flush())

        pool.give = spying  # type: ignore[method-assign]
    bench.ask(b"hello")
    assert order[0] == "primary"


def test_a_copy_is_not_copied_again() -> None:
    bench = Bench(route(shadows=ONE))
    head = asked(5)
    head.shadowed = True
    bench.ask(b"hello", head)
    assert bench.shadow_pools["v3"].streams == [] and bench.counted()["mirrored"] == {}


def test_copies_in_flight_are_bounded_and_the_place_comes_back() -> None:
    bench = Bench(route(shadows=ONE, limits=Limits(mirror_inflight=2)))
    for _ in range(3):
        bench.ask()
    assert len(bench.shadow_pools["v3"].streams) == 2
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "inflight"): 1}
    bench.shadow_pools["v3"].streams[0].answer()
    bench.ask()
    assert len(bench.shadow_pools["v3"].streams) == 3


@pytest.mark.parametrize(("size", "dropped"), [(1000, 0), (1001, 1), (200_000, 1)])
def test_a_body_larger_than_mirror_body_is_not_copied(size: int, dropped: int) -> None:
    bench = Bench(route(shadows=ONE, limits=Limits(mirror_body=1000)))
    bench.ask(b"x" * size)
    assert sum(bench.counted()["shadow_dropped"].values()) == dropped
    assert len(bench.shadow_pools["v3"].streams) == 1 - dropped


def test_bytes_of_all_copies_are_bounded() -> None:
    bench = Bench(route(shadows=ONE))
    bench.shared.copied = MAX_COPIED_BYTES - 4
    bench.ask(b"hello")
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "memory"): 1}
    bench.ask(b"four")
    assert bench.shared.copied == MAX_COPIED_BYTES
    bench.shadow_pools["v3"].last.answer()
    assert bench.shared.copied == MAX_COPIED_BYTES - 4


def test_an_ejected_shadow_is_probed_by_few() -> None:
    bench = Bench(route(shadows=ONE))
    breaker = bench.route.shadows[0].breaker
    assert breaker is not None
    for second in range(20):
        breaker.failed(float(second))
    assert breaker.open
    for _ in range(10):
        bench.ask()
        bench.clock.pass_(1.0)
    assert len(bench.shadow_pools["v3"].streams) == MAX_PROBES
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "ejected"): 10 - MAX_PROBES}


def test_a_shadow_has_a_time_for_its_whole_answer() -> None:
    bench = Bench(route(shadows=ONE, timeouts=Timeouts(response=1.0)))
    bench.ask()
    stream = bench.shadow_pools["v3"].last
    stream.head(200, 100)
    for _ in range(9):
        bench.sweep(0.1)
        stream.piece(b"a")
    bench.sweep(0.2)
    assert bench.counted()["legs"][("v3", "shadow", "response_timeout")] == 1
    assert stream.calls[-1] == "reset" and bench.shared.copies == set()


def test_an_endless_answer_is_given_up() -> None:
    bench = Bench(route(shadows=ONE))
    bench.ask()
    stream = bench.shadow_pools["v3"].last
    stream.head(200, None)
    piece = b"x" * (1 << 20)
    for _ in range(MAX_SHADOW_ANSWER // len(piece)):
        stream.piece(piece)
    assert stream.user is not None
    stream.piece(b"x")
    assert bench.counted()["legs"][("v3", "shadow", "answer_too_large")] == 1 and stream.user is None


def test_a_shadow_that_reads_slowly_delays_nobody() -> None:
    bench = Bench(route(shadows=ONE))
    _, client = bench.ask()
    stream = bench.shadow_pools["v3"].last
    assert stream.user is not None
    stream.user.pause_request()
    stream.user.resume_request()
    assert client.held == set()
    bench.pools["v1"].last.answer()
    assert client.ends == ["done"]


def test_a_copy_outlives_its_exchange() -> None:
    bench = Bench(route(shadows=ONE))
    _, client = bench.ask()
    bench.pools["v1"].last.answer()
    assert client.ends == ["done"]
    bench.shadow_pools["v3"].last.answer()
    assert bench.legs() == {("v1", "primary", "200"): 1, ("v3", "shadow", "200"): 1}
    assert bench.inflight() == 0
    live, copied = sorted(bench.outbox.records, key=lambda record: record.role)
    assert live.exchange == copied.exchange and (live.request, copied.request) == (b"hello", None)


def test_noise_goes_to_the_primary_and_is_counted_apart() -> None:
    bench = Bench(route(noise=100.0))
    bench.ask()
    bench.pools["v1"].last.answer()
    bench.shadow_pools["v1"].last.answer()
    assert bench.legs() == {("v1", "primary", "200"): 1, ("v1", "noise", "200"): 1}
