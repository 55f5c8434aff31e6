"""Requests that are still coming hold at most half of the connections, and complete ones never wait for them."""

from __future__ import annotations

import sys

import pytest

from proxy.contracts.table import Timeouts
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.ports import Uploader
from proxy.dataplane.sending import MAX_PENDING_REQUEST
from proxy.dataplane.uploads import Uploads
from tests.support.fakes import Bench, FakeClient
from tests.support.plane import route


class Leg(Uploader):
    def __init__(self) -> None:
        self.admitted: list[float] = []

    def upload_admitted(self, now: float) -> None:
        self.admitted.append(now)


@pytest.mark.parametrize(("connections", "limit"), [(0, 1), (1, 1), (2, 1), (3, 1), (1024, 512)])
def test_half_of_the_connections_and_at_least_one(connections: int, limit: int) -> None:
    assert Uploads(connections).limit == limit


def test_who_waits_is_admitted_in_the_order_of_coming() -> None:
    uploads, legs = Uploads(4), [Leg() for _ in range(6)]
    assert [uploads.enter(leg) for leg in legs] == [True, True, False, False, False, False]
    uploads.leave_line(legs[2])
    uploads.leave_line(legs[2])
    uploads.ended(1.0)
    assert [leg.admitted for leg in legs] == [[], [], [], [1.0], [], []] and uploads.under_way == 2
    uploads.allow(8)
    uploads.ended(2.0)
    assert [leg.admitted for leg in legs[4:]] == [[2.0], [2.0]] and uploads.under_way == 3


class Failing(Leg):
    """One that fails as soon as it is admitted."""

    def __init__(self, uploads: Uploads) -> None:
        super().__init__()
        self.uploads = uploads

    def upload_admitted(self, now: float) -> None:
        super().upload_admitted(now)
        self.uploads.ended(now)


def test_a_long_line_of_legs_that_fail_at_once_ends_one_after_the_other() -> None:
    uploads = Uploads(2)
    legs = [Failing(uploads) for _ in range(2 * sys.getrecursionlimit())]
    assert [uploads.enter(leg) for leg in legs].count(True) == 1
    uploads.ended(1.0)
    assert not legs[0].admitted and all(leg.admitted == [1.0] for leg in legs[1:]) and uploads.under_way == 0
    assert uploads.enter(Leg())


def streaming(bench: Bench, data: bytes = b"x" * 10) -> tuple[Exchange, FakeClient]:
    exchange, client = bench.begin()
    exchange.request_body(data)
    exchange.flush_request()
    return exchange, client


def test_an_upload_beyond_the_half_waits_for_another_to_end() -> None:
    bench = Bench(route())
    bench.pools["v1"].uploads.allow(2)
    first, _ = streaming(bench)
    second, client = streaming(bench, b"y" * (MAX_PENDING_REQUEST + 1))
    streams = bench.pools["v1"].streams
    assert len(streams) == 1 and client.held == {"connecting"}
    bench.clock.pass_(5.0)
    first.request_end()
    first.flush_request()
    assert len(streams) == 2 and streams[1].body == b"y" * (MAX_PENDING_REQUEST + 1) and client.held == set()
    second.request_end()
    second.flush_request()
    streams[1].answer()
    assert client.ends == ["done"] and bench.pools["v1"].uploads.under_way == 0


@pytest.mark.parametrize("how", ["abort", "answer", "reset"])
def test_a_place_comes_back_however_the_upload_ends(how: str) -> None:
    bench = Bench(route())
    first, _ = streaming(bench)
    stream, uploads = bench.pools["v1"].last, bench.pools["v1"].uploads
    assert uploads.under_way == 1
    if how == "abort":
        first.aborted()
    elif how == "answer":
        stream.answer(413)
    else:
        stream.fail("malformed")
    assert uploads.under_way == 0 and bench.owed() == 0


def test_a_request_that_becomes_complete_in_the_line_waits_no_more() -> None:
    bench = Bench(route())
    bench.pools["v1"].uploads.allow(2)
    streaming(bench)
    second, client = streaming(bench)
    second.request_end()
    second.flush_request()
    stream = bench.pools["v1"].last
    assert (stream.body, stream.calls) == (b"x" * 10, ["end"])
    stream.answer()
    assert client.ends == ["done"] and bench.pools["v1"].uploads.under_way == 1


def test_who_leaves_the_line_is_charged_to_nobody() -> None:
    bench = Bench(route(timeouts=Timeouts(idle=2.0, response=1.0)))
    bench.pools["v1"].uploads.allow(2)
    first, _ = streaming(bench)
    gone, _ = streaming(bench)
    _, late = streaming(bench)
    gone.aborted()
    bench.clock.pass_(1.9)
    first.request_body(b"on")
    first.read_at = bench.clock.now
    bench.sweep(0.2)
    assert late.ends == ["pool_full", "done"]
    counted = bench.counted()
    assert counted["bad"] == {} and counted["legs"] == {
        ("v1", "primary", "upload_abort"): 1,
        ("v1", "primary", "pool_full"): 1,
    }


def test_the_time_that_a_client_takes_for_its_request_is_not_the_version_s() -> None:
    bench = Bench(route())
    exchange, _ = streaming(bench)
    exchange.read_at = bench.clock.pass_(30.0)
    exchange.request_end()
    exchange.flush_request()
    bench.pools["v1"].last.answer(at=bench.clock.pass_(0.5))
    (arm,) = bench.tally.take(0, "test", 1, True, {}).arms
    assert (arm.total_sum, arm.first_byte_sum) == (0.5, 0.5)


def test_the_time_that_a_server_does_not_read_is() -> None:
    bench = Bench(route())
    exchange, _ = streaming(bench)
    stream = bench.pools["v1"].last
    assert stream.user is not None
    stream.user.pause_request()
    bench.clock.pass_(30.0)
    stream.user.resume_request()
    exchange.read_at = bench.clock.now
    exchange.request_end()
    exchange.flush_request()
    stream.answer(at=bench.clock.pass_(0.5))
    (arm,) = bench.tally.take(0, "test", 1, True, {}).arms
    assert arm.total_sum == 30.5


def test_a_client_that_leaves_while_the_server_does_not_read_its_request_has_abandoned_it() -> None:
    bench = Bench(route())
    exchange, _ = streaming(bench)
    stream = bench.pools["v1"].last
    assert stream.user is not None
    stream.user.pause_request()
    exchange.aborted()
    assert bench.legs() == {("v1", "primary", "client_abort"): 1}
