"""Model servers that speak HTTP/2, behind a worker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.contracts.table import Limits, Share, Timeouts
from proxy.dataplane.h2.upstream import LIVELY_SECONDS, Http2Upstream
from proxy.http2.codes import CANCEL, INTERNAL_ERROR, REFUSED_STREAM
from tests.support.http2_client import Http2Client
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.http2_version import GRPC, V1, asked_of, between, echo
from tests.support.plane import Plane, plane, post, route, run

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


# -- failures


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
