"""Answers that are not trusted, limits, pipelines, endings: what the client sees at the edges."""

from __future__ import annotations

import asyncio
import json
from asyncio.streams import StreamReader, StreamWriter
from collections.abc import Callable
from typing import Any

import pytest

from proxy.contracts.table import Limits, Match, Route, Share, Sticky, Timeouts
from tests.support.plane import get, plane, post, post_chunks, reads, route, run, timings
from tests.support.scripted import (
    Request,
    Served,
    answer,
    black_hole,
    drips,
    huge,
    resets_after,
    says,
    says_and_closes,
    serving,
)

V1 = says(answer(b"one"))

MALFORMED = {
    "garbage": b"hello\r\n\r\n",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 5000,
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "another protocol": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a control byte in the phrase": b"HTTP/1.1 200 O\x02K\r\nContent-Length: 0\r\n\r\n",
    "a control byte": b"HTTP/1.1 200 OK\r\nX: a\x02b\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_answer_is_a_502(name: str) -> None:
    async def test() -> None:
        async with plane(route(), v1=says(MALFORMED[name])) as p:
            client = await p.connect()
            reply = await client.ask(post())
            assert reply.status == 502 and json.loads(reply.body)["reason"] == "malformed"
            p.upstreams["v1"].script = V1
            assert (await client.ask(post())).body == b"one"  # the client's connection goes on, on a new upstream one
            client.close()
            assert p.upstreams["v1"].connections == 2
            await p.settled()
            assert p.codes() == {("v1", "primary", "malformed"): 1, ("v1", "primary", "200"): 1}
            ((_, version, rule),) = p.rows("malformed")
            assert version == "v1" and [record.detail for record in p.records] == [rule, ""]

    run(test)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ],
    ids=["short of its length", "no last chunk", "junk in a chunk"],
)
@pytest.mark.parametrize("end", [says_and_closes, resets_after], ids=["closed", "reset"])
def test_a_truncated_answer_never_ends_cleanly(data: bytes, end: Callable[..., Any]) -> None:
    async def test() -> None:
        async with plane(route(), v1=end(data)) as p:
            reply = await p.ask(post())
            assert not reply.whole
            assert reply.status in (0, 200, 502)
            await p.settled()
            assert sum(p.bad().values()) == 1

    run(test)


def test_a_body_that_ends_with_the_connection_reaches_the_client_in_chunks() -> None:
    async def test() -> None:
        async with plane(route(), v1=says_and_closes(b"HTTP/1.1 200 OK\r\n\r\nhello")) as p:
            client = await p.connect()
            reply = await client.ask(post())
            assert (reply.body, reply.whole, reply.field("transfer-encoding")) == (b"hello", True, "chunked")
            assert (await client.ask(post())).body == b"hello"
            client.close()
            old = await p.ask(b"GET /v2 HTTP/1.0\r\n\r\n")
            assert (old.body, old.field("transfer-encoding"), old.field("connection")) == (b"hello", None, "close")

    run(test)


def test_bytes_after_the_answer_are_thrown_away_with_their_connection() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"one") + answer(b"evil"))) as p:
            client = await p.connect()
            for _ in range(3):
                assert (await client.ask(post())).body == b"one"
            client.close()
            assert p.upstreams["v1"].connections == 3

    run(test)


def test_an_answer_before_the_request_has_ended() -> None:
    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"too much", "413 Content Too Large"))
        await reader.read(-1)

    async def test() -> None:
        async with plane(route(), v1=V1) as p, serving(refuse) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route())
            client = await p.connect()
            client.send(b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
            reply = await client.reply()
            assert (reply.status, reply.body, reply.field("connection")) == (413, b"too much", "close")
            client.close()

    run(test)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body(status: str) -> None:
    async def test() -> None:
        async with plane(route(), v1=says(f"HTTP/1.1 {status}\r\n\r\n".encode())) as p:
            client = await p.connect()
            for _ in range(3):
                reply = await client.ask(get())
                assert reply.status == int(status[:3]) and reply.field("transfer-encoding") is None
            client.close()
            assert p.upstreams["v1"].connections == 1

    run(test)


def test_head() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as p:
            client = await p.connect()
            for _ in range(3):
                reply = await client.ask(b"HEAD /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
                assert (reply.status, reply.field("content-length")) == (200, "5")
            client.close()
            assert p.upstreams["v1"].connections == 1

    run(test)


def test_interim_answers_are_passed_over() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"one"))) as p:
            client = await p.connect()
            for _ in range(2):
                assert (await client.ask(post())).body == b"one"
            client.close()

    run(test)


