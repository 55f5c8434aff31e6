"""A leg between a fake client and a fake server: what waits, who holds back whom, deadlines, what is kept back."""

from __future__ import annotations

from itertools import product

import pytest

from proxy.contracts.histogram import value_of
from proxy.contracts.table import Limits, Rescue, Share, Timeouts
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.leg import MAX_HELD_ANSWER
from proxy.dataplane.sending import MAX_PENDING_REQUEST
from proxy.routing.breaker import FAILURES_TO_OPEN, MAX_HANGING_PROBES
from tests.support.fakes import Bench, FakeClient, FakePool, FakeStream, asked
from tests.support.plane import route

ALL = (Share("v2", 100.0),)


def test_a_request_waits_for_its_connection_and_then_goes_out_in_one_piece() -> None:
    bench = Bench(route())
    bench.pools["v1"].how = "wait"
    _, client = bench.ask(b"hello")
    bench.clock.pass_(0.5)
    bench.pools["v1"].serve(bench.clock.now)
    stream = bench.pools["v1"].last
    assert stream.begun is not None and stream.begun[1:] == (b"", bench_extra(stream.begun[2]), -1)
    assert (stream.body, stream.calls) == (b"hello", ["end"])
    stream.answer()
    (arm,) = bench.tally.take(0, "test", 1, True, {}).arms
    assert [round(value_of(index), 1) for index in arm.connect] == [0.5]
    assert client.ends == ["done"]


def bench_extra(extra: bytes) -> bytes:
    """The proxy's own request id, as it stands in `extra`."""
    assert extra.startswith(b"x-request-id: ") and len(extra) == 48
    return extra


def test_a_leg_whose_client_went_while_it_waited_gives_the_stream_back() -> None:
    bench = Bench(route())
    pool = bench.pools["v1"]
    pool.how = "wait"
    exchange, _ = bench.ask()
    (waiting,) = pool.waiting
    exchange.aborted()
    assert pool.waiting == []
    pool.give(waiting, True, bench.clock.now)  # the connection was under way
    assert pool.last.calls == ["give back"] and pool.last.begun is None


def test_whoever_is_slow_holds_back_whoever_is_fast() -> None:
    bench = Bench(route())
    exchange, client = bench.begin()
    stream = bench.pools["v1"].last
    assert stream.user is not None
    stream.user.pause_request()
    assert client.held == {"upstream"}
    stream.user.resume_request()
    assert client.held == set()
    client.is_congested = True
    stream.head(200, None)
    stream.piece(b"a")
    assert stream.calls == ["pause"]
    client.is_congested = False
    exchange.resume_answer()
    assert stream.calls == ["pause", "resume"]


def test_a_server_that_dies_while_it_holds_back_its_client_lets_it_go() -> None:
    bench = Bench(route(split=ALL))
    _, client = bench.ask(b"x" * 1000)
    canary = bench.pools["v2"].last
    assert canary.user is not None
    canary.user.pause_request()
    canary.fail("malformed")
    assert client.held == set()
    assert bench.pools["v1"].last.body == b"x" * 1000


# deadlines


@pytest.mark.parametrize(
    ("rescue", "code", "seconds"),
    [(Rescue(0.3), "late", 0.3), (Rescue(), "late", 2.0), (None, "response_timeout", 2.0)],
)
def test_no_answer_in_time(rescue: Rescue | None, code: str, seconds: float) -> None:
    bench = Bench(route(split=ALL, rescue=rescue, timeouts=Timeouts(response=2.0)))
    _, client = bench.ask()
    bench.sweep(seconds - 0.01)
    assert bench.legs() == {}
    bench.sweep(0.02)
    assert bench.legs() == {("v2", "canary", code): 1}
    assert client.ends == ([] if rescue else [code, "done"])


