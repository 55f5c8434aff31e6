"""A canary that fails before its first byte: the primary answers in the same exchange, and the canary is charged."""

from __future__ import annotations

import asyncio
import json

import pytest

from proxy.contracts.table import FirstByte, Rescue, Share, Timeouts
from tests.support.plane import get, plane, post, post_chunks, route, run
from tests.support.scripted import (
    Request,
    Script,
    Served,
    answer,
    black_hole,
    drips,
    full_backlog,
    resets,
    resets_after,
    says,
    says_and_closes,
)

V1 = says(answer(b"one"))
ALL = (Share("v2", 100.0),)
CANARY = route(split=ALL, rescue=Rescue(5.0))
HASTY = route(split=ALL, rescue=Rescue(0.1))

FAILING = {
    "502": (says(answer(b"bad", "502 Bad Gateway")), "502"),
    "503": (says(answer(b"bad", "503 Service Unavailable")), "503"),
    "504": (says(answer(b"bad", "504 Gateway Timeout")), "504"),
    "503 in chunks": (says(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"), "503"),
    "reset": (resets, "reset"),
    "black hole": (black_hole, "late"),
    "a head alone": (resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), "reset"),
    "half an answer": (resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "reset"),
    "an answer that stops": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "late"),
    "garbage": (says(b"\x00\x01 not http\r\n\r\n"), "malformed"),
    "half a head": (says_and_closes(b"HTTP/1.1 200 OK\r\nContent-"), "reset"),
    "drip": (drips(answer(b"two"), 1.0), "late"),
    "both framings": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "malformed"),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize(
    "raw",
    [get(), post(b"hello"), post_chunks(b"he", b"llo"), post(b"x" * 200_000)],
    ids=["get", "post", "chunks", "large"],
)
def test_the_primary_answers_in_place_of_a_failed_canary(name: str, raw: bytes) -> None:
    script, code = FAILING[name]

    async def test() -> None:
        async with plane(HASTY if code == "late" else CANARY, v1=V1, v2=script) as p:
            client = await p.connect()
            reply = await client.ask(raw)
            assert (reply.status, reply.body, reply.version, reply.whole) == (200, b"one", "v1", True)
            assert (await client.ask(raw)).status == 200  # the connection goes on
            client.close()
            assert p.upstreams["v1"].seen[0].body == (
                b"hello" if b"hello" in raw or b"llo" in raw else raw[-1:] * 200_000 if len(raw) > 1000 else b""
            )
            await p.settled()
            assert p.codes() == {("v2", "canary", code): 2, ("v1", "rescue", "200"): 2}
            assert p.rows("rescued") == {("r", "v2", code): 2}
            assert p.bad() == ({} if raw == get() else {("v2", "canary"): 2})  # metadata is no inference

    run(test)


@pytest.mark.parametrize("name", FAILING)
def test_the_primary_answers_in_place_of_a_failed_baseline(name: str) -> None:
    script, code = FAILING[name]
    rescue = Rescue(0.1 if code == "late" else 5.0)

    async def test() -> None:
        async with plane(route(baseline=Share("v2", 100.0), rescue=rescue), v1=V1, v2=script) as p:
            for _ in range(2):
                reply = await p.ask(post(b"hello"))
                assert (reply.status, reply.body, reply.version) == (200, b"one", "v1")
            await p.settled()
            assert p.codes() == {("v2", "baseline", code): 2, ("v1", "rescue", "200"): 2}
            assert p.rows("rescued") == {("r", "v2", code): 2}
            assert p.bad() == {("v2", "baseline"): 2}

    run(test)


def test_a_dead_canary() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1, v2=V1) as p:
            await p.upstreams["v2"].stop()
            await p.published(CANARY)
            for _ in range(3):
                assert (await p.ask(post())).body == b"one"
            await p.settled()
            assert p.codes() == {("v2", "canary", "connect_failed"): 3, ("v1", "rescue", "200"): 3}
            await p.upstreams["v2"].start()

    run(test)


def test_a_stale_connection_to_the_canary_is_not_its_fault() -> None:
    async def test() -> None:
        async with plane(CANARY, v1=V1, v2=says_and_closes(answer(b"two"))) as p:
            client = await p.connect()
            for _ in range(20):
                assert (await client.ask(post())).body == b"two"
            client.close()
            await p.settled()
            assert p.codes() == {("v2", "canary", "200"): 20}

    run(test)


@pytest.mark.parametrize(("status", "by"), [("429 Slow Down", "v1"), ("500 No", "v1"), ("503 No", "v2")])
def test_the_statuses_that_are_replaced_can_be_chosen(status: str, by: str) -> None:
    async def test() -> None:
        chosen = route(split=ALL, rescue=Rescue(5.0, (429, 500)))
        async with plane(chosen, v1=V1, v2=says(answer(b"mine", status))) as p:
            assert (await p.ask(post())).version == by
            await p.settled()
            assert p.rows("rescued") == ({("r", "v2", status[:3]): 1} if by == "v1" else {})

    run(test)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "501 No", "429 Slow Down", "404 No"])
