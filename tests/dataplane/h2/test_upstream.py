"""Model servers that speak HTTP/2, behind a worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.contracts.table import Limits, Share, Timeouts
from proxy.dataplane.h2.upstream import LIVELY_SECONDS, Http2Upstream
from proxy.http2.codes import CANCEL, INTERNAL_ERROR, REFUSED_STREAM
from tests.support.http2_client import Heard, Http2Client
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.plane import Plane, plane, post, route, run
from tests.support.scripted import answer
from tests.support.scripted import says as says_http1

GRPC = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
V1 = says_http1(answer(b"one"))


@contextlib.asynccontextmanager
async def between(
    script: Script, *routes: Any, streams: int | None = None, name: str = "v1"
) -> AsyncIterator[tuple[Plane, Http2Server]]:
    """A worker whose version `name` speaks HTTP/2; the others speak HTTP/1.1."""
    async with Http2Server(script, streams) as server, plane(*(routes or (route(),)), v1=V1, v2=V1, v3=V1) as p:
        p.http2.add(name)
        p.ends[name] = ("127.0.0.1", server.port)
        await p.published(*(routes or (route(),)))
        yield p, server


async def echo(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head((b"x-a", b"b"))
    await asked.data(asked.body, ended=True)


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


# -- many streams


def test_many_streams_share_a_connection_up_to_what_the_server_allows() -> None:
    async def slow(asked: Asked) -> None:
        await asked.ended.wait()
        await asyncio.sleep(0.02)
        await echo(asked)

    async def test() -> None:
        async with between(slow, streams=10) as (p, server):
            async with Http2Client(p.port) as client:
                await client.ask(b"first")  # from here on the worker knows what the server allows
                bodies = [b"%03d" % at for at in range(60)]
                heard = await asyncio.gather(*(client.ask(body) for body in bodies))
                assert [each.body for each in heard] == bodies
                assert server.most <= 10
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 61}

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


# -- failures


async def asked_of(p: Plane, count: int = 1) -> list[Heard]:
    async with Http2Client(p.port) as client:
        return [await client.ask(b"x", GRPC) for _ in range(count)]


def test_what_the_server_refused_is_sent_again_once() -> None:
    async def test() -> None:
        tried: list[Asked] = []

        async def refuses_first(asked: Asked) -> None:
            tried.append(asked)
            if len(tried) == 1:
                asked.refuse(REFUSED_STREAM)
            else:
                await says(b"x", (b"grpc-status", b"0"))(asked)

        async with between(refuses_first) as (p, _):
            (heard,) = await asked_of(p)
            assert (heard.status, heard.body, len(tried)) == (200, b"x", 2)
            await p.settled()
            assert p.codes() == {("v1", "primary", "grpc:0"): 1}

    run(test)


@pytest.mark.parametrize("where", ["v1", "v2", "v3"])
def test_what_is_refused_again_and_again_is_sent_twice_by_whoever_asks(where: str) -> None:
    """The primary, a canary (whom the primary rescues), a shadow."""
    routed = route(
        split=(Share("v2", 100.0),) if where == "v2" else (), shadows=(Share("v3", 100.0),) if where == "v3" else ()
    )

    async def refuses(asked: Asked) -> None:
        asked.refuse(REFUSED_STREAM)

    async def test() -> None:
        async with between(refuses, routed, name=where) as (p, server):
            (heard,) = await asked_of(p)
            assert (heard.status, heard.body) == ((200, b"") if where == "v1" else (200, b"one"))
            await p.settled()
            assert len(server.seen) == 2
            role = {"v1": "primary", "v2": "canary", "v3": "shadow"}[where]
            assert p.codes()[where, role, "reset"] == 1
            assert p.rows("retries") == {("r", where, "stale"): 1}

    run(test)


def test_a_refusal_after_an_answer_has_begun_is_none() -> None:
    async def begins(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"))
        asked.refuse(REFUSED_STREAM)

    async def test() -> None:
        routed = route(shadows=(Share("v3", 100.0),))
        async with between(begins, routed, name="v3") as (p, server):
            await asked_of(p)
            await p.settled()
            assert len(server.seen) == 1 and p.codes()["v3", "shadow", "reset"] == 1

    run(test)


def test_words_about_retries_pass_both_ways() -> None:
    async def test() -> None:
        script = says(b"", (b"grpc-status", b"14"), (b"grpc-retry-pushback-ms", b"-1"))
        async with between(script) as (p, server), Http2Client(p.port) as client:
            heard = await client.ask(b"x", [*GRPC, (b"grpc-previous-rpc-attempts", b"2")])
            assert (heard.trailer("grpc-status"), heard.trailer("grpc-retry-pushback-ms")) == ("14", "-1")
            assert [asked.field("grpc-previous-rpc-attempts") for asked in server.seen] == ["2"]

    run(test)


@pytest.mark.parametrize("code", [INTERNAL_ERROR, CANCEL])
def test_what_the_server_may_have_worked_on_is_not_sent_again(code: int) -> None:
    async def resets(asked: Asked) -> None:
        await asked.ended.wait()
        asked.refuse(code)

    async def test() -> None:
        async with between(resets) as (p, server):
            (heard,) = await asked_of(p)
            assert (heard.status, heard.field("grpc-status")) == (200, "14")
            assert len(server.seen) == 1
            await p.settled()
            assert p.codes() == {("v1", "primary", "reset"): 1}

    run(test)


def test_after_a_goaway_new_streams_go_elsewhere_and_old_ones_finish() -> None:
    async def script(asked: Asked) -> None:
        await asked.ended.wait()
        if asked.body == b"last":
            asked.connection.goaway(asked.stream)
            await asyncio.sleep(0.1)
        await echo(asked)

    async def test() -> None:
        async with between(script) as (p, server), Http2Client(p.port) as client:
            last = asyncio.create_task(client.ask(b"last"))
            await p.until(lambda: server.seen and server.seen[0].ended.is_set())
            await asyncio.sleep(0.02)
            assert (await client.ask(b"next")).body == b"next"
            assert (await last).body == b"last"
            assert server.connections == 2

    run(test)


def test_an_answer_that_is_cut_is_no_clean_end() -> None:
    """A client of gRPC hears why, in its own terms: the call has failed, whatever came of it."""

    async def cut(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"))
        await asked.data(b"half")
        asked.connection.writer.transport.abort()

    async def test() -> None:
        async with between(cut) as (p, _), Http2Client(p.port) as client:
            call, heard = await client.ask(b"x", GRPC), await client.ask(b"x")
            assert (call.ended, call.trailer("grpc-status"), call.body) == (True, "14", b"half")
            assert "the connection ended" in (call.trailer("grpc-message") or "")
            assert (heard.ended, heard.reset, heard.trailers) == (False, INTERNAL_ERROR, [])
            await p.settled()
            assert p.codes() == {("v1", "primary", "reset"): 2}

    run(test)


def test_a_canary_that_dies_is_rescued_by_a_primary_of_another_protocol() -> None:
    async def dies(asked: Asked) -> None:
        asked.connection.writer.transport.abort()

    async def test() -> None:
        routed = route(split=(Share("v2", 100.0),))
        async with between(dies, routed, name="v2") as (p, _), Http2Client(p.port) as client:
            heard = [await client.ask(b"x") for _ in range(3)]
            assert {(each.status, each.version, each.body) for each in heard} == {(200, "v1", b"one")}

    run(test)


def test_a_shadow_of_http2_gets_copies() -> None:
    async def test() -> None:
        routed = route(shadows=(Share("v3", 100.0),))
        async with between(echo, routed, name="v3") as (p, server):
            assert [(await p.ask(post(b"copy me"))).body for _ in range(3)] == [b"one"] * 3
            await p.until(lambda: len(server.seen) == 3)
            assert {asked.field("x-penumbra-shadow") for asked in server.seen} == {"v3"}
            await p.settled()
            assert p.codes()["v3", "shadow", "200"] == 3

    run(test)


def test_a_server_that_speaks_http1_is_a_failed_version() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            p.http2.add("v1")
            await p.published(route())
            assert (await p.ask(post())).status == 502

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


# -- law 1


async def garbage(asked: Asked) -> None:
    asked.connection.writer.write(b"\xff" * 1000)


async def silent(asked: Asked) -> None:
    await asyncio.sleep(30)


async def resets(asked: Asked) -> None:
    asked.refuse(INTERNAL_ERROR)


async def dies(asked: Asked) -> None:
    asked.connection.writer.transport.abort()


async def floods(asked: Asked) -> None:
    asked.head()
    await asked.data(bytes(4_000_000), ended=True)


SHADOWS: dict[str, Script] = {
    "healthy": echo,
    "silent": silent,
    "resets": resets,
    "dies": dies,
    "garbage": garbage,
    "floods": floods,
}
SENT = [b"", b"small", b"x" * 90_000, b"y" * 700_000]


async def told(shadow: Script | None, reads: bool = True) -> list[Any]:
    """What the primary and the client saw of the same requests, beside a shadow or alone."""
    async with (
        Http2Server(echo) as primary,
        Http2Server(shadow or echo) as other,
        plane(route(), drain=0.0, v1=V1) as p,
    ):
        other.reads = reads
        p.upstreams["v3"] = p.upstreams["v1"]
        p.http2 |= {"v1", "v3"}
        p.ends |= {"v1": ("127.0.0.1", primary.port), "v3": ("127.0.0.1", other.port)}
        shadows = (Share("v3", 100.0),) if shadow else ()
        await p.published(route(shadows=shadows, limits=Limits(mirror_body=100_000)))
        async with Http2Client(p.port) as client:
            heard = [await client.ask(body, [(b"x-request-id", b"1"), *GRPC]) for body in SENT for _ in range(2)]
            heard += await asyncio.gather(*(client.ask(b"%d" % at, [(b"x-request-id", b"1")]) for at in range(20)))
        seen = [([each for each in asked.fields if each[0] != b":authority"], asked.body) for asked in primary.seen]
        return [sorted(seen), [(each.fields, each.body, each.trailers, each.ended) for each in heard]]


@pytest.mark.parametrize("name", SHADOWS)
def test_the_primary_and_the_client_owe_nothing_to_a_shadow(name: str) -> None:
    async def test() -> None:
        alone = await told(None)
        assert len(alone[0]) == 2 * len(SENT) + 20 and all(ended for *_, ended in alone[1])
        assert await told(SHADOWS[name], reads=name != "silent") == alone

    run(test)


# -- servers that are gone, crowded, or new


async def hangs(asked: Asked) -> None:
    await asyncio.Event().wait()


def upstream_of(p: Plane) -> Http2Upstream:
    (found,) = {each for pool in p.worker._registry.pools for each in pool._many}
    assert isinstance(found, Http2Upstream)
    return found


@pytest.mark.parametrize("dead", [True, False])
def test_a_server_that_gives_no_sign_of_life_has_failed_its_calls(dead: bool) -> None:
    async def test() -> None:
        async with (
            between(hangs, route(timeouts=Timeouts(keepalive=0.05))) as (p, server),
            Http2Client(p.port) as client,
        ):
            stream = client.begin(fields=GRPC, ended=True)
            await p.until(lambda: server.seen)
            upstream = upstream_of(p)
            if dead:
                (served,) = server.open
                served.writer.transport.pause_reading()  # type: ignore[attr-defined]
                await p.until(lambda: upstream._silence.asked)
                upstream._silence.asked -= 1000.0
                heard = await client.heard(stream)
                assert heard.field("grpc-status") == "14"
                assert "nothing was heard" in (heard.field("grpc-message") or "")
                await p.settled()
                assert p.codes() == {("v1", "primary", "reset"): 1}
                other = client.begin(fields=GRPC, ended=True)
                await p.until(lambda: len(server.seen) == 2)
                assert server.connections == 2 and not client.streams[other].over.is_set()
            else:
                asked = []
                await p.until(lambda: upstream._silence.asked and not asked.append(upstream._silence.asked))
                await p.until(lambda: upstream._silence.asked != asked[0])  # it has answered, and is asked again
                assert not client.streams[stream].over.is_set() and server.connections == 1

    run(test)


def test_calls_that_time_out_on_a_silent_connection_make_room_for_another() -> None:
    async def test() -> None:
        async with between(hangs) as (p, server), Http2Client(p.port) as client:
            for _ in range(3):  # what greets a connection may be heard after the first
                await client.ask(b"x", [*GRPC, (b"grpc-timeout", b"20m")])
            upstream = upstream_of(p)
            assert upstream.is_available()
            upstream._silence.waiting -= 2.0
            upstream.now -= 10.0
            await client.ask(b"x", [*GRPC, (b"grpc-timeout", b"20m")])
            await client.ask(b"x", [*GRPC, (b"grpc-timeout", b"20m")])
            await p.until(lambda: server.connections == 2)

    run(test)


def test_uploads_that_cannot_be_kept_share_a_connection_that_is_surely_open() -> None:
    async def test() -> None:
        small = route(limits=Limits(rescue_body=0, mirror_body=1))
        async with between(echo, small) as (p, server), Http2Client(p.port) as client:
            await client.ask(b"first")
            for _ in range(3):
                heard = await client.ask(b"x" * 200_000, [(b"content-length", b"200000")])
                assert len(heard.body) == 200_000
            assert server.connections == 1
            upstream_of(p).now -= LIVELY_SECONDS + 1.0  # since then it may have ended unseen
            await client.ask(b"x" * 200_000, [(b"content-length", b"200000")])
            assert server.connections == 2

    run(test)


def test_another_connection_is_made_before_the_first_is_full() -> None:
    async def test() -> None:
        async with between(hangs, streams=10) as (p, server), Http2Client(p.port) as client:
            for at in range(7):
                client.begin(fields=GRPC, ended=True)
                await p.until(lambda at=at: len(server.seen) == at + 1)  # type: ignore[misc]
            assert server.connections == 1
            client.begin(fields=GRPC, ended=True)
            await p.until(lambda: server.connections == 2)
            p.worker._sweep_connections()  # nobody has wanted it yet, which is no reason to end it
            for _ in range(4):
                client.begin(fields=GRPC, ended=True)
            await p.until(lambda: len(server.seen) == 12)
            assert server.connections == 2

    run(test)


def test_no_other_connection_is_made_than_the_route_allows() -> None:
    async def test() -> None:
        one = route(limits=Limits(connections=1))
        async with between(hangs, one, streams=10) as (p, server), Http2Client(p.port) as client:
            for _ in range(12):
                client.begin(fields=GRPC, ended=True)
            await p.until(lambda: len(server.seen) == 10)
            await asyncio.sleep(0.05)
            assert (server.connections, len(server.seen)) == (1, 10)

    run(test)