def test_an_answer_that_stops_in_the_middle_is_the_version_s_fault() -> None:
    bench = Bench(route(timeouts=Timeouts(idle=1.0)))
    _, client = bench.ask()
    stream = bench.pools["v1"].last
    stream.head(200, None)
    for _ in range(5):
        stream.piece(b"a")
        bench.sweep(0.9)
    assert client.ends == []
    bench.sweep(1.1)
    assert client.ends == ["cut off"]
    counted = bench.counted()
    assert counted["legs"] == {("v1", "primary", "idle_timeout"): 1} and counted["bad"] == {("v1", "primary"): 1}


def test_a_client_that_does_not_take_its_answer_is_let_go_and_the_version_is_not_charged() -> None:
    bench = Bench(route(timeouts=Timeouts(idle=1.0)))
    _, client = bench.ask()
    stream = bench.pools["v1"].last
    stream.head(200, None)
    stream.piece(b"a")
    client.is_congested = client.has_taken = True
    for _ in range(50):
        bench.sweep(0.11)  # it takes a little each time
    assert client.ends == []
    client.has_taken = False
    for _ in range(10):
        bench.sweep(0.11)
    assert client.ends == ["cut off"]
    counted = bench.counted()
    assert counted["legs"] == {("v1", "primary", "client_abort"): 1} and counted["bad"] == {}


def test_a_server_that_stops_reading_is_late_and_not_its_client_s_fault() -> None:
    bench = Bench(route(split=ALL, timeouts=Timeouts(response=0.3, idle=0.8)))
    exchange, client = bench.begin()
    exchange.request_body(b"x")
    exchange.flush_request()
    stream = bench.pools["v2"].last
    assert stream.user is not None
    stream.user.pause_request()
    bench.sweep(0.4)
    assert bench.legs() == {("v2", "canary", "late"): 1} and client.ends == []


def test_once_a_stalled_server_reads_again_the_client_has_its_time_again() -> None:
    bench = Bench(route(timeouts=Timeouts(response=0.3, idle=0.8)))
    exchange, client = bench.begin()
    exchange.request_body(b"x")
    exchange.flush_request()
    stream = bench.pools["v1"].last
    assert stream.user is not None
    stream.user.pause_request()
    stream.user.resume_request()
    bench.sweep(0.7)
    assert client.ends == []


# streams that have shown their end

END = b"data: {}\n\ndata: [DONE]\n\n"


def streaming(bench: Bench, data: bytes, pieces: int = 1) -> tuple[Exchange, FakeClient, FakeStream]:
    """A stream of events that took a second, of which `data` is the last."""
    exchange, client = bench.ask()
    stream = bench.pools["v1"].last
    stream.head(200, None, media=b"text/event-stream; charset=utf-8")
    bench.clock.pass_(1.0)
    for _ in range(pieces - 1):
        stream.piece(b"data: {}\n\n" * 1000)
    stream.piece(data)
    bench.clock.pass_(2.0)
    return exchange, client, stream


def ends(exchange: Exchange, client: FakeClient, stream: FakeStream, how: str) -> None:
    if how == "gone":
        exchange.aborted()
    elif how == "time":
        exchange.shared.sweep_deadlines(exchange.shared.clock() + 60.0)
    else:
        stream.fail(how)


WAYS = pytest.mark.parametrize("how", ["gone", "reset", "malformed", "time"])


@WAYS
@pytest.mark.parametrize("pieces", [1, 2, 100], ids=["kept whole", "in pieces", "longer than is kept"])
def test_a_stream_that_has_shown_its_end_is_complete_however_it_ends(how: str, pieces: int) -> None:
    bench = Bench(route())
    exchange, client, stream = streaming(bench, END, pieces)
    ends(exchange, client, stream, how)
    assert client.ends == ([] if how == "gone" else ["done"]) and client.whole == (how != "gone")
    (arm,) = bench.tally.take(0, "test", 1, True, {}).arms
    assert arm.codes == {"200": 1} and [round(value_of(index), 1) for index in arm.total] == [1.0]
    (record,) = bench.outbox.records
    assert (record.status, record.failure, record.total, record.request) == (200, "", 1.0, b"hello")
    assert record.response is not None and bool(record.parts) == (pieces == 100) and bench.inflight() == 0


