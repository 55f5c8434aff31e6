"""Each time of a route acts within a tenth of its value: deadlines follow the last byte, in sweeps of 25 ms."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.contracts.table import Rescue, Share, Sticky, Timeouts
from proxy.dataplane.timings import Timings
from tests.support.fakes import Bench, asked
from tests.support.plane import route

SWEEP = Timings().leg_sweep
SECONDS = pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0, 60.0])
NEVER = 3600.0


def waited(bench: Bench, each: Callable[[], object] = lambda: None) -> float:
    """Seconds until something was counted."""
    since, step = bench.clock.now, SWEEP
    while not bench.legs():
        assert bench.clock.now - since < 200.0
        bench.sweep(step)
        each()
    return bench.clock.now - since


def within_a_tenth(took: float, seconds: float) -> bool:
    return seconds - 1e-6 <= took <= seconds * 1.1


def bench(idle: float = NEVER, response: float = NEVER, total: float | None = None) -> Bench:
    return Bench(route(timeouts=Timeouts(idle=idle, response=response, total=total), rescue=None))


@SECONDS
@pytest.mark.parametrize("pieces", [0, 1, 7])
def test_idle_of_an_answer(seconds: float, pieces: int) -> None:
    it = bench(idle=seconds)
    it.ask()
    stream = it.pools["v1"].last
    stream.head(200, None)
    for _ in range(pieces):
        it.sweep(seconds * 0.7)
        stream.piece(b"a")
    assert within_a_tenth(waited(it), seconds)


@SECONDS
def test_idle_of_a_request(seconds: float) -> None:
    it = bench(idle=seconds)
    exchange, _ = it.begin()
    for _ in range(3):
        exchange.read_at = it.clock.pass_(seconds * 0.7)
        exchange.request_body(b"a")
        exchange.flush_request()
        it.sweep(0.0)
    assert within_a_tenth(waited(it), seconds)


@SECONDS
def test_idle_is_without_a_byte_in_either_direction(seconds: float) -> None:
    """A server that answers while it is asked: bytes of one side keep the other."""
    it = bench(idle=seconds)
    exchange, _ = it.begin()
    stream = it.pools["v1"].last
    stream.head(200, None)
    for _ in range(5):
        exchange.read_at = it.clock.pass_(seconds * 0.4)
        exchange.request_body(b"a")
        exchange.flush_request()
        it.sweep(seconds * 0.4)
    stream.piece(b"a")
    assert within_a_tenth(waited(it), seconds)


@SECONDS
def test_idle_of_a_client_that_does_not_read(seconds: float) -> None:
    it = bench(idle=seconds)
    _, client = it.ask()
    stream = it.pools["v1"].last
    stream.head(200, None)
    client.is_congested = True
    stream.piece(b"a")
    for _ in range(100):
        client.has_taken = True
        it.sweep(seconds / 10)
    client.has_taken = False
    assert within_a_tenth(waited(it), seconds)


@SECONDS
def test_a_client_that_reads_again_gives_the_server_its_time_anew(seconds: float) -> None:
    it = bench(idle=seconds)
    exchange, client = it.ask()
    stream = it.pools["v1"].last
    stream.head(200, None)
    client.is_congested = True
    stream.piece(b"a")
    it.sweep(seconds * 0.9)
    client.is_congested = False
    exchange.resume_answer()
    assert within_a_tenth(waited(it), seconds)


@SECONDS
@pytest.mark.parametrize("how", ["used", "wait"])
def test_response(seconds: float, how: str) -> None:
    it = bench(response=seconds)
    it.pools["v1"].how = how
    exchange, _ = it.begin()
    exchange.read_at = it.clock.pass_(5.0)
    exchange.request_body(b"a")
    exchange.request_end()
    exchange.flush_request()
    assert within_a_tenth(waited(it), seconds)


@SECONDS
def test_total(seconds: float) -> None:
    it = bench(total=seconds)
    it.ask()
    stream = it.pools["v1"].last
    stream.head(200, None)
    assert within_a_tenth(waited(it, lambda: stream.user and stream.piece(b"a")), seconds)


@SECONDS
def test_rescue(seconds: float) -> None:
    it = Bench(route(split=(Share("v2", 100.0),), rescue=Rescue(seconds)))
    it.ask()
    assert within_a_tenth(waited(it), seconds) if seconds < 30.0 else True


@SECONDS
@pytest.mark.parametrize("place", ["response", "idle", "total"])
def test_the_same_of_a_copy(seconds: float, place: str) -> None:
    times = Timeouts(**{"idle": NEVER, "response": NEVER, place: seconds})
    it = Bench(route(shadows=(Share("v3", 100.0),), timeouts=times))
    it.ask()
    it.pools["v1"].last.answer()
    it.counted()
    stream = it.shadow_pools["v3"].last
    if place == "response":
        assert within_a_tenth(waited(it), seconds)
        return
    stream.head(200, None)
    if place == "total":
        assert within_a_tenth(waited(it, lambda: stream.user and stream.piece(b"a")), seconds)
        return
    it.sweep(seconds * 0.7)
    stream.piece(b"a")
    assert within_a_tenth(waited(it), seconds)


@SECONDS
@pytest.mark.parametrize("begun", [False, True])
def test_a_body_that_decides_about_the_version(seconds: float, begun: bool) -> None:
    it = Bench(
        route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/a"), timeouts=Timeouts(idle=seconds), rescue=None)
    )
    exchange, client = it.begin(asked(100))
    if begun:
        exchange.read_at = it.clock.pass_(seconds * 0.7)
        exchange.request_body(b"a")
    since = it.clock.now
    while not client.ends:
        it.sweep(SWEEP)
    assert client.ends[0] == "body_timeout" and within_a_tenth(it.clock.now - since, seconds)
