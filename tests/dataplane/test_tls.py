"""Versions that are spoken to by TLS, through sockets: as in clear, and what only TLS can do wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from asyncio.streams import StreamReader, StreamWriter
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.table import Rescue, Share, Timeouts
from proxy.contracts.tls import ClientTls
from proxy.dataplane.handshakes import SERVER
from tests.support.certificates import Authority, client_tls
from tests.support.plane import Plane, get, plane, post, post_chunks, route, run
from tests.support.scripted import Request, Script, Served, answer, huge, says, says_and_closes, serving
from tests.support.secured import Secured, mutual, secured, server_context

ONE = says(answer(b"one"))
QUICK = Timeouts(connect=0.3, response=5.0)


def raw_socket(served: Served) -> socket.socket:
    """The socket below a connection."""
    return socket.socket(fileno=served.writer.get_extra_info("socket").fileno())


def cuts_off(data: bytes) -> Script:
    """Answers, and ends the connection with FIN, without `close_notify`."""

    async def script(served: Served, request: Request) -> bool:
        served.writer.write(data)
        await served.writer.drain()
        await asyncio.sleep(0.02)
        sock = raw_socket(served)
        try:
            sock.shutdown(socket.SHUT_WR)
        finally:
            sock.detach()
        return True

    return script


def handshakes(p: Plane) -> dict[str, int]:
    return {result: count for (side, result), count in p.rows("handshakes").items() if side == SERVER}


@pytest.mark.parametrize("of", [secured, mutual])
def test_requests_and_answers_of_every_kind_on_one_connection(of: Callable[[], Secured]) -> None:
    async def test() -> None:
        async with plane(route(), secured=of(), v1=ONE) as p:
            client = await p.connect()
            for raw in (get(), post(), post(b"x" * 3_000_000), post_chunks(b"a", b"b" * 70_000), get()):
                assert (await client.ask(raw)).body == b"one"
            p.upstreams["v1"].script = huge(3_000_000)
            assert len((await client.ask(get())).body) == 3_000_000
            client.close()
            assert p.upstreams["v1"].connections == 1
            assert [len(each.body) for each in p.upstreams["v1"].seen] == [0, 14, 70_001, 0, 0]
            await p.settled()
            assert handshakes(p) == {"ok": 1}

    run(test)


# handshakes that fail


def refusing() -> dict[str, tuple[Secured, str]]:
    """Servers that nobody may speak to, and why."""
    own, stranger = secured().authority, Authority("Somebody else")
    day = 86_400.0

    def of(server: ssl.SSLContext, client: ClientTls, **more: Any) -> Secured:
        return Secured(server, replace(client, **more) if more else client, own)

    trusting = client_tls(own)
    return {
        "of a stranger": (of(server_context(stranger.issue("ip:127.0.0.1")), trusting), "untrusted"),
        "expired": (of(server_context(own.issue("ip:127.0.0.1", not_after=1e9 + day)), trusting), "expired"),
        "of another name": (of(server_context(own.issue("dns:other")), trusting), "name_mismatch"),
        "of another identity": (
            of(server_context(own.issue("ip:127.0.0.1", "spiffe://test/v2")), trusting, san="spiffe://test/v1"),
            "name_mismatch",
        ),
        "of two identities": (
            of(server_context(own.issue("spiffe://test/v1", "uri:urn:x")), trusting, san="spiffe://test/v1"),
            "name_mismatch",
        ),
    }


@pytest.mark.parametrize("name", refusing())
def test_a_handshake_that_fails_is_a_leg_that_fails_and_is_rescued(name: str) -> None:
    bad, why = refusing()[name]

    async def test() -> None:
        asked = route(split=(Share("v2", 100.0),), shadows=(Share("v3", 100.0),), rescue=Rescue())
        async with plane(asked, secured=secured(), v1=ONE, v2=ONE, v3=ONE) as p:
            for each in ("v2", "v3"):
                p.trusted[each] = bad.client
                await p.upstreams[each].stop()
                p.upstreams[each].tls = bad.server
                await p.upstreams[each].start()
            await p.published(asked)
            assert (await p.ask(post())).version == "v1"
            await p.settled()
            assert p.rows("rescued") == {("r", "v2", "tls_failed"): 1}
            assert p.codes() == {
                ("v2", "canary", "tls_failed"): 1,
                ("v1", "rescue", "200"): 1,
                ("v3", "shadow", "tls_failed"): 1,
            }
            assert p.bad() == {("v2", "canary"): 1, ("v3", "shadow"): 1}
            assert handshakes(p) == {"ok": 1, why: 2}
            assert not p.upstreams["v2"].seen and not p.upstreams["v3"].seen, "nobody got a byte of a request"

    run(test)


async def in_clear(reader: StreamReader, writer: StreamWriter) -> None:
    """Speaks no TLS."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def ends(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(1)


async def resets_it(reader: StreamReader, writer: StreamWriter) -> None:
    Served(reader, writer).reset()


async def garbage(reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"\x16\x03\x03\xff\xff" + b"\x00\xff" * 50_000)
    await reader.read(-1)


async def stalls(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(-1)


HANDLERS = {
    "in clear": (in_clear, "not_tls"),
    "ends": (ends, "closed"),
    "resets": (resets_it, "closed"),
    "garbage": (garbage, "protocol"),
    "stalls": (stalls, "timeout"),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_server_without_a_handshake(name: str) -> None:
    handler, why = HANDLERS[name]

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=ONE) as p, serving(handler) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route(timeouts=QUICK))
            reply = await p.ask(post())
            problem = json.loads(reply.body)
            assert (reply.status, problem["reason"]) == (502, "tls_failed") and problem["detail"].startswith("TLS: ")
            await p.settled()
            assert p.codes() == {("v1", "primary", "tls_failed"): 1} and p.bad() == {("v1", "primary"): 1}
            assert list(handshakes(p).values()) == [1] and set(handshakes(p)) <= {why, "other", "not_tls"}

    run(test)