@WAYS
def test_also_where_nothing_is_recorded(how: str) -> None:
    bench = Bench(route(protocol="opaque"))
    exchange, client, stream = streaming(bench, END)
    ends(exchange, client, stream, how)
    assert bench.legs() == {("v1", "primary", "200"): 1}


@WAYS
def test_one_that_has_not_is_cut_off(how: str) -> None:
    bench = Bench(route())
    exchange, client, stream = streaming(bench, b"data: {}\n\n")
    ends(exchange, client, stream, how)
    code = {"gone": "client_abort", "time": "idle_timeout"}.get(how, how)
    assert bench.legs() == {("v1", "primary", code): 1}
    assert client.ends == ([] if how == "gone" else ["cut off"])


def test_a_client_that_closes_at_an_error_has_had_its_answer() -> None:
    bench = Bench(route())
    exchange, client, stream = streaming(bench, b'data: {}\n\ndata: {"error": {"message": "no"}}\n\n')
    ends(exchange, client, stream, "gone")
    assert bench.legs() == {("v1", "primary", "200"): 1}
    (record,) = bench.outbox.records
    assert record.response is not None and b"error" in record.response


@pytest.mark.parametrize("how", ["reset", "malformed", "time"])
def test_a_server_that_breaks_off_behind_an_error_has_failed(how: str) -> None:
    bench = Bench(route())
    exchange, client, stream = streaming(bench, b'data: {"error": {"message": "no"}}\n\n')
    ends(exchange, client, stream, how)
    assert bench.legs() == {("v1", "primary", "idle_timeout" if how == "time" else how): 1}


def test_an_end_that_the_client_has_not_taken_is_none() -> None:
    bench = Bench(route())
    exchange, client, _ = streaming(bench, END)
    client.is_congested = True
    exchange.aborted()
    assert bench.legs() == {("v1", "primary", "client_abort"): 1}


def test_an_end_in_an_answer_that_is_no_stream_is_none() -> None:
    bench = Bench(route())
    exchange, _ = bench.ask()
    bench.pools["v1"].last.head(200, 1000, media=b"text/event-stream")
    bench.pools["v1"].last.piece(END)
    exchange.aborted()
    assert bench.legs() == {("v1", "primary", "client_abort"): 1}


# what is kept back


def test_a_small_answer_is_kept_back_until_it_is_whole_while_a_rescue_is_possible() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.3)))
    _, client = bench.ask()
    stream = bench.pools["v2"].last
    stream.head(200, 6)
    stream.piece(b"abc")
    assert client.written == []
    stream.piece(b"def")
    stream.end_answer()
    assert (client.body, client.ends) == (b"abcdef", ["done"])


def test_what_is_kept_back_has_to_be_whole_in_the_time_of_a_first_byte() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.3)))
    bench.ask()
    stream = bench.pools["v2"].last
    stream.head(200, 6)
    stream.piece(b"abc")
    bench.sweep(0.31)
    assert bench.legs() == {("v2", "canary", "late"): 1}


@pytest.mark.parametrize("length", [MAX_HELD_ANSWER + 1, None])
def test_a_large_or_streamed_answer_is_not_kept_back(length: int | None) -> None:
    bench = Bench(route(split=ALL))
    _, client = bench.ask()
    bench.pools["v2"].last.head(200, length)
    bench.pools["v2"].last.piece(b"abc")
    assert client.body == b"abc"
    bench.pools["v2"].last.fail()
    assert client.ends == ["cut off"] and bench.legs() == {("v2", "canary", "reset"): 1}


# what is on record


def test_a_record_says_when_and_what() -> None:
    bench = Bench(route())
    bench.ask(b"question", asked(8, b"content-type: a/b\r\n"))
    bench.pools["v1"].last.answer(200, b"one", at=bench.clock.pass_(0.25))
    (record,) = bench.outbox.records
    assert (record.status, record.failure, record.role, record.method) == (200, "", "primary", "POST")
    assert (record.started, record.first_byte, record.total) == (1100.0, 0.25, 0.25)
    assert (record.request, record.response, record.request_fields) == (b"question", b"one", b"content-type: a/b\r\n")
    assert record.response_fields == b"content-type: a/b\r\n" and record.copies == 0