def test_expect_100_continue_is_answered_by_the_proxy() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            client.send(b"POST /v2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert (await client.ask(b"hello")).body == b"one"
            assert p.upstreams["v1"].seen[0].field("expect") is None
            client.close()

    run(test)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def test() -> None:
        async def echo(served: Served, request: Request) -> bool | None:
            await asyncio.sleep(0.02 if b"0" in request.body else 0)
            served.writer.write(answer(request.body))
            return True

        async with plane(route(), v1=echo) as p:
            client = await p.connect()
            client.send(b"".join(post(b"%d" % n) if n % 3 else post_chunks(b"%d" % n) for n in range(40)))
            assert [(await client.reply()).body for _ in range(40)] == [b"%d" % n for n in range(40)]
            client.close()

    run(test)


def test_a_bad_request_after_good_ones_does_not_cost_them_their_answers() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            client.send(post() + post() + b"GET / HTTP/9\r\n\r\n")
            assert [(await client.reply()).body for _ in range(2)] == [b"one", b"one"]
            assert await client.ended()
            client.close()

    run(test)


def test_a_bad_request_gets_a_problem_and_the_connection_ends() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            reply = await client.ask(b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na")
            assert reply.status == 400 and json.loads(reply.body)["reason"] == "bad_request"
            assert await client.ended()
            client.close()
            await p.settled()
            assert p.rows("rejected") == {("", "bad_request"): 1}

    run(test)


def test_a_bad_chunk_in_the_middle_of_a_body() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            client.send(b"POST /v2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            await p.until(lambda: p.worker.shared.exchanges)
            reply = await client.ask(b"zz\r\n")
            assert reply.status == 400
            assert await client.ended()
            client.close()
            assert p.upstreams["v1"].seen == []  # it never got a whole request

    run(test)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /v2 HTTP/1.0\r\nHost: a\r\n\r\n",
    ],
    ids=["connection: close", "HTTP/1.0"],
)
def test_the_client_asks_for_the_end(raw: bytes) -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            reply = await client.ask(raw)
            assert (reply.body, reply.field("connection")) == (b"one", "close")
            assert await client.ended()
            client.close()

    run(test)


def test_keep_alive_in_http_1_0() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = await p.connect()
            for _ in range(2):
                reply = await client.ask(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert (reply.body, reply.field("connection")) == (b"one", "keep-alive")
            client.close()

    run(test)


@pytest.mark.parametrize(
    ("raw", "legs"),
    [(post(b"x" * 2000), 0), (post_chunks(b"x" * 900, b"y" * 900), 1)],
    ids=["length", "chunks"],
)
def test_a_body_over_the_limit_is_refused_and_counted_once(raw: bytes, legs: int) -> None:
    async def test() -> None:
        async with plane(route(limits=Limits(body=1000)), v1=V1) as p:
            reply = await p.ask(raw)
            assert reply.status == 413 and json.loads(reply.body)["reason"] == "body_too_large"
            await p.settled()
            assert p.rows("rejected")["r", "body_too_large"] == 1 - legs
            assert p.codes()["v1", "primary", "body_too_large"] == legs
            assert (await p.ask(post(b"x" * 1000))).status == 200

    run(test)


def test_slow_heads_and_bodies_are_408() -> None:
    async def test() -> None:
        async with plane(route(timeouts=Timeouts(idle=0.1)), times=timings(head=0.1), v1=V1) as p:
            head, body = await p.connect(), await p.connect()
            head.send(b"POST /v2 HT")
            body.send(b"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal")
            first, second = await head.reply(), await body.reply()
            assert (first.status, json.loads(first.body)["reason"]) == (408, "head_timeout")
            assert (second.status, json.loads(second.body)["reason"]) == (408, "body_timeout")
            head.close()
            body.close()

    run(test)


def test_an_idle_client_is_let_go() -> None:
    async def test() -> None:
        async with plane(route(), times=timings(keep_alive=0.1), v1=V1) as p:
            client = await p.connect()
            assert (await client.ask(post())).body == b"one"
            assert await client.ended()
            client.close()

    run(test)


def test_an_answer_that_stops_in_the_middle_is_aborted() -> None:
    async def test() -> None:
        async with plane(
            route(timeouts=Timeouts(idle=0.1)), v1=drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi", 0)
        ) as p:
            assert (await p.ask(post())).body == b"abcdefghi"

            async def stops(served: Served, request: Request) -> None:
                served.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                await asyncio.sleep(3600)

            p.upstreams["v1"].script = stops
            reply = await p.ask(post())
            assert not reply.whole
            await p.settled()
            assert p.codes()["v1", "primary", "idle_timeout"] == 1

    run(test)


def test_a_client_that_goes_away_cancels_its_leg() -> None:
    async def test() -> None:
        async with plane(route(), v1=black_hole) as p:
            client = await p.connect()
            client.send(post())
            await p.until(lambda: p.upstreams["v1"].seen)
            client.close()
            await p.until(lambda: p.codes())
            assert p.codes() == {("v1", "primary", "client_abort"): 1}
            assert p.bad() == {} and not p.worker.shared.exchanges

    run(test)


def test_a_slow_reader_holds_back_its_own_upstream_and_nobody_else() -> None:
    async def test() -> None:
        async with plane(route(), v1=huge(30_000_000)) as p:
            slow = await p.connect()
            slow.reads(False)
            slow.send(get())
            await p.until(lambda: p.upstreams["v1"].seen)
            p.upstreams["v1"].script = V1
            for _ in range(20):
                assert (await p.ask(post())).body == b"one"
            held: Any = next(iter(p.worker.shared.clients))
            assert held.transport.get_write_buffer_size() < 2_000_000
            slow.reads(True)
            assert len((await slow.reply()).body) == 30_000_000
            slow.close()

    run(test)


def test_an_upstream_that_reads_slowly_holds_back_its_client() -> None:
    go = asyncio.Event()

    async def slow(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reads(writer, False)
        await go.wait()
        reads(writer, True)
        await reader.readexactly(20_000_000)
        writer.write(answer(b"one"))

    async def test() -> None:
        async with plane(route(), v1=V1) as p, serving(slow) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route())
            client = await p.connect()
            client.send(post(b"x" * 20_000_000))
            await asyncio.sleep(0.3)
            exchange: Any = next(iter(p.worker.shared.exchanges))
            assert exchange.leg.stream.transport.get_write_buffer_size() < 2_000_000
            go.set()
            assert (await client.reply()).body == b"one"
            client.close()

    run(test)


def test_websockets_pass_through_to_the_primary() -> None:
    async def handshake(reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"upgrade: websocket" in head.lower() and b"connection: upgrade" in head.lower()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
        while data := await reader.read(100):
            writer.write(data.upper())

    async def test() -> None:
        async with plane(route(), v1=V1, v3=V1) as p, serving(handshake) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route(shadows=(Share("v3", 100.0),)))
            client = await p.connect()
            reply = await client.ask(
                get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n")
            )
            assert (reply.status, reply.field("upgrade"), reply.version) == (101, "websocket", "v1")
            assert await client.reader.readexactly(2) == b"hi"
            for word in (b"hello", b"again"):
                client.send(word)
                assert await client.reader.readexactly(5) == word.upper()
            client.close()
            await p.until(lambda: not p.worker.shared.exchanges)
            assert p.upstreams["v3"].seen == []

    run(test)


def test_a_refused_websocket_is_an_ordinary_answer() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"no", "403 Forbidden"))) as p:
            client = await p.connect()
            for _ in range(2):
                reply = await client.ask(get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
                assert (reply.status, reply.body) == (403, b"no")
            client.close()

    run(test)


def test_routes_by_model_in_the_body() -> None:
    async def test() -> None:
        routes = [
            Route(f"r{n}", Match("/v1/chat/completions", model=f"m{n}"), "openai", primary=f"v{n}") for n in (1, 2)
        ]
        async with plane(*routes, v1=V1, v2=says(answer(b"two"))) as p:
            client = await p.connect()
            for n, body in ((1, b"one"), (2, b"two"), (1, b"one")):
                asked = post(json.dumps({"model": f"m{n}"}).encode(), path="/v1/chat/completions")
                assert (await client.ask(asked)).body == body
            assert (await client.ask(post(b'{"model": "m3"}', path="/v1/chat/completions"))).status == 404
            client.close()

    run(test)


def test_a_body_too_large_for_its_sticky_key_is_assigned_like_one_without() -> None:
    async def test() -> None:
        split = route(split=(Share("v2", 50.0),), sticky=Sticky("json", "/user"), limits=Limits(mirror_body=100_000))
        async with plane(split, v1=V1, v2=says(answer(b"two"))) as p:
            asked = post(json.dumps({"pad": "x" * 300_000, "user": "a"}).encode())
            got = {(await p.ask(asked)).version for _ in range(30)}
            assert got == {"v1", "v2"}

    run(test)


def test_silent_control_sends_all_to_the_primary_until_it_is_back() -> None:
    async def test() -> None:
        split = route(split=(Share("v2", 100.0),))
        async with plane(split, lease=1.5, v1=V1, v2=says(answer(b"two"))) as p:
            assert (await p.ask(post())).version == "v2"
            p.silence()
            await p.until(lambda: not p.worker.leased)
            assert (await p.ask(post())).version == "v1"
            p.speak()
            await p.until(lambda: p.worker.leased)
            assert (await p.ask(post())).version == "v2"

    run(test)


def test_too_many_in_flight_are_turned_away_with_retry_after() -> None:
    async def test() -> None:
        async with plane(route(limits=Limits(inflight=3)), drain=0.0, v1=black_hole) as p:
            waiting = [await p.connect() for _ in range(3)]
            for client in waiting:
                client.send(post())
            await p.until(lambda: len(p.worker.shared.exchanges) == 3)
            reply = await p.ask(post())
            assert (reply.status, reply.field("retry-after")) == (503, "1")
            assert json.loads(reply.body)["reason"] == "overloaded"
            waiting.pop().close()
            await p.until(lambda: len(p.worker.shared.exchanges) == 2)
            p.upstreams["v1"].script = V1
            assert (await p.ask(post())).body == b"one"
            for client in waiting:
                client.close()

    run(test)


def test_too_many_connections_are_turned_away() -> None:
    async def test() -> None:
        async with plane(route(), connections=2, v1=V1) as p:
            held = [await p.connect() for _ in range(2)]
            assert [(await client.ask(post())).status for client in held] == [200, 200]
            reply = await p.ask(b"")
            assert (reply.status, json.loads(reply.body)["reason"]) == (503, "too_many_connections")
            for client in held:
                client.close()
            await p.until(lambda: not p.worker.shared.clients)
            assert (await p.ask(post())).status == 200

    run(test)


def test_legs_wait_for_a_connection_when_the_pool_is_full() -> None:
    async def test() -> None:
        async with plane(route(limits=Limits(connections=2)), v1=says(answer(b"one"), delay=0.05)) as p:
            clients = [await p.connect() for _ in range(10)]
            for client in clients:
                client.send(post())
            assert [(await client.reply()).body for client in clients] == [b"one"] * 10
            assert p.upstreams["v1"].connections == 2
            for client in clients:
                client.close()

    run(test)


@pytest.mark.parametrize("script", [black_hole, drips(answer(b"x" * 100), 0.05)], ids=["black hole", "drip"])
def test_an_exchange_that_takes_too_long_in_all(script: Callable[..., Any]) -> None:
    async def test() -> None:
        async with plane(route(timeouts=Timeouts(total=0.2)), v1=script) as p:
            reply = await p.ask(post())
            assert not reply.whole or reply.status == 504
            await p.settled()
            assert p.codes() == {("v1", "primary", "total_timeout"): 1}

    run(test)


def test_a_body_that_drips_too_long_in_all_is_408() -> None:
    async def test() -> None:
        async with plane(route(timeouts=Timeouts(total=0.3)), v1=V1) as p:
            client = await p.connect()
            client.send(post(b"x" * 100)[:-100])
            for _ in range(100):
                client.send(b"x")
                await asyncio.sleep(0.02)
                if not p.worker.shared.exchanges:
                    break
            reply = await client.reply()
            assert (reply.status, json.loads(reply.body)["reason"]) == (408, "body_timeout")
            client.close()

    run(test)


@pytest.mark.parametrize("size", ["ffffffffffffffff\r\n", "fffffffffffffffff", "8000000000000000;a\r\n", "zz"])
@pytest.mark.parametrize("first", [b"", b"5\r\nhello\r\n"], ids=["at once", "after a chunk"])
def test_a_chunk_size_that_overflows_is_answered_and_the_connection_ends(first: bytes, size: str) -> None:
    async def test() -> None:
        async with plane(route(), drain=0.0, v1=black_hole) as p:
            client = await p.connect()
            head = post_chunks().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            client.send(head + first)
            await p.until(lambda: p.upstreams["v1"].connections)
            client.send(size.encode())
            reply = await client.reply()
            assert (reply.status, json.loads(reply.body)["reason"]) == (400, "bad_request")
            assert reply.field("connection") == "close" and await client.ended()
            client.close()

    run(test)


@pytest.mark.parametrize("line", [b"GET / RTSP/1.0", b"SOURCE / ICE/1.0", b"\rGET / HTTP/1.1", b"GET  / HTTP/1.1"])
def test_a_request_line_that_is_none_is_answered_and_the_connection_ends(line: bytes) -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"one"))) as p:
            client = await p.connect()
            client.send(line + b"\r\nHost: h\r\n\r\n")
            reply = await client.reply()
            assert (reply.status, json.loads(reply.body)["reason"]) == (400, "bad_request")
            assert reply.field("connection") == "close" and await client.ended()
            client.close()
            assert not p.upstreams["v1"].seen

    run(test)