def test_a_server_that_refuses_our_certificate_after_the_handshake() -> None:
    """TLS 1.3: the client is done before the server has looked."""

    async def test() -> None:
        async with plane(route(), secured=mutual(), v1=ONE) as p:
            p.trusted["v1"] = client_tls(mutual().authority)
            await p.published(route())
            reply = await p.ask(post())
            assert reply.status == 502
            await p.settled()
            ((key, count),) = p.codes().items()
            assert key in (("v1", "primary", "tls_failed"), ("v1", "primary", "reset")) and count == 1
            assert not p.upstreams["v1"].seen

    run(test)


# ends


def test_a_body_that_ends_with_the_connection_is_whole_with_close_notify_alone() -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\nhello"

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=says_and_closes(data)) as p:
            reply = await p.ask(post())
            assert (reply.body, reply.whole) == (b"hello", True)
            p.upstreams["v1"].script = cuts_off(data)
            reply = await p.ask(post())
            assert not reply.whole
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 1, ("v1", "primary", "reset"): 1}

    run(test)


def test_a_slow_client_gets_all_of_a_last_answer() -> None:
    """The server has gone long before the client has read; what it sent is not lost."""
    size = 1_500_000

    async def last(served: Served, request: Request) -> bool:
        served.writer.write(answer(b"x" * size, fields="Connection: close\r\n"))
        return False

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=last) as p:
            client = await p.connect()
            client.reads(False)
            client.send(get())
            await p.until(lambda: p.upstreams["v1"].seen)
            await asyncio.sleep(0.2)
            client.reads(True)
            reply = await client.reply()
            assert (len(reply.body), reply.whole) == (size, True)
            client.close()

    run(test)


def closes_after(first: Script) -> Script:
    """Answers, and ends the connection while it is idle."""

    async def script(served: Served, request: Request) -> bool:
        await first(served, request)
        asyncio.get_running_loop().call_later(0.0, served.writer.close)
        return True

    return script


def test_an_idle_connection_that_its_server_ends_costs_nothing() -> None:
    async def test() -> None:
        async with plane(route(), secured=secured(), v1=closes_after(ONE)) as p:
            client = await p.connect()
            for _ in range(30):
                assert (await client.ask(post())).status == 200
            client.close()
            await p.settled()
            assert p.codes() == {("v1", "primary", "200"): 30}

    run(test)


@pytest.mark.parametrize("crash", [says_and_closes(b""), cuts_off(b"")], ids=["close_notify", "FIN"])
def test_a_request_that_was_taken_is_not_sent_again(crash: Script) -> None:
    """Whatever TLS itself has to say at the end, it does not look like a request that was not taken."""

    async def script(served: Served, request: Request) -> bool:
        return await (crash if request.body == b"crash" else ONE)(served, request)

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=script) as p:
            client = await p.connect()
            for _ in range(5):
                assert (await client.ask(post())).status == 200
                assert (await client.ask(post(b"crash"))).status == 502
            client.close()
            bodies = [each.body for each in p.upstreams["v1"].seen]
            assert bodies.count(b"crash") == 5
            await p.settled()
            assert p.rows("retries") == {}

    run(test)


# other certificates


def test_other_certificates_are_in_force_at_once_and_cost_no_request() -> None:
    """Each table brings others; a request is under way all the time."""
    authorities = [Authority(f"CA {number}") for number in range(12)]

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=says(answer(b"one"), delay=0.01)) as p:
            stop = asyncio.Event()
            server = p.upstreams["v1"]

            async def asks() -> int:
                client, count = await p.connect(), 0
                while not stop.is_set():
                    assert (await client.ask(post())).body == b"one"
                    count += 1
                client.close()
                return count

            asking = [asyncio.create_task(asks()) for _ in range(8)]
            for authority in authorities:
                p.trusted["v1"] = client_tls((secured().authority, authority))
                due = server.connections + 8
                await p.published(route())
                await p.until(lambda: server.connections >= due)  # noqa: B023 (it is asked at once)
            stop.set()
            assert min(await asyncio.gather(*asking)) >= len(authorities)
            await p.settled()
            assert set(p.codes()) == {("v1", "primary", "200")}
            await p.until(lambda: len(server._tasks) == 8)

    run(test)


def test_an_authority_that_was_removed_is_out_at_once() -> None:
    async def test() -> None:
        async with plane(route(), secured=secured(), v1=ONE) as p:
            client = await p.connect()
            assert (await client.ask(post())).status == 200
            p.trusted["v1"] = client_tls(Authority())
            await p.published(route())
            assert (await client.ask(post())).status == 502
            await p.until(lambda: not p.upstreams["v1"]._tasks)
            p.trusted["v1"] = secured().client
            await p.published(route())
            assert (await client.ask(post())).status == 200
            client.close()

    run(test)


def test_a_tunnel() -> None:
    async def handshake(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
        while data := await reader.read(100):
            writer.write(data.upper())

    async def test() -> None:
        async with plane(route(), secured=secured(), v1=ONE) as p, serving(handshake, secured().server) as port:
            p.ends["v1"] = ("127.0.0.1", port)
            await p.published(route())
            client = await p.connect()
            assert (await client.ask(get(fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"))).status == 101
            assert await client.reader.readexactly(2) == b"hi"
            client.send(b"hello")
            assert await client.reader.readexactly(5) == b"HELLO"
            client.close()
            await p.until(lambda: not p.worker.shared.exchanges)

    run(test)
