"""Requests to model servers that speak HTTP/2, and their answers: heads, bodies, trailers, and how a call ended."""

from __future__ import annotations

import asyncio

import pytest

from proxy.contracts.table import Share
from proxy.http2.codes import INTERNAL_ERROR
from tests.support.http2_client import Http2Client
from tests.support.http2_server import Asked, Script, says
from tests.support.http2_version import GRPC, asked_of, between, echo
from tests.support.plane import post, route, run

# -- a whole exchange


def test_a_call_of_grpc_passes_with_its_trailers() -> None:
    async def test() -> None:
        script = says(b"answer", (b"grpc-status", b"0"), (b"x-cost-bin", b"AAE="))
        async with between(script) as (p, server), Http2Client(p.port) as client:
            heard = await client.ask(b"message", [*GRPC, (b"x-key-bin", b"AAE=")])
            assert (heard.status, heard.body, heard.version, heard.ended) == (200, b"answer", "v1", True)
            assert (heard.trailer("grpc-status"), heard.trailer("x-cost-bin")) == ("0", "AAE=")
            asked = server.seen[0]
            assert asked.body == b"message"
            assert [asked.field(name) for name in ("te", "x-key-bin")] == ["trailers", "AAE="]
            assert asked.field(":authority") == f"127.0.0.1:{server.port}"
            assert asked.field(":path") == "/v2/models/m/infer"

    run(test)


def test_trailers_alone_are_an_answer() -> None:
    async def alone(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"), (b"grpc-status", b"5"), ended=True)

    async def test() -> None:
        async with between(alone) as (p, _), Http2Client(p.port) as client:
            heard = await client.ask(b"message", GRPC)
            assert (heard.status, heard.field("grpc-status"), heard.body, heard.ended) == (200, "5", b"", True)

    run(test)


def test_trailers_of_a_request_are_passed_on() -> None:
    async def test() -> None:
        async with between(echo) as (p, server), Http2Client(p.port) as client:
            stream = client.begin(fields=GRPC)
            await client.send(stream, b"x")
            client.h2.send_headers(stream, [(b"x-sum", b"1")], end_stream=True)
            client.flush()
            assert (await client.heard(stream)).body == b"x"
            assert server.seen[0].trailers == [(b"x-sum", b"1")]

    run(test)


def test_a_client_of_http1_is_served_by_a_version_of_http2() -> None:
    async def test() -> None:
        async with between(echo) as (p, server):
            for body in (b"", b"hello", b"x" * 300_000):
                reply = await p.ask(post(body))
                assert (reply.status, reply.body == body, reply.field("x-a"), reply.whole) == (200, True, "b", True)
            assert server.connections == 1
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 3}

    run(test)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_bodies_of_every_size_arrive_whole_both_ways(size: int) -> None:
    async def test() -> None:
        async with between(echo) as (p, _), Http2Client(p.port) as client:
            heard = await client.ask(b"x" * size)
            assert (heard.status, heard.body == b"x" * size, heard.ended) == (200, True, True)

    run(test)


def test_messages_of_a_stream_pass_as_they_come_both_ways() -> None:
    async def pong(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"))
        seen = 0
        while not asked.ended.is_set():
            if len(asked.body) > seen:
                await asked.data(asked.body[seen:])
                seen = len(asked.body)
            await asyncio.sleep(0.001)
        asked.end((b"grpc-status", b"0"))

    async def test() -> None:
        async with between(pong) as (p, _), Http2Client(p.port) as client:
            stream = client.begin(fields=GRPC)
            for at in range(20):
                await client.send(stream, b"%04d" % at)
                await p.until(lambda at=at: len(client.streams[stream].body) == 4 * (at + 1))  # type: ignore[misc]
            client.h2.end_stream(stream)
            client.flush()
            assert (await client.heard(stream)).trailer("grpc-status") == "0"

    run(test)


def test_a_slow_client_stops_its_own_stream_and_no_other() -> None:
    large = b"x" * 8_000_000

    async def script(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head()
        await asked.data(large if asked.body == b"large" else b"one", ended=True)

    async def test() -> None:
        async with (
            between(script) as (p, server),
            Http2Client(p.port, reads=False) as deaf,
            Http2Client(p.port) as client,
        ):
            stuck = deaf.begin()
            await deaf.send(stuck, b"large", ended=True)
            await p.until(lambda: len(deaf.streams[stuck].body) == 65_535)
            assert [(await client.ask(b"x")).body for _ in range(5)] == [b"one"] * 5
            assert server.connections == 1
            served = next(iter(server.open))
            await p.until(lambda: served.h2.local_flow_control_window(server.seen[0].stream) == 0)
            deaf.h2.increment_flow_control_window(16_000_000, stream_id=stuck)
            deaf.h2.increment_flow_control_window(16_000_000)
            deaf.flush()
            assert (await deaf.heard(stuck)).body == large

    run(test)


# -- what a call ends with


@pytest.mark.parametrize(
    ("script", "call", "detail"),
    [
        (says(b"answer", (b"grpc-status", b"0"), (b"grpc-message", b"fine")), 0, ""),
        (says(b"answer", (b"grpc-status", b"13"), (b"grpc-message", b"no%20GPU %e2%9c%98")), 13, "no GPU \u2718"),
        (says(b"answer", (b"grpc-status", b"5")), 5, ""),
        (says(b"answer"), 2, "no grpc-status"),
    ],
    ids=["ok", "internal", "silent", "no trailers"],
)
def test_a_record_says_how_its_call_ended(script: Script, call: int, detail: str) -> None:
    async def test() -> None:
        async with between(script) as (p, _):
            await asked_of(p)
            await p.until(lambda: p.records)
            assert [(each.call, each.code, each.detail) for each in p.records] == [(call, f"grpc:{call}", detail)]

    run(test)


def test_a_trailers_only_answer_says_it_in_its_head() -> None:
    async def refuses(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"grpc-status", b"7"), (b"grpc-message", b"not%20you"), ended=True)

    async def test() -> None:
        async with between(refuses) as (p, _):
            await asked_of(p)
            await p.until(lambda: p.records)
            assert [(each.call, each.detail) for each in p.records] == [(7, "not you")]

    run(test)


def test_a_call_that_is_cut_has_no_status_of_its_own() -> None:
    async def cuts(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"content-type", b"application/grpc"))
        await asked.data(b"half", ended=False)
        asked.refuse(INTERNAL_ERROR)

    async def test() -> None:
        async with between(cuts) as (p, _):
            await asked_of(p)
            await p.until(lambda: p.records)
            assert [(each.call, each.code) for each in p.records] == [(-1, "reset")]

    run(test)