def test_a_head_alone_is_no_piece_of_an_answer() -> None:
    bench = Bench(route())
    bench.ask()
    stream = bench.pools["v1"].last
    stream.head(200, None, at=bench.clock.now)
    assert stream.user is not None
    stream.user.response_flush()
    stream.user.read_at = bench.clock.pass_(0.25)
    stream.piece(b"token")
    stream.end_answer()
    (record,) = bench.outbox.records
    assert (record.chunks, record.ends) == ([0.25], [5])


def test_a_failed_leg_is_recorded_without_its_bodies_and_the_request_travels_once() -> None:
    bench = Bench(route(split=ALL))
    bench.ask(b"question")
    bench.pools["v2"].last.fail("malformed")
    bench.pools["v1"].last.answer()
    failed, rescued = bench.outbox.records
    assert (failed.failure, failed.status, failed.request, failed.response) == ("malformed", 0, None, None)
    assert (rescued.role, rescued.request) == ("rescue", b"question")
    assert failed.exchange == rescued.exchange and failed.method == "" and rescued.method == "POST"


def test_the_proxy_s_own_time_is_neither_the_client_s_nor_the_server_s() -> None:
    bench = Bench(route())
    exchange, _ = bench.begin()
    bench.clock.pass_(1.0)  # the client sends its body bit by bit
    exchange.read_at = bench.clock.now
    exchange.request_body(b"hello")
    exchange.request_end()
    bench.clock.pass_(0.002)
    exchange.flush_request()
    bench.clock.pass_(1.0)  # the server thinks
    stream = bench.pools["v1"].last
    stream.head(200, 3, at=bench.clock.now)
    assert stream.user is not None
    bench.clock.pass_(0.001)
    stream.user.response_body(b"one")
    stream.end_answer()
    (buckets,) = bench.tally.take(0, "test", 1, True, {}).overhead.values()
    (index,) = buckets
    assert abs(value_of(index) - 0.003) < 0.0001


def test_an_answer_before_the_request_has_ended_costs_the_connection() -> None:
    bench = Bench(route(limits=Limits(body=1 << 20)))
    exchange, client = bench.begin()
    exchange.request_body(b"half")
    exchange.flush_request()
    stream = bench.pools["v1"].last
    stream.answer(413, b"too much")
    assert client.status == 413 and client.ends == ["done"] and stream.calls == ["reset"]


@pytest.mark.parametrize("how", ["used", "fresh", "wait"])
def test_a_client_that_was_asked_to_pause_goes_on_once_another_leg_takes_its_request(how: str) -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.3)))
    bench.pools["v2"].how, bench.pools["v1"].how = "wait", how
    exchange, client = bench.begin()
    for _ in range(5):
        exchange.request_body(b"x" * 100_000)
        exchange.flush_request()
    assert client.held == {"connecting"}
    (canary,) = bench.pools["v2"].waiting
    canary.connect_failed("connect_refused", "a test", bench.clock.now)
    exchange.flush_request()
    bench.pools["v1"].serve(bench.clock.now)
    assert client.held == set()
    exchange.request_end()
    exchange.flush_request()
    bench.pools["v1"].last.answer()
    assert client.status == 200 and b"".join(bench.pools["v1"].last.sent) == b"x" * 500_000


def reasons(exchange: Exchange) -> set[str]:
    """What the client of an exchange that is under way has to wait for."""
    leg = exchange.leg
    waits = {
        "connecting": leg is not None and leg.stream is None and leg.pending_size > MAX_PENDING_REQUEST,
        "upstream": leg is not None and leg.stalled,
    }
    return {reason for reason, holds in waits.items() if holds}


