"""Copies: bounded, shed first, each counted; a copy is the whole request, and its answer goes to nobody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.memory import MIB
from proxy.contracts.table import Limits, Share, Sticky, Timeouts
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.shadow import MAX_COPIED_BYTES, MAX_PROBES, MAX_SHADOW_ANSWER
from proxy.routing.breaker import PrimaryHealth
from tests.support.fakes import Bench, FakePool, FakeStream, asked
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
        breaker.failed(float(second), PrimaryHealth())
    assert breaker.open
    for _ in range(10):
        bench.ask()
        bench.clock.pass_(1.0)
    assert len(bench.shadow_pools["v3"].streams) == MAX_PROBES
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "ejected"): 10 - MAX_PROBES}


@pytest.mark.parametrize(
    ("times", "headed", "code"),
    [
        (Timeouts(response=1.0), False, "response_timeout"),
        (Timeouts(response=1.0, idle=0.5), True, "idle_timeout"),
        (Timeouts(response=1.0, idle=9.0, total=2.0), True, "total_timeout"),
    ],
)
def test_a_copy_has_the_times_of_a_live_leg(times: Timeouts, headed: bool, code: str) -> None:
    bench = Bench(route(shadows=ONE, timeouts=times))
    bench.ask()
    bench.pools["v1"].last.answer()
    bench.counted()
    stream = bench.shadow_pools["v3"].last
    bench.sweep(0.9)
    if headed:
        stream.head(200, None)
        for _ in range(3):
            bench.sweep(0.3)
            stream.piece(b"a")
    assert bench.legs() == {}
    bench.sweep({"response_timeout": 0.11, "idle_timeout": 0.51, "total_timeout": 0.21}[code])
    counted = bench.counted()
    assert counted["legs"] == {("v3", "shadow", code): 1} and counted["bad"] == {("v3", "shadow"): 1}
    assert stream.calls[-1] == "reset" and bench.shared.copies == set()


def test_a_copy_of_a_long_stream_is_not_cut_by_the_time_of_its_head() -> None:
    bench = Bench(route(shadows=ONE, timeouts=Timeouts(response=2.0, idle=5.0)))
    bench.ask()
    bench.pools["v1"].last.answer()
    bench.counted()
    stream = bench.shadow_pools["v3"].last
    stream.head(200, None)
    for _ in range(20):
        bench.sweep(1.0)
        stream.piece(b"a")
    stream.end_answer()
    assert bench.legs() == {("v3", "shadow", "200"): 1}


def outcomes(bench: Bench) -> dict[str, int]:
    """What was counted of the shadow."""
    arms = bench.tally.take(0, "test", 1, True, {}).arms
    (shadow,) = [arm for arm in arms if arm.role == "shadow"]
    assert not shadow.waited and not shadow.keys
    return shadow.codes | {str(name): count for name, count in shadow.outcomes().items()}


@pytest.mark.parametrize("headed", [False, True])
def test_a_client_that_leaves_takes_its_copies_with_it_and_nobody_is_charged(headed: bool) -> None:
    bench = Bench(route(shadows=ONE))
    exchange, _ = bench.ask()
    stream = bench.shadow_pools["v3"].last
    if headed:
        stream.head(200, None)
    exchange.aborted()
    assert stream.calls[-1] == "reset" and bench.inflight() == 0 and bench.shared.copied == 0
    assert outcomes(bench) == {"client_abort": 1, "limited": 1} and bench.outbox.records == []


def test_so_does_one_that_does_not_read_its_answer() -> None:
    bench = Bench(route(shadows=ONE, timeouts=Timeouts(idle=1.0)))
    _, client = bench.ask()
    bench.pools["v1"].last.head(200, None)
    bench.shadow_pools["v3"].last.head(200, None)
    client.is_congested = True
    bench.pools["v1"].last.piece(b"a")
    for _ in range(11):
        bench.sweep(0.1)
        if (stream := bench.shadow_pools["v3"].last).user:
            stream.piece(b"a")
    assert outcomes(bench) == {"client_abort": 1, "limited": 1}


def test_copies_finish_where_the_route_says_so() -> None:
    bench = Bench(route(shadows=ONE, copies="finish"))
    exchange, _ = bench.ask()
    exchange.aborted()
    bench.shadow_pools["v3"].last.answer()
    assert outcomes(bench) == {"200": 1, "good": 1}


def test_a_copy_that_has_finished_before_its_client_leaves_stays_as_it_is() -> None:
    bench = Bench(route(shadows=ONE))
    exchange, _ = bench.ask()
    bench.shadow_pools["v3"].last.answer()
    exchange.aborted()
    assert outcomes(bench) == {"200": 1, "good": 1}


def test_a_failure_of_the_primary_does_not_end_copies() -> None:
    bench = Bench(route(shadows=ONE))
    bench.ask()
    bench.pools["v1"].last.fail("malformed")
    bench.shadow_pools["v3"].last.answer()
    assert outcomes(bench) == {"200": 1, "good": 1}


def test_a_client_that_leaves_with_the_end_of_its_stream_leaves_the_copies() -> None:
    bench = Bench(route(shadows=ONE))
    exchange, _ = bench.ask()
    bench.pools["v1"].last.head(200, None, media=b"text/event-stream")
    bench.pools["v1"].last.piece(b"data: [DONE]\n\n")
    exchange.aborted()
    bench.shadow_pools["v3"].last.answer()
    assert bench.legs() == {("v1", "primary", "200"): 1, ("v3", "shadow", "200"): 1}


def test_a_copy_whose_stream_has_shown_its_end_is_an_answer() -> None:
    bench = Bench(route(shadows=ONE))
    bench.ask()
    stream = bench.shadow_pools["v3"].last
    stream.head(200, None, media=b"text/event-stream")
    stream.piece(b"data: [DONE]\n\n")
    stream.fail("reset")
    assert outcomes(bench) == {"200": 1, "good": 1}
    (record,) = bench.outbox.records
    assert (record.status, record.failure, record.response) == (200, "", b"data: [DONE]\n\n")


def test_what_the_end_of_the_worker_cuts_off_is_counted_and_charged_to_nobody() -> None:
    bench = Bench(route(shadows=ONE))
    bench.ask()
    bench.begin()
    bench.shared.give_up("draining")
    assert bench.inflight() == 0
    counted = bench.counted()
    assert counted["legs"] == {("v1", "primary", "draining"): 2, ("v3", "shadow", "draining"): 1}
    assert counted["bad"] == {}


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
    assert stream.user is None and outcomes(bench) == {"answer_too_large": 1, "limited": 1}
    (record,) = bench.outbox.records
    assert (record.failure, record.status, record.response) == ("answer_too_large", 0, None)


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


def test_a_leg_that_fails_at_once_costs_no_copy() -> None:
    """No connection for the leg of a request that is whole: copies have a pool of their own, and are due as ever."""
    bench = Bench(route(shadows=ONE, sticky=Sticky("json", "/user")))
    bench.pools["v1"].reason = "pool_full"
    exchange, client = bench.ask(b"{}")
    assert client.ends == ["pool_full", "done"] and exchange.over()
    bench.shadow_pools["v3"].last.answer()
    counted = bench.counted()
    assert counted["shadow_dropped"] == {} and bench.shadow_pools["v3"].last.body == b"{}"
    assert counted["legs"] == {("v1", "primary", "pool_full"): 1, ("v3", "shadow", "200"): 1}
    assert bench.inflight() == 0


def test_what_was_due_of_a_request_that_will_not_end_is_dropped() -> None:
    bench = Bench(route(shadows=ONE))
    bench.pools["v1"].reason = "pool_full"
    _, client = bench.begin()
    assert client.ends == ["pool_full", "done"]
    assert bench.counted()["shadow_dropped"] == {("r", "v3", "request_incomplete"): 1}
    assert bench.inflight() == 0


def test_noise_goes_to_the_primary_and_is_counted_apart() -> None:
    bench = Bench(route(noise=100.0))
    bench.ask()
    bench.pools["v1"].last.answer()
    bench.shadow_pools["v1"].last.answer()
    assert bench.legs() == {("v1", "primary", "200"): 1, ("v1", "noise", "200"): 1}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["body", "end", "flush", "gone", "head", "piece", "answer", "fail", "time"]),
        st.sampled_from(["200", "500", "piece", "reset", "malformed", "stop", "serve", "nothing"]),
    ),
    max_size=25,
)


@given(
    EVENTS,
    st.sampled_from(["used", "fresh", "wait"]),
    st.sampled_from(["", "connect_failed"]),
    st.sampled_from([0, 40_000]),
    st.sampled_from([64 * MIB, 400_000, 200_000]),
)
@settings(max_examples=200, deadline=None)
def test_the_primary_s_leg_owes_nothing_to_a_shadow(
    events: list[tuple[str, str]], how: str, refused: str, buffer: int, memory: int
) -> None:
    """Law 1: what the primary and the client get is the same with and without a shadow, whatever the shadow does."""
    seen = []
    for shadows in ((), ONE):
        bench = Bench(
            route(
                shadows=shadows,
                buffer=buffer,
                limits=Limits(mirror_body=60_000),
                timeouts=Timeouts(response=2.0, idle=2.0),
            ),
            memory,
        )
        bench.shadow_pools["v3"].how, bench.shadow_pools["v3"].reason = how, refused
        head = asked()
        head.request_id = b"1"
        exchange, client = bench.begin(head)
        for what, beside in events:
            primary(bench, exchange, what)
            shadow(bench.shadow_pools["v3"], beside, bench.clock.now)
        asked_of = [(each.begun and each.begun[1:], each.sent, each.calls) for each in bench.pools["v1"].streams]
        legs = {key: count for key, count in bench.legs().items() if key[1] != "shadow"}
        told = [(kind, value.status if kind == "head" else value) for kind, value in client.written]
        seen.append((asked_of, told, client.ends, client.held, exchange.state, legs))
    assert repr(seen[0]) == repr(seen[1])


def primary(bench: Bench, exchange: Exchange, what: str) -> None:
    stream = bench.pools["v1"].last if bench.pools["v1"].streams else FakeStream()
    if what == "time":
        bench.sweep(0.9)
    elif what == "gone":
        exchange.aborted()
    elif what == "flush":
        exchange.flush_request()
    elif what in ("body", "end") and not exchange.complete:
        (exchange.request_end if what == "end" else lambda: exchange.request_body(b"x" * 25_000))()
        exchange.flush_request()  # as after every read
    elif stream.user is None:
        return
    elif what == "fail":
        stream.fail("malformed")
    elif what == "piece" and stream.received:
        stream.piece(b"y" * 10)
    elif what in ("head", "answer") and not stream.received:
        (stream.head if what == "head" else stream.answer)()
        stream.user = stream.user if what == "head" else None


def shadow(pool: FakePool, what: str, now: float) -> None:
    if what == "serve":
        pool.serve(now)
    for stream in pool.streams:
        if stream.user is None or what in ("serve", "nothing"):
            continue
        if what in ("reset", "malformed"):
            stream.fail(what)
        elif what == "stop":
            stream.user.pause_request()
        elif what == "piece" and stream.received:
            stream.piece(b"z" * 100_000)
        elif what in ("200", "500") and not stream.received:
            stream.answer(int(what))
            stream.user = None


def test_the_pieces_of_a_copy_s_answer_have_their_times() -> None:
    bench = Bench(route(shadows=ONE))
    bench.ask()
    stream = bench.shadow_pools["v3"].last
    stream.head(200, None, at=bench.clock.now)
    assert stream.user is not None
    for piece in (b"a", b"bc"):
        stream.user.read_at = bench.clock.pass_(0.25)
        stream.piece(piece)
    stream.end_answer()
    (record,) = bench.outbox.records
    assert (record.version, record.chunks, record.ends) == ("v3", [0.25, 0.5], [1, 3])