def test_answers_of_the_model_itself_are_passed_on(status: str) -> None:
    async def test() -> None:
        async with plane(CANARY, v1=V1, v2=says(answer(b"mine", status))) as p:
            reply = await p.ask(post())
            assert (reply.status, reply.body) == (int(status[:3]), b"mine")
            await p.settled()
            assert p.bad() == ({("v2", "canary"): 1} if status.startswith("5") else {})

    run(test)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 70000\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
def test_no_rescue_once_the_client_has_seen_a_part(framing: bytes) -> None:
    async def test() -> None:
        script = resets_after(b"HTTP/1.1 200 OK\r\n" + framing)
        async with plane(CANARY, v1=V1, v2=script) as p:
            reply = await p.ask(post())
            assert not reply.whole and reply.body in (b"", b"half")
            await p.settled()
            assert p.codes() == {("v2", "canary", "reset"): 1}
            assert p.bad() == {("v2", "canary"): 1}

    run(test)


def test_rescue_can_be_switched_off() -> None:
    async def test() -> None:
        async with plane(route(split=ALL, rescue=None), v1=V1, v2=resets) as p:
            reply = await p.ask(post())
            assert reply.status == 502 and json.loads(reply.body)["reason"] == "reset"
            await p.settled()
            assert p.codes() == {("v2", "canary", "reset"): 1}

    run(test)


def test_the_primary_is_not_rescued() -> None:
    async def test() -> None:
        timeouts = Timeouts(response=0.2)
        async with plane(route(timeouts=timeouts), v1=black_hole) as p:
            reply = await p.ask(post())
            assert reply.status == 504 and json.loads(reply.body)["reason"] == "response_timeout"
            await p.settled()
            assert p.codes() == {("v1", "primary", "response_timeout"): 1}

    run(test)


def test_when_the_rescue_fails_too_the_client_gets_a_problem() -> None:
    async def test() -> None:
        async with plane(CANARY, v1=resets, v2=resets) as p:
            reply = await p.ask(post())
            assert reply.status == 502
            await p.settled()
            assert p.codes() == {("v2", "canary", "reset"): 1, ("v1", "rescue", "reset"): 1}

    run(test)


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("script", [resets_after(STREAM), says(STREAM)], ids=["breaks", "hangs"])
@pytest.mark.parametrize("by", ["head", "body"])
def test_a_stream_is_rescued_until_its_first_byte_where_the_route_says_so(script: Script, by: FirstByte) -> None:
    async def test() -> None:
        chosen = route(split=ALL, rescue=Rescue(0.2, by=by), timeouts=Timeouts(idle=0.3))
        async with plane(chosen, v1=V1, v2=script) as p:
            reply = await p.ask(post())
            await p.settled()
            if by == "body":
                assert (reply.body, reply.version, reply.whole) == (b"one", "v1", True)
                assert sum(p.rows("rescued").values()) == 1 and not p.rows("not_rescued")
            else:
                assert (reply.version, reply.whole) == ("v2", False)
                assert p.rows("not_rescued") == {("r", "v2", "answer_began"): 1}

    run(test)


def test_a_stream_whose_first_byte_has_come_has_the_time_of_streams() -> None:
    async def test() -> None:
        async def script(served: Served, request: Request) -> bool:
            served.writer.write(STREAM)
            await asyncio.sleep(0.05)
            served.writer.write(b"3\r\ntwo\r\n")
            await asyncio.sleep(0.6)
            served.writer.write(b"0\r\n\r\n")
            return True

        async with plane(route(split=ALL, rescue=Rescue(0.3, by="body")), v1=V1, v2=script) as p:
            reply = await p.ask(post())
            assert (reply.body, reply.version, reply.whole) == (b"two", "v2", True)

    run(test)


def test_a_canary_that_accepts_nobody_is_waited_for_once_and_charged_each_time() -> None:
    """One client, one request after the other: only the first one waits, 2 s. Waiting each time, the first twenty
    would take 40 s, and only then would its breaker open."""

    async def test() -> None:
        policy = route(split=ALL, rescue=Rescue(20.0), timeouts=Timeouts(connect=2.0))
        with full_backlog() as port:
            async with plane(v1=V1, v2=V1) as p:
                p.ends["v2"] = ("127.0.0.1", port)
                await p.published(policy)
                client = await p.connect()
                async with asyncio.timeout(30.0):
                    assert [(await client.ask(post(b"hello"))).body for _ in range(50)] == [b"one"] * 50
                client.close()
                await p.settled()
                counted = p.codes()
                assert counted["v1", "rescue", "200"] + counted["v1", "primary", "200"] == 50
                assert p.bad()["v2", "canary"] == counted["v2", "canary", "connect_timeout"] >= 20
                assert p.worker._registry.pools[0]._open < 20

    run(test)
