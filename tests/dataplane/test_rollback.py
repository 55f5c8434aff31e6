"""Streams that are open on a version when it is rolled back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.build import build
from proxy.contracts.table import Route, Share, Table, primaries_only
from proxy.dataplane.rollback import LATEST, SOONEST, Departures
from proxy.http2.codes import CANCEL
from tests.support.http2_client import Http2Client
from tests.support.http2_server import Asked
from tests.support.http2_version import between
from tests.support.plane import Plane, get, plane, post, route, run
from tests.support.scripted import answer, says

BY_FAKES = pytest.mark.skipif(build() == "compiled", reason="compiled code takes real exchanges and routes alone")

GRPC = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]


class FakeExchange:
    """An exchange with a leg to a version, or none."""

    def __init__(self, version: str | None, stream: bool = True) -> None:
        self.arm = SimpleNamespace(route="r", version=version) if version else None
        self.stream = stream
        self.ended: list[str] = []

    def asked(self) -> Any:
        return self.arm

    def is_stream(self) -> bool:
        return self.stream

    def give_up(self, reason: str) -> None:
        self.ended.append(reason)


def routes(*left: str) -> list[Any]:
    return [SimpleNamespace(name="r", left=frozenset(left))]


def swept(departures: Departures, exchanges: set[Any], at: float) -> None:
    departures.sweep(exchanges, at)
    exchanges -= {each for each in exchanges if each.ended}


@BY_FAKES
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50), st.integers(0, 50))
def test_every_stream_ends_once_within_its_time_and_none_sooner(chances: list[float], others: int) -> None:
    draws = iter(chances * 100)
    departures = Departures(lambda: next(draws))
    mine, rest = [FakeExchange("v2") for _ in chances], [FakeExchange("v1") for _ in range(others)]
    exchanges: set[Any] = {*mine, *rest}
    departures.follow(routes("v2"), exchanges, 100.0)
    swept(departures, exchanges, 100.0 + SOONEST - 0.01)
    assert not any(each.ended for each in mine)
    for step in range(1, 41):
        swept(departures, exchanges, 100.0 + SOONEST + step * (LATEST - SOONEST) / 40)
    assert all(each.ended == ["rolled_back"] for each in mine)
    assert not any(each.ended for each in rest)


@BY_FAKES
def test_a_call_that_waits_ends_once_it_is_a_stream() -> None:
    departures, exchange = Departures(lambda: 0.5), FakeExchange("v2", stream=False)
    exchanges: set[Any] = {exchange}
    departures.follow(routes("v2"), exchanges, 0.0)
    swept(departures, exchanges, 10.0)
    assert not exchange.ended
    exchange.stream = True
    swept(departures, exchanges, 20.0)
    assert exchange.ended == ["rolled_back"]


@BY_FAKES
def test_one_that_has_nobody_yet_may_find_who_was_rolled_back() -> None:
    departures, exchange = Departures(lambda: 0.0), FakeExchange(None)
    exchanges: set[Any] = {exchange}
    departures.follow(routes("v2"), exchanges, 0.0)
    swept(departures, exchanges, 2.0)
    exchange.arm = SimpleNamespace(route="r", version="v2")
    swept(departures, exchanges, 4.0)
    assert exchange.ended == ["rolled_back"]


@BY_FAKES
def test_a_later_table_gives_no_more_time_and_may_let_a_version_in_again() -> None:
    departures, exchange = Departures(lambda: 0.0), FakeExchange("v2")
    exchanges: set[Any] = {exchange}
    departures.follow(routes("v2"), exchanges, 0.0)
    departures.follow(routes("v2"), exchanges, 0.9)
    departures.sweep(exchanges, SOONEST)
    assert exchange.ended == ["rolled_back"]
    other = FakeExchange("v2")
    departures.follow(routes("v2"), {other}, 10.0)  # type: ignore[arg-type]
    departures.follow(routes(), {other}, 10.5)  # type: ignore[arg-type]
    departures.sweep({other}, 100.0)  # type: ignore[arg-type]
    assert not other.ended


@BY_FAKES
def test_what_has_ended_is_forgotten() -> None:
    departures, exchange = Departures(lambda: 0.0), FakeExchange("v2")
    departures.follow(routes("v2"), {exchange}, 0.0)  # type: ignore[arg-type]
    departures.sweep(set(), 100.0)
    assert not departures._due and not exchange.ended


# -- through a worker

CANARY: dict[str, Any] = {"split": (Share("v2", 100.0),)}


def rolled(on_rollback: str) -> Route:
    return route(on_rollback=on_rollback, rolled_back=("v2",))


async def soon(p: Plane) -> None:
    """Lets the time of departures have come."""
    departures = p.worker.shared.departures
    departures._due = dict.fromkeys(departures._due, 0.0)


async def talks(asked: Asked) -> None:
    asked.head((b"content-type", b"application/grpc"))
    await asked.data(b"first")
    await asked.ended.wait()
    if asked.reset is None:
        asked.end((b"grpc-status", b"0"))


@pytest.mark.parametrize("on_rollback", ["finish", "reset"])
def test_a_stream_of_grpc_finishes_or_hears_that_it_is_to_come_back(on_rollback: str) -> None:
    async def test() -> None:
        canary = route(on_rollback=on_rollback, **CANARY)
        async with between(talks, canary, name="v2") as (p, server), Http2Client(p.port) as client:
            stream = client.begin(fields=GRPC)
            await client.send(stream, b"more")
            await p.until(lambda: client.streams[stream].body == b"first")
            await p.published(rolled(on_rollback))
            await p.until(lambda: p.ticks[-1].streams == [("r", "v2", "canary", 1)])  # counted with both
            await soon(p)
            if on_rollback == "finish":
                await asyncio.sleep(0.05)
                client.h2.end_stream(stream)
                client.flush()
            heard = await client.heard(stream)
            assert heard.ended and not heard.reset  # what is left of the request is not needed: NO_ERROR
            assert heard.trailer("grpc-status") == ("0" if on_rollback == "finish" else "14")
            if on_rollback == "reset":
                await p.until(lambda: server.seen[0].reset == CANCEL)
            await p.settled()
            code = "grpc:0" if on_rollback == "finish" else "rolled_back"
            assert p.codes() == {("v2", "canary", code): 1}
            assert not p.bad() and p.ticks[-1].streams == []

    run(test)


def test_a_stream_without_an_answer_hears_it_by_trailers_alone() -> None:
    async def silent(asked: Asked) -> None:
        await asyncio.Event().wait()

    async def test() -> None:
        canary = route(on_rollback="reset", **CANARY)
        async with between(silent, canary, name="v2") as (p, server), Http2Client(p.port) as client:
            stream, call = client.begin(fields=GRPC), client.begin(fields=GRPC)
            await client.send(stream, b"\0\0\0\0\0")
            await client.send(call, b"\0\0\0\0\0", ended=True)
            await p.until(lambda: len(server.seen) == 2)
            await p.published(rolled("reset"))
            await soon(p)
            heard = await client.heard(stream)
            assert (heard.status, heard.field("grpc-status"), heard.ended) == (200, "14", True)
            assert not client.streams[call].over.is_set()  # waits for its answer

    run(test)


EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n"
FILE = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nhalf o"
TUNNEL = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "ask", "ends"),
    [
        (EVENTS, post(), True),
        (TUNNEL, get(fields="Connection: upgrade\r\nUpgrade: websocket\r\n"), True),
        (FILE, post(), False),  # will be whole soon
    ],
)
@pytest.mark.parametrize("by", ["table", "lease"])
def test_streams_of_http1_end_so_that_nobody_takes_them_for_whole(head: bytes, ask: bytes, ends: bool, by: str) -> None:
    async def test() -> None:
        canary = route(on_rollback="reset", **CANARY)
        fine = says(answer(b"one"))
        async with plane(canary, v1=fine, v2=says(head)) as p:
            client = await p.connect()
            client.send(ask)
            await client.reader.readuntil(b"\r\n\r\n")
            if by == "table":
                await p.published(rolled("reset"))
            else:
                assert p.worker._source is not None
                p.worker._follow(primaries_only(p.worker._source))
            await soon(p)
            reading = asyncio.create_task(client.reader.read(-1))
            if ends:
                rest = await asyncio.wait_for(reading, 10)
                assert b"0\r\n\r\n" not in rest
            else:
                await asyncio.sleep(0.1)
                assert not reading.done()
                reading.cancel()
            client.close()

    run(test)


def test_without_the_option_nothing_is_waited_for() -> None:
    async def test() -> None:
        async with plane(route(**CANARY), v1=says(answer(b"one")), v2=says(EVENTS)) as p:
            client = await p.connect()
            client.send(post())
            await client.reader.readuntil(b"\r\n\r\n")
            await p.published(rolled("finish"))
            assert not p.worker.shared.departures._due
            client.close()

    run(test)


def test_without_control_whoever_had_traffic_is_rolled_back() -> None:
    table = Table(1, {}, (route(split=(Share("v2", 5.0), Share("v3", 0.0)), rolled_back=("v4",)),))
    assert primaries_only(table).routes[0].rolled_back == ("v4", "v2")
