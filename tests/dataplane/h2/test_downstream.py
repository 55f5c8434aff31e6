"""Clients of HTTP/2, in front of a worker whose model servers speak HTTP/1.1."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from typing import cast

import pytest
from msgspec.structs import replace

from proxy.contracts.table import Match, Share
from proxy.dataplane.h2.downstream import Http2Downstream
from tests.support.http2_client import Http2Client
from tests.support.plane import plane, post, route, run
from tests.support.scripted import Request, Served, answer, says
from tests.support.tls_peer import CLIENTS, server, trusting

V1, V2 = says(answer(b"one", fields="X-A: b\r\n")), says(answer(b"two"))


def test_a_request_and_its_answer() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            heard = await client.ask(b"hello", [(b"x-request-id", b"r1"), (b"x-b", b"c")])
            assert (heard.status, heard.body, heard.version) == (200, b"one", "v1")
            assert (heard.field("x-a"), heard.field("content-length")) == ("b", "3")
            seen = p.upstreams["v1"].seen[0]
            assert seen.body == b"hello"
            assert (seen.field("x-b"), seen.field("x-request-id")) == ("c", "r1")
            assert seen.field("host") == f"127.0.0.1:{p.upstreams['v1'].port}"
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 1}

    run(test)


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 300_000, b"x" * 3_000_000], ids=["empty", "small", "large", "huge"])
def test_bodies_of_every_size_arrive_whole_both_ways(body: bytes) -> None:
    async def echo(served: Served, request: Request) -> bool:
        served.writer.write(answer(request.body))
        return True

    async def test() -> None:
        async with plane(route(), v1=echo) as p, Http2Client(p.port) as client:
            for _ in range(2):
                heard = await client.ask(body)
                assert (heard.status, heard.body == body, heard.ended) == (200, True, True)

    run(test)


def test_an_exchange_that_has_ended_is_no_garbage() -> None:
    """A worker collects garbage once a minute: what leaves some for each request grows meanwhile."""

    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            await client.ask(b"first")
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                for _ in range(5):
                    await client.ask(b"hello")
                gc.collect()
                found = {type(each).__name__ for each in gc.garbage}
            finally:
                gc.set_debug(0)
                gc.enable()
                gc.garbage.clear()
            assert not found & {"Exchange", "Http2ClientStream", "Leg", "Http2RequestHead"}

    run(test)


def test_many_streams_at_once_each_have_their_own_answer() -> None:
    async def echo(served: Served, request: Request) -> bool:
        await asyncio.sleep(0.002 * (request.body[0] % 7))
        served.writer.write(answer(request.body))
        return True

    async def test() -> None:
        async with plane(route(), v1=echo) as p, Http2Client(p.port) as client:
            bodies = [bytes([65 + at]) * 100 for at in range(50)]
            heard = await asyncio.gather(*(client.ask(body) for body in bodies))
            assert [each.body for each in heard] == bodies
            assert p.worker.shared.tally.connections == 1

    run(test)


def test_the_old_and_the_new_protocol_on_one_port() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            assert (await client.ask()).status == (await p.ask(post())).status == 200

    run(test)


def test_a_preface_that_comes_byte_by_byte() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            client = Http2Client(p.port)
            client.h2.initiate_connection()
            hello = client.h2.data_to_send()
            reader, writer = await asyncio.open_connection("127.0.0.1", p.port)
            for at in range(len(hello)):
                writer.write(hello[at : at + 1])
                await asyncio.sleep(0.001)
            async with asyncio.timeout(20):
                client.h2.receive_data(await reader.read(100))
            writer.close()

    run(test)


def test_a_request_that_is_refused_leaves_the_others_alone() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            lost = client.begin("/nowhere", ended=True)
            good = await client.ask()
            bad = await client.heard(lost)
            assert (bad.status, good.status) == (404, 200)
            assert b"no_route" in bad.body
            large = await client.ask(b"x", [(b"x-a", b"b" * 70_000)])
            assert large.status == 431
            twice = await client.ask(b"x", [(b"host", b"other")])
            assert twice.status == 400
            assert (await client.ask()).status == 200

    run(test)


def test_what_is_no_route_by_grpc_is_told_as_grpc_has_it() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            heard = await client.heard(
                client.begin("/a.B/C", [(b"content-type", b"application/grpc+proto")], ended=True)
            )
            assert (heard.status, heard.field("grpc-status"), heard.body) == (200, "12", b"")
            assert "no route" in (heard.field("grpc-message") or "")

    run(test)


def test_a_client_that_takes_its_request_back_ends_its_leg_and_no_other() -> None:
    async def slow(served: Served, request: Request) -> bool:
        await asyncio.sleep(0.1 if request.body == b"short" else 30)
        served.writer.write(answer(b"one"))
        return True

    async def test() -> None:
        async with plane(route(), v1=slow) as p, Http2Client(p.port) as client:
            stays, leaves = client.begin(), client.begin()
            await client.send(stays, b"short", ended=True)
            await client.send(leaves, b"long", ended=True)
            await p.until(lambda: len(p.upstreams["v1"].seen) == 2)
            client.h2.reset_stream(leaves, 8)
            client.flush()
            await p.until(lambda: p.codes()["v1", "primary", "client_abort"] == 1)
            assert (await client.heard(stays)).body == b"one"

    run(test)


@pytest.mark.parametrize("body", [None, b"hello"])
def test_what_is_taken_back_in_the_same_read_starts_nothing(body: bytes | None) -> None:
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/v2/models/m/infer")]

    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            await client.ask()
            for _ in range(50):
                stream = client.h2.get_next_available_stream_id()
                client.h2.send_headers(stream, fields, end_stream=body is None)
                if body is not None:
                    client.h2.send_data(stream, body, end_stream=True)
                client.h2.reset_stream(stream, 8)
            client.flush()
            assert (await client.ask()).body == b"one"
            await p.settled()
            assert len(p.upstreams["v1"].seen) == 2 and p.codes() == {("v1", "primary", "200"): 2}

    run(test)


def test_a_connection_that_ends_ends_all_of_its_exchanges() -> None:
    async def never(served: Served, request: Request) -> bool:
        await asyncio.sleep(30)
        return False

    async def test() -> None:
        async with plane(route(), v1=never) as p:
            async with Http2Client(p.port) as client:
                for _ in range(5):
                    await client.send(client.begin(), b"x", ended=True)
                await p.until(lambda: len(p.upstreams["v1"].seen) == 5)
            await p.settled()
            assert p.codes()["v1", "primary", "client_abort"] == 5
            assert not p.worker.shared.clients

    run(test)


def test_a_client_that_does_not_read_stops_its_own_stream() -> None:
    large = b"x" * 8_000_000

    async def script(served: Served, request: Request) -> bool:
        served.writer.write(answer(large if request.body == b"large" else b"one"))
        return True

    async def test() -> None:
        async with plane(route(), v1=script) as p, Http2Client(p.port, reads=False) as client:
            stuck = client.begin()
            await client.send(stuck, b"large", ended=True)
            await p.until(lambda: len(client.streams[stuck].body) == 65_535)
            client.h2.increment_flow_control_window(1_000_000)  # of the connection alone
            client.flush()
            assert (await client.ask()).body == b"one"
            waiting = max(each.unsent() for each in p.worker.shared.clients)
            assert waiting < 2_000_000
            client.h2.increment_flow_control_window(large_window(), stream_id=stuck)
            client.h2.increment_flow_control_window(large_window())
            client.flush()
            assert (await client.heard(stuck)).body == large

    def large_window() -> int:
        return 16_000_000

    run(test)


def test_a_server_that_does_not_read_stops_its_client_and_no_other_stream() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:  # its kernel takes what fits, and nobody reads it
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            async with plane(route(), drain=0.1, v1=V1, v2=V2) as p, Http2Client(p.port) as client:
                p.ends["v2"] = deaf.getsockname()
                await p.published(route(), replace(route("v2"), name="slow", match=Match("/slow")))
                stuck = client.begin("/slow", [(b"content-length", b"60000000")])
                sending = asyncio.create_task(client.send(stuck, b"y" * 60_000_000))
                await p.until(lambda: client.h2.local_flow_control_window(stuck) == 0)
                assert [(await client.ask(b"y" * 100_000)).body for _ in range(3)] == [b"one"] * 3
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    run(test)


def test_an_answer_that_is_cut_is_no_clean_end() -> None:
    async def cut(served: Served, request: Request) -> bool:
        served.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000)
        await served.writer.drain()
        served.reset()
        return False

    async def test() -> None:
        async with plane(route(), v1=cut) as p, Http2Client(p.port) as client:
            heard = await client.ask()
            assert not heard.ended
            assert heard.reset is not None

    run(test)


def test_a_canary_is_mirrored_and_rescued_as_over_http1() -> None:
    async def dies(served: Served, request: Request) -> bool:
        served.reset()
        return False

    async def test() -> None:
        routed = route(split=(Share("v2", 100.0),), shadows=(Share("v3", 100.0),))
        async with plane(routed, v1=V1, v2=dies, v3=V2) as p, Http2Client(p.port) as client:
            heard = [await client.ask() for _ in range(4)]
            assert {(each.status, each.version) for each in heard} == {(200, "v1")}
            await p.until(lambda: len(p.upstreams["v3"].seen) == 4)
            await p.settled()
            assert sum(p.rows("rescued").values()) == 4

    run(test)


def test_a_drain_tells_the_client_and_finishes_what_is_under_way() -> None:
    async def slow(served: Served, request: Request) -> bool:
        await asyncio.sleep(0.2)
        served.writer.write(answer(b"one"))
        return True

    async def test() -> None:
        async with plane(route(), v1=slow) as p, Http2Client(p.port) as client:
            stream = client.begin()
            await client.send(stream, b"x", ended=True)
            await p.until(lambda: p.upstreams["v1"].seen)
            p.worker._stop.set()
            assert (await client.heard(stream)).body == b"one"
            async with asyncio.timeout(20):
                await client.ended.wait()
            assert client.gone[-1] == stream
            assert len(client.gone) == 2

    run(test)


def test_a_flood_ends_the_connection_and_is_counted() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client, Http2Client(p.port) as other:
            ping = bytes.fromhex("000008060000000000") + b"12345678"
            client.raw(ping * 20_000)
            async with asyncio.timeout(20):
                await client.ended.wait()
            assert (await other.ask()).status == 200
            await p.settled()
            assert sum(count for (_, reason), count in p.rows("rejected").items() if reason == "http2_flood") == 1

    run(test)


# -- who the client is


def speaking_http2(context: ssl.SSLContext | None) -> ssl.SSLContext:
    context.set_alpn_protocols(["h2"])
    return context


def test_by_tls_versions_hear_who_the_client_is_and_no_client_says_so_itself() -> None:
    async def test() -> None:
        tls = replace(server("require", identity_header="x-client"), alpn=("h2", "http/1.1"))
        async with plane(route(), tls=tls, forwarded="x-forwarded", v1=V1) as p:
            context = speaking_http2(trusting(CLIENTS.issue("spiffe://test/one")))
            async with Http2Client(p.port, context=context) as client:
                forged = [(b"x-client", b"spiffe://test/admin"), (b"x-forwarded-proto", b"http"), (b"te", b"trailers")]
                heard = await client.ask(b"hello", forged)
                assert (heard.status, heard.body) == (200, b"one")
                seen = p.upstreams["v1"].seen[0]
                assert "spiffe://test/one" in (seen.field("x-client") or "")
                assert seen.head.lower().count(b"x-client:") == 1
                assert seen.field("x-forwarded-proto") == "https"
                large = b"x" * 300_000
                assert (await client.ask(large)).status == 200
                assert p.upstreams["v1"].seen[1].body == large

    run(test)


def test_a_connection_beyond_its_age_ends_with_notice() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p, Http2Client(p.port) as client:
            assert (await client.ask()).status == 200
            for each in p.worker.shared.clients:
                cast(Http2Downstream, each).retire(0.0)
            async with asyncio.timeout(20):
                await client.ended.wait()
            assert len(client.gone) == 2

    run(test)
