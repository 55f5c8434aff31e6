"""Calls of gRPC whose client has said until when it waits, through a worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.contracts.table import Rescue, Share, Timeouts
from proxy.dataplane.exchange import Exchange
from proxy.http2.codes import CANCEL
from proxy.http2.timeout import seconds_of
from tests.support.http2_client import Heard, Http2Client
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.http2_version import between
from tests.support.plane import Plane, plane, route, run

GRPC = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
FINE = says(b"fine", (b"grpc-status", b"0"))
TOO_LATE = says(b"", (b"grpc-status", b"4"))


def within(value: bytes) -> list[tuple[bytes, bytes]]:
    return [*GRPC, (b"grpc-timeout", value)]


def left(asked: Asked) -> float:
    """The seconds that a version was told."""
    value = asked.field("grpc-timeout")
    seconds = seconds_of(value.encode()) if value is not None else None
    assert seconds is not None
    return seconds


def status(heard: Heard) -> str | None:
    return heard.trailer("grpc-status") or heard.field("grpc-status")


async def hangs(asked: Asked) -> None:
    await asyncio.Event().wait()


async def begins(asked: Asked) -> None:
    """Answers with a head and a piece, and nothing more."""
    asked.head((b"content-type", b"application/grpc"))
    await asked.data(b"piece")


@contextlib.asynccontextmanager
async def two(first: Script, second: Script, *routes: Any) -> AsyncIterator[tuple[Plane, Http2Server, Http2Server]]:
    """A worker with the versions v1 and v2."""
    async with Http2Server(first) as v1, Http2Server(second) as v2, plane(*routes, v1=_none, v2=_none) as p:
        p.http2 |= {"v1", "v2"}
        p.ends |= {"v1": ("127.0.0.1", v1.port), "v2": ("127.0.0.1", v2.port)}
        await p.published(*routes)
        yield p, v1, v2


async def _none(*_: Any) -> None:
    raise AssertionError("nobody asks by HTTP/1.1")


def test_a_version_is_told_what_is_left() -> None:
    async def test() -> None:
        async with between(FINE) as (p, server), Http2Client(p.port) as client:
            stream = client.begin(fields=within(b"10S"))
            await asyncio.sleep(0.05)
            await client.send(stream, b"message", ended=True)
            assert status(await client.heard(stream)) == "0"
            assert 0.0 < left(server.seen[0]) < 10.0

    run(test)


def test_what_was_used_before_the_version_had_it_is_not_left() -> None:
    """The route waits for the whole request."""

    async def test() -> None:
        async with between(FINE, route(buffer=1024)) as (p, server), Http2Client(p.port) as client:
            stream = client.begin(fields=within(b"10S"))
            await asyncio.sleep(0.1)
            await client.send(stream, b"message", ended=True)
            await client.heard(stream)
            assert left(server.seen[0]) < 9.9 + 1e-3

    run(test)


def test_the_whole_time_of_the_route_is_told_where_it_is_less() -> None:
    async def test() -> None:
        async with between(FINE, route(timeouts=Timeouts(total=5.0))) as (p, server), Http2Client(p.port) as client:
            await client.ask(b"message", within(b"10S"))
            await client.ask(b"message", GRPC)
            assert left(server.seen[0]) < 5.0
            assert server.seen[1].field("grpc-timeout") is None  # nobody has asked for one

    run(test)


def test_a_call_without_an_answer_ends_at_its_deadline_and_is_nobodys_failure() -> None:
    async def test() -> None:
        async with between(hangs) as (p, server), Http2Client(p.port) as client:
            heard = await client.ask(b"message", within(b"100m"))
            assert (heard.status, status(heard), heard.trailers, heard.ended) == (200, "4", [], True)
            await p.until(lambda: server.seen and server.seen[0].reset == CANCEL)
            await p.settled()
            assert p.codes() == {("v1", "primary", "client_deadline"): 1}
            assert not p.bad()
            waited = [arm.waited for tick in p.ticks for arm in tick.arms if arm.waited]
            assert len(waited) == 1  # its latency is at least that

    run(test)


def test_an_answer_that_had_begun_ends_with_the_status_in_its_trailers() -> None:
    async def test() -> None:
        async with between(begins) as (p, server), Http2Client(p.port) as client:
            heard = await client.ask(b"message", within(b"200m"))
            assert (heard.body, status(heard), heard.ended, heard.reset) == (b"piece", "4", True, None)
            await p.until(lambda: server.seen and server.seen[0].reset == CANCEL)

    run(test)


def test_the_own_deadline_of_the_route_is_the_versions_matter() -> None:
    async def test() -> None:
        async with between(hangs, route(timeouts=Timeouts(response=0.1))) as (p, _), Http2Client(p.port) as client:
            assert status(await client.ask(b"message", within(b"10S"))) == "4"
            await p.settled()
            assert p.codes() == {("v1", "primary", "response_timeout"): 1}

    run(test)


@pytest.mark.parametrize(
    ("fields", "code", "failed"),
    [
        (within(b"29S"), "client_deadline", 0),  # less than the version may take for itself
        (within(b"31S"), "grpc:4", 1),
        (GRPC, "grpc:4", 1),
    ],
)
def test_a_versions_own_word_of_the_deadline_is_charged_where_it_had_its_time(
    fields: list[tuple[bytes, bytes]], code: str, failed: int
) -> None:
    async def test() -> None:
        async with between(TOO_LATE) as (p, _), Http2Client(p.port) as client:
            heard = await client.ask(b"message", fields)
            assert status(heard) == "4"  # as the version has said it
            await p.settled()
            assert p.codes() == {("v1", "primary", code): 1}
            assert sum(p.bad().values()) == failed
            assert [record.failure for record in p.records] == (["client_deadline"] if not failed else [""])

    run(test)


def test_a_client_that_leaves_at_its_deadline_has_met_it() -> None:
    async def test() -> None:
        async with between(hangs) as (p, _), Http2Client(p.port) as client:
            for left_then in (0.04, 9.0):
                stream = client.begin(fields=within(b"9S"))
                await client.send(stream, b"message", ended=True)
                await p.until(lambda: len(p.worker.shared.exchanges) == 1)
                (exchange,) = p.worker.shared.exchanges
                assert isinstance(exchange, Exchange)
                exchange.until = p.worker.shared.clock() + left_then
                client.h2.reset_stream(stream, CANCEL)
                client.flush()
                await p.until(lambda: not p.worker.shared.exchanges)
            await p.settled()
            assert p.codes() == {("v1", "primary", "client_deadline"): 1, ("v1", "primary", "client_abort"): 1}
            assert not p.bad()

    run(test)


@pytest.mark.parametrize("fields", [within(b"5x"), within(b"123456789S"), [*within(b"5S"), (b"grpc-timeout", b"6S")]])
def test_a_malformed_time_refuses_its_call_and_no_other(fields: list[tuple[bytes, bytes]]) -> None:
    async def test() -> None:
        async with between(FINE) as (p, server), Http2Client(p.port) as client:
            heard = await client.ask(b"message", fields)
            assert (heard.status, status(heard)) == (200, "13")
            assert "grpc-timeout" in (heard.field("grpc-message") or "")
            assert not server.seen
            assert status(await client.ask(b"message", GRPC)) == "0"

    run(test)


def test_a_call_without_any_time_is_not_sent() -> None:
    async def test() -> None:
        async with between(FINE) as (p, server), Http2Client(p.port) as client:
            assert status(await client.ask(b"message", within(b"0S"))) == "4"
            assert not server.seen
            await p.settled()
            assert p.rows("rejected") == {("r", "client_deadline"): 1}

    run(test)


def test_a_call_whose_request_does_not_come_ends_at_its_deadline() -> None:
    async def test() -> None:
        async with between(FINE, route(buffer=1024)) as (p, server), Http2Client(p.port) as client:
            stream = client.begin(fields=within(b"50m"))
            assert status(await client.heard(stream)) == "4"
            assert not server.seen

    run(test)


@pytest.mark.parametrize("media", [b"application/json", b"application/grpc-web+proto"])
def test_in_what_is_no_call_of_grpc_the_field_is_one_as_others(media: bytes) -> None:
    async def test() -> None:
        fields = [(b"content-type", media), (b"grpc-timeout", b"whatever")]
        async with between(says(b"fine")) as (p, server), Http2Client(p.port) as client:
            assert (await client.ask(b"x", fields)).status == 200
            assert server.seen[0].field("grpc-timeout") == "whatever"
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 1}

    run(test)


def test_a_rescue_is_told_what_the_canary_has_left() -> None:
    async def test() -> None:
        canary = route(split=(Share("v2", 100.0),), rescue=Rescue(after=0.1))
        async with two(FINE, hangs, canary) as (p, v1, v2), Http2Client(p.port) as client:
            assert (await client.ask(b"message", within(b"10S"))).version == "v1"
            assert left(v1.seen[0]) <= left(v2.seen[0]) - 0.1

    run(test)


def test_a_canary_that_meets_the_clients_deadline_is_not_rescued() -> None:
    async def test() -> None:
        canary = route(split=(Share("v2", 100.0),))
        async with two(FINE, hangs, canary) as (p, v1, _), Http2Client(p.port) as client:
            assert status(await client.ask(b"message", within(b"50m"))) == "4"
            assert not v1.seen
            await p.settled()
            assert p.codes() == {("v2", "canary", "client_deadline"): 1}

    run(test)


def test_a_copy_has_a_time_of_its_own() -> None:
    async def test() -> None:
        async def slow(asked: Asked) -> None:
            await asyncio.sleep(0.3)
            await FINE(asked)

        shadowed = route(shadows=(Share("v2", 100.0),), timeouts=Timeouts(response=20.0))
        async with two(hangs, slow, shadowed) as (p, v1, v2), Http2Client(p.port) as client:
            assert status(await client.ask(b"message", within(b"100m"))) == "4"
            await client.ask(b"message", [*GRPC, (b"x-n", b"2"), (b"grpc-timeout", b"100m")])
            await p.until(lambda: len(v2.seen) == 2)
            assert left(v1.seen[0]) < 0.1
            assert all(19.0 < left(asked) <= 20.0 for asked in v2.seen)
            await p.settled()
            assert p.codes()["v2", "shadow", "grpc:0"] == 2

    run(test)


def test_a_call_without_a_deadline_tells_a_copy_of_none() -> None:
    async def test() -> None:
        shadowed = route(shadows=(Share("v2", 100.0),))
        async with two(FINE, FINE, shadowed) as (p, _, v2), Http2Client(p.port) as client:
            await client.ask(b"message", GRPC)
            await p.until(lambda: v2.seen)
            assert v2.seen[0].field("grpc-timeout") is None

    run(test)