def happens(bench: Bench, exchange: Exchange, what: str) -> None:
    if what == "body":
        exchange.request_body(b"x" * (MAX_PENDING_REQUEST // 2 + 1))
        exchange.flush_request()
    for pool in bench.pools.values():
        at_server(pool, what, bench.clock.now)


def at_server(pool: FakePool, what: str, now: float) -> None:
    if what in ("wait", "used"):
        pool.how = what
    elif what == "serve":
        pool.serve(now)
    elif what == "refuse":
        refused, pool.waiting = pool.waiting, []
        for user in refused:
            user.connect_failed("connect_failed", "a test", now)
    for stream in pool.streams:
        if stream.user is None:
            continue
        if what == "stall":
            stream.user.pause_request()
        elif what == "go":
            stream.user.resume_request()
        elif what == "reset":
            stream.fail("reset")


WHAT = ("body", "wait", "used", "serve", "refuse", "stall", "go", "reset")


@pytest.mark.parametrize("first", WHAT)
@pytest.mark.parametrize("how", ["used", "wait"])
def test_a_client_is_held_back_for_as_long_as_there_is_a_reason(how: str, first: str) -> None:
    limits = Limits(mirror_body=8 * MAX_PENDING_REQUEST)
    for rest in product(WHAT, repeat=3):
        bench = Bench(route(split=ALL, rescue=Rescue(), limits=limits))
        for pool in bench.pools.values():
            pool.how = how
        exchange, client = bench.begin()
        for what in ("body", first, *rest):
            happens(bench, exchange, what)
            assert exchange.over() or client.held == reasons(exchange), (first, rest)


@pytest.mark.parametrize("stall", [0.0, 1.0], ids=["the version was silent", "the worker stood still"])
def test_a_canary_that_accepts_nobody_in_its_time_is_told_of_unless_that_was_this_worker_s(stall: float) -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(2.0)))
    bench.pools["v2"].how = "wait"
    bench.shared.look(bench.clock.now)
    begun = bench.clock.now
    _, client = bench.ask()
    (leg,) = bench.pools["v2"].waiting
    now = bench.clock.pass_(1.0)
    if not stall:
        bench.shared.watch.looked = now
    leg.connect_failed("connect_timeout", "a test", now)
    assert bench.pools["v2"].silences == ([] if stall else [begun])
    bench.pools["v1"].last.answer()
    assert client.status == 200
    assert bench.counted()["bad"] == ({} if stall else {("v2", "canary"): 1})


def test_a_primary_that_accepts_nobody_is_waited_for_each_time() -> None:
    bench = Bench(route(rescue=Rescue(2.0)))
    bench.pools["v1"].how = "wait"
    bench.shared.look(bench.clock.now)
    _, client = bench.ask()
    (leg,) = bench.pools["v1"].waiting
    assert not leg.replaceable()
    bench.shared.watch.looked = now = bench.clock.pass_(1.0)
    leg.connect_failed("connect_timeout", "a test", now)
    assert bench.pools["v1"].silences == [] and client.ends == ["connect_timeout", "done"]


@pytest.mark.parametrize("how", ["wait", "used"])
def test_a_canary_that_is_late_has_not_been_reached_where_it_has_no_connection(how: str) -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(0.2)))
    bench.pools["v2"].how = how
    begun = bench.clock.now
    bench.ask()
    bench.sweep(0.3)
    assert bench.pools["v2"].silences == ([begun] if how == "wait" else [])
    assert bench.counted()["rescued"] == {("r", "v2", "late"): 1}


def test_an_ejected_canary_that_hangs_holds_few_clients_at_a_time() -> None:
    bench = Bench(route(split=ALL, rescue=Rescue(2.0)))
    breaker, health = bench.route.targets[1].breaker, bench.route.health
    assert breaker is not None
    for at in range(2 * FAILURES_TO_OPEN):
        breaker.failed(bench.clock.now - 4.0 + at / 10, health)
    for _ in range(15):
        bench.clock.pass_(0.1)
        bench.ask()
    asked = len(bench.pools["v2"].streams)
    assert asked == breaker.under_way == MAX_HANGING_PROBES
    bench.sweep(2.0)
    assert breaker.under_way == 0
    bench.clock.pass_(0.1)
    bench.ask()
    assert len(bench.pools["v2"].streams) == asked + 1, "they have ended, so the next one goes"
