"""Clients and model servers that mean harm: nothing is stuck, nothing grows, nothing is answered out of turn."""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio.streams import StreamReader, StreamWriter
from typing import Any

import pytest

from proxy.contracts.table import Limits, Match, Route, Share, Sticky, Timeouts
from tests.support.plane import Client, Plane, get, plane, post, post_chunks, reads, route, run, timings
from tests.support.scripted import Request, Served, answer, black_hole, resets_after, says, serving

V1 = says(answer(b"one"))


async def counts(served: Served, request: Request) -> bool:
    """Answers with the size of the body that arrived."""
    served.writer.write(answer(b"%d" % len(request.body)))
    return True


async def deaf(p: Plane) -> Client:
    """A client with small buffers that reads nothing until it is asked to."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", p.port))
    client = Client(*await asyncio.open_connection(sock=sock, limit=1 << 20))
    client.reads(False)
    return client


# bodies that decide about the route or the version


@pytest.mark.parametrize("by", ["sticky", "model"])
def test_a_body_that_is_waited_for_and_never_comes_is_408(by: str) -> None:
    async def test() -> None:
        if by == "sticky":
            it = route(split=(Share("v1", 50.0),), sticky=Sticky("json", "/user"), timeouts=Timeouts(idle=0.2))
        else:
            it = Route("r", Match("/v2", model="m1"), "openai", primary="v1", timeouts=Timeouts(idle=0.2))
        async with plane(it, times=timings(body=0.2), v1=V1) as p:
            client = await p.connect()
            client.send(post(b"x" * 100, path="/v2/chat")[:-50])
            reply = await client.reply()
            assert (reply.status, json.loads(reply.body)["reason"]) == (408, "body_timeout")
            client.close()

    run(test)


def test_a_route_found_by_its_body_has_its_limits() -> None:
    async def test() -> None:
        it = Route("r", Match("/v2", model="m1"), "openai", primary="v1", limits=Limits(body=1000, inflight=1))
        async with plane(it, drain=0.0, v1=black_hole) as p:
            large = await p.ask(post(json.dumps({"model": "m1", "pad": "x" * 2000}).encode(), path="/v2"))
            assert large.status == 413
            client = await p.connect()
            client.send(post(b'{"model": "m1"}', path="/v2"))
            await p.until(lambda: p.upstreams["v1"].seen)
            reply = await p.ask(post(b'{"model": "m1"}', path="/v2"))
            assert json.loads(reply.body)["reason"] == "overloaded"
            client.close()

    run(test)


def test_chunks_that_decide_about_the_version_are_limited_too() -> None:
    async def test() -> None:
        it = route(split=(Share("v1", 50.0),), sticky=Sticky("json", "/user"), limits=Limits(body=1000))
        async with plane(it, v1=V1) as p:
            assert (await p.ask(post_chunks(b"x" * 900, b"y" * 900))).status == 413

    run(test)


def test_a_client_that_waits_to_be_asked_for_a_deciding_body_is_asked() -> None:
    async def test() -> None:
        it = Route("r", Match("/v2", model="m1"), "openai", primary="v1")
        async with plane(it, v1=V1) as p:
            client = await p.connect()
            body = b'{"model": "m1"}'
            client.send(post(body, "Expect: 100-continue\r\n", "/v2")[: -len(body)])
            async with asyncio.timeout(2):
                assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert (await client.ask(body)).body == b"one"
            client.close()

    run(test)


@pytest.mark.parametrize("fields", ["", "x-request-id: 1\r\n"], ids=["remembered", "parsed"])
def test_a_deeply_nested_body_is_not_a_bug(fields: str) -> None:
    async def test() -> None:
        it = Route("r", Match("/v2", model="m1"), "openai", primary="v1")
        async with plane(it, v1=V1) as p:
            async with asyncio.timeout(5):
                assert (await p.ask(post(b"[" * 100_000, fields, "/v2"))).status == 404

    run(test)


# pipelines


def test_a_bad_body_in_a_pipeline_waits_its_turn() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"one"), delay=0.1)) as p:
            client = await p.connect()
            client.send(post() + post_chunks(b"hello")[:-5] + b"zz\r\n")
            reply = await client.reply()
            assert (reply.status, reply.body) == (200, b"one")
            assert await client.ended()
            client.close()
            await p.until(lambda: not p.worker.shared.clients)
            assert not p.worker.shared.exchanges

    run(test)


def test_a_thousand_refusals_in_a_pipeline() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"one"), delay=0.1)) as p:
            client = await p.connect()
            client.send(post() + get("/nope") * 1500)
            assert (await client.reply()).body == b"one"
            async with asyncio.timeout(10):
                assert [(await client.reply()).status for _ in range(1500)] == [404] * 1500
            client.close()

    run(test)


def test_nothing_is_served_after_an_answer_that_ends_the_connection() -> None:
    async def test() -> None:
        async with plane(route(limits=Limits(body=10)), v1=V1) as p:
            client = await p.connect()
            client.send(post_chunks(b"x" * 100) + post(b"second"))
            reply = await client.reply()
            assert (reply.status, reply.field("connection")) == (413, "close")
            assert await client.ended()
            client.close()
            client = await p.connect()
            client.send(post(b"x" * 100) + post(b"second"))
            assert (await client.reply()).status == 413
            assert await client.ended()
            client.close()
            await p.until(lambda: not p.worker.shared.clients)
            assert p.upstreams["v1"].seen == []

    run(test)


def test_a_client_that_asks_and_asks_and_never_reads() -> None:
    async def test() -> None:
        async with plane(route(), drain=0.0, v1=says(answer(b"x" * 60_000))) as p:
            client = await deaf(p)
            for _ in range(20):
                client.send(get() * 10)
                await asyncio.sleep(0.002)
            held: Any = next(iter(p.worker.shared.clients))
            for _ in range(10):
                await asyncio.sleep(0.01)
                assert held.transport.get_write_buffer_size() < 1_000_000
            client.reads(True)
            for _ in range(200):
                assert len((await client.reply()).body) == 60_000
            client.close()

    run(test)


def test_the_time_in_a_pipeline_is_not_the_versions() -> None:
    async def test() -> None:
        async def slow_first(served: Served, request: Request) -> bool | None:
            await asyncio.sleep(0.2 if request.body == b"1" else 0)
            served.writer.write(answer(b"one"))
            return True

        async with plane(route(), v1=slow_first) as p:
            client = await p.connect()
            client.send(post(b"1") + post(b"2"))
            assert [(await client.reply()).body for _ in range(2)] == [b"one", b"one"]
            client.close()
            await p.until(lambda: len(p.records) == 2)
            first, second = p.records
            assert second.total < first.total / 2

    run(test)


# slow readers


def test_a_slow_reader_gets_the_whole_of_a_last_answer() -> None:
    async def test() -> None:
        size = 5_000_000
        async with plane(route(), times=timings(linger=0.05), v1=says(answer(b"x" * size))) as p:
            client = await deaf(p)
            client.send(get(fields="Connection: close\r\n"))
            await asyncio.sleep(0.1)
            got = 0
            client.reads(True)
            while data := await client.reader.read(65536):
                got += len(data)
                await asyncio.sleep(0.002)
            assert got > size
            client.close()

    run(test)


@pytest.mark.parametrize("fields", ["", "Connection: close\r\n"], ids=["keep-alive", "close"])
def test_a_client_that_never_reads_is_let_go_and_the_version_is_not_blamed(fields: str) -> None:
    async def test() -> None:
        it = route(timeouts=Timeouts(idle=0.1))
        for size in (3_000_000, 20_000_000):
            async with plane(
                it, drain=0.0, times=timings(linger=0.1, keep_alive=0.1), v1=says(answer(b"x" * size))
            ) as p:
                client = await deaf(p)
                client.send(get(fields=fields))
                await p.until(lambda: p.upstreams["v1"].seen)
                async with asyncio.timeout(6):
                    await p.until(lambda: not p.worker.shared.clients)
                await p.settled()
                assert p.bad() == {}
                client.close()

    run(test)


# model servers


def test_an_end_by_reset_is_not_an_end_of_a_body() -> None:
    async def test() -> None:
        async with plane(route(), v1=resets_after(b"HTTP/1.1 200 OK\r\n\r\nhello")) as p:
            assert not (await p.ask(get())).whole
            await p.settled()
            assert p.codes() == {("v1", "primary", "reset"): 1}

    run(test)


def test_the_end_of_a_tunnel_at_the_server_ends_it_at_the_client() -> None:
    async def ends(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye")

    async def test() -> None:
        async with plane(route(), v1=V1) as p, serving(ends) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route())
            client = await p.connect()
            reply = await client.ask(get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
            assert reply.status == 101
            async with asyncio.timeout(2):
                assert await client.reader.read(-1) == b"bye"
            client.close()

    run(test)


def test_legs_that_wait_for_a_connection_hear_that_there_is_none() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            await p.upstreams["v1"].stop()
            await p.published(route(limits=Limits(connections=1)))
            clients = [await p.connect() for _ in range(6)]
            for client in clients:
                client.send(post())
            async with asyncio.timeout(3):
                assert [(await client.reply()).status for client in clients] == [502] * 6
            for client in clients:
                client.close()
            await p.upstreams["v1"].start()

    run(test)


@pytest.mark.parametrize("started", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 2"], ids=["interim", "half"])
def test_no_retry_once_a_part_of_an_answer_was_received(started: bytes) -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            assert (await p.ask(post())).body == b"one"
            p.upstreams["v1"].script = resets_after(started)
            reply = await p.ask(post())
            assert reply.status == 502
            assert len(p.upstreams["v1"].seen) == 2

    run(test)


def test_a_canary_that_stops_reading_and_dies_does_not_stop_its_client() -> None:
    async def stops(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reads(writer, False)
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async def test() -> None:
        it = route(split=(Share("v2", 100.0),), timeouts=Timeouts(idle=2.0))
        async with plane(it, v1=counts, v2=V1) as p, serving(stops) as port:
            p.ends["v2"] = ("127.0.0.1", port)
            await p.published(it)
            reply = await p.ask(post(b"x" * 8_000_000))
            assert (reply.status, reply.version) == (200, "v1")
            assert reply.body == b"8000000"

    run(test)


# counts


def test_a_request_that_is_refused_in_its_body_is_counted_once() -> None:
    async def test() -> None:
        async with plane(route(limits=Limits(body=1000)), v1=V1) as p:
            assert (await p.ask(post_chunks(b"x" * 900, b"y" * 900))).status == 413
            await p.settled()
            assert sum(p.codes().values()) + sum(p.rows("rejected").values()) == 1

    run(test)


def test_legs_of_an_older_table_are_counted() -> None:
    async def test() -> None:
        old = route(split=(Share("v2", 100.0),), shadows=(Share("v3", 100.0),), timeouts=Timeouts(response=0.5))
        async with plane(old, v1=V1, v2=black_hole, v3=V1) as p:
            client, other = await p.connect(), await p.connect()
            client.send(post(b"x" * 10)[:-5])
            other.send(post())
            await p.until(lambda: len(p.worker.shared.exchanges) == 2 and p.upstreams["v2"].seen)
            await p.published(route(primary="v3"))
            await p.published(route(primary="v3"))
            client.send(b"y" * 5)
            assert [(await c.reply()).version for c in (client, other)] == ["v1", "v1"]
            client.close()
            other.close()
            await p.settled()
            assert p.codes()["v1", "rescue", "200"] == 2
            assert p.codes()["v3", "shadow", "200"] == 2

    run(test)


def test_copies_that_are_due_are_sent_or_dropped() -> None:
    async def early(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)

    async def test() -> None:
        it = route(shadows=(Share("v3", 100.0),))
        async with plane(it, v1=V1, v3=V1) as p, serving(early) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(it)
            client = await p.connect()
            client.send(post(b"x" * 100)[:-50])
            assert not (await client.reply()).whole
            client.close()
            await p.settled()
            assert p.rows("mirrored") == {("r", "v3"): 1}
            assert sum(p.rows("shadow_dropped").values()) == 1

    run(test)