@pytest.mark.parametrize(
    ("script", "code", "outcome"),
    [
        (says(b"answer", (b"grpc-status", b"0")), "grpc:0", "good"),
        (says(b"answer", (b"grpc-status", b"14")), "grpc:14", "failed"),
        (says(b"answer", (b"grpc-status", b"3")), "grpc:3", "refused"),
        (says(b"answer", (b"grpc-status", b"nonsense")), "grpc:2", "failed"),
        (says(b"answer", (b"grpc-status", b"0"), (b"grpc-status", b"13")), "grpc:2", "failed"),
        (says(b"answer", (b"grpc-status", b"13"), (b"grpc-status", b"0")), "grpc:2", "failed"),
        (says(b"answer", (b"x-other", b"1")), "grpc:2", "failed"),
        (says(b"answer"), "grpc:2", "failed"),
    ],
    ids=["ok", "unavailable", "invalid", "nonsense", "ok first", "ok last", "no status", "no trailers"],
)
def test_a_call_counts_by_its_own_status(script: Script, code: str, outcome: str) -> None:
    async def test() -> None:
        async with between(script) as (p, _):
            (heard,) = await asked_of(p)
            assert heard.status == 200
            await p.settled()
            assert p.codes() == {("v1", "primary", code): 1}
            outcomes = [arm.outcomes() for tick in p.ticks for arm in tick.arms if arm.codes]
            assert outcomes == [{outcome: 1}]

    run(test)


@pytest.mark.parametrize(("status", "code"), [(b"503", "grpc:14"), (b"404", "grpc:12"), (b"200", "grpc:2")])
def test_an_answer_that_is_none_of_grpc_counts_by_what_a_client_makes_of_it(status: bytes, code: str) -> None:
    async def html(asked: Asked) -> None:
        await asked.ended.wait()
        asked.head((b"content-type", b"text/html"), status=status)
        await asked.data(b"<html>", ended=True)

    async def test() -> None:
        async with between(html) as (p, _):
            await asked_of(p)
            await p.settled()
            assert p.codes() == {("v1", "primary", code): 1}

    run(test)


@pytest.mark.parametrize(("status", "rescued"), [(b"14", True), (b"4", False), (b"13", False)])
def test_a_canary_is_rescued_where_it_is_unavailable_and_not_where_it_fails(status: bytes, rescued: bool) -> None:
    async def fails(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"), (b"grpc-status", status), ended=True)

    async def test() -> None:
        routed = route(split=(Share("v2", 100.0),))
        async with between(fails, routed, name="v2") as (p, _):
            (heard,) = await asked_of(p)
            assert heard.version == ("v1" if rescued else "v2")
            await p.settled()
            assert p.codes()["v2", "canary", f"grpc:{status.decode()}"] == 1
            assert sum(p.rows("rescued").values()) == rescued

    run(test)


def test_a_copy_counts_by_its_status_too() -> None:
    async def test() -> None:
        routed = route(shadows=(Share("v3", 100.0),))
        async with between(says(b"x", (b"grpc-status", b"13")), routed, name="v3") as (p, _):
            await asked_of(p)
            await p.until(lambda: p.codes()["v3", "shadow", "grpc:13"] == 1)

    run(test)
