"""Listeners of a worker with real sockets: certificates and authorities that change, clients that misbehave."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.table import Table
from proxy.contracts.tls import ServerTls, TlsMaterial
from proxy.dataplane.fronts import Fronts, TurnedAway
from proxy.dataplane.memory import Memory
from proxy.dataplane.recorder import Recorder
from proxy.dataplane.secured.connection import SecuredConnection
from proxy.dataplane.shared import Shared
from proxy.dataplane.tally import Tally
from proxy.link.outbox import Outbox
from tests.support.certificates import Authority, server_tls
from tests.support.plane import Client, Plane, get, plane, post, route, run, timings
from tests.support.scripted import answer, says
from tests.support.tls_peer import CA, CLIENTS, SERVER, TlsPeer, server, trusting

V1 = says(answer(b"one"))
ONE = CLIENTS.issue("spiffe://test/one")


async def put(p: Plane, tls: ServerTls | None) -> None:
    """Publishes another section of the listener."""
    p.tls = tls
    await p.published(route())


async def came_back(p: Plane, client: Client) -> bool:
    """Whether the connection still answers."""
    reply = await client.ask(get())
    return reply.status == 200


def names(client: Client) -> Any:
    return client.writer.get_extra_info("ssl_object").getpeercert()["subjectAltName"]


def test_a_new_certificate_is_shown_to_new_connections_and_no_connection_is_dropped() -> None:
    async def test() -> None:
        async with plane(route(), tls=server(), v1=V1) as p:
            old = await p.connect()
            await put(p, server(issued=CA.issue("dns:localhost", "dns:new.test")))
            assert await came_back(p, old) and ("DNS", "new.test") not in names(old)
            new = await p.connect()
            assert await came_back(p, new) and ("DNS", "new.test") in names(new)
            for client in (old, new):
                client.close()

    run(test)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_authority_that_was_taken_out_lets_nobody_in_not_by_a_ticket_either(version: ssl.TLSVersion) -> None:
    async def test() -> None:
        tls = server("require")
        async with plane(route(), tls=tls, times=timings(drain_idle=0.05), v1=V1) as p:
            p.context = trusting(ONE)
            p.context.maximum_version = version
            old = await p.connect()
            assert await came_back(p, old)
            session = old.writer.get_extra_info("ssl_object").session
            both = Authority("Other")
            await put(p, server_tls(SERVER, client_ca=(both, CLIENTS), client="require"))
            assert await came_back(p, old), "one more authority takes nobody out"
            await put(p, server_tls(SERVER, client_ca=both, client="require"))
            assert await old.ended(), "idle connections of before end"
            assert await resumed(p, session) == b""
            old.close()

    run(test)


async def resumed(p: Plane, session: Any) -> bytes:
    """What a client hears that comes back with a session."""

    def talk() -> bytes:
        assert p.context is not None
        with socket.create_connection(("127.0.0.1", p.port)) as raw:
            try:
                with p.context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                    sock.sendall(get())
                    return sock.recv(100)
            except OSError:
                return b""

    return await asyncio.to_thread(talk)


def test_whom_the_new_section_asks_for_a_certificate_has_to_show_one() -> None:
    async def test() -> None:
        async with plane(route(), tls=server(), times=timings(drain_idle=0.05), v1=V1) as p:
            old = await p.connect()
            assert await came_back(p, old)
            await put(p, server("require"))
            assert await old.ended()
            p.context = trusting(ONE)
            new = await p.connect()
            assert await came_back(p, new)
            for client in (old, new):
                client.close()

    run(test)


def test_what_is_the_proxys_own_from_now_on_no_connection_of_before_writes() -> None:
    async def test() -> None:
        forged = get(fields="X-New: forged\r\n")
        async with plane(route(), tls=server("require", identity_header="x-old"), v1=V1) as p:
            p.context = trusting(ONE)
            old = await p.connect()
            assert (await old.ask(forged)).status == 200
            assert b"X-New: forged" in p.upstreams["v1"].seen[-1].head
            assert b"x-old: spiffe://test/one" in p.upstreams["v1"].seen[-1].head
            await put(p, server("require", identity_header="x-new"))
            assert (await old.ask(forged)).status == 200
            assert b"forged" not in p.upstreams["v1"].seen[-1].head
            assert b"x-new: spiffe://test/one" in p.upstreams["v1"].seen[-1].head
            old.close()

    run(test)


def test_tls_can_come_and_go_without_a_restart() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            await put(p, server())
            p.context = trusting()
            assert (await p.ask(get())).status == 200
            await put(p, None)
            p.context = None
            assert (await p.ask(get())).status == 200

    run(test)


def test_a_listener_without_a_certificate_that_can_be_used_speaks_with_nobody_in_clear() -> None:
    broken = replace(server(), material=TlsMaterial("no", "certificate"))
    fronts = Fronts(_shared(), print)
    fronts.follow(Table(1, {}, (), listeners=(broken, None)))
    assert isinstance(fronts.client(0), TurnedAway) and not isinstance(fronts.client(1), TurnedAway)
    fronts.follow(Table(2, {}, (), listeners=(server(),)))
    fronts.follow(Table(3, {}, (), listeners=(broken,)))
    assert isinstance(fronts.client(0), SecuredConnection), "what was in force stays"


def _shared() -> Shared:
    return Shared(Tally(), Recorder(Outbox(0, ""), 0.0, Memory(1 << 24)), timings(), 10, lambda: 0.0)


def test_slow_handshakes_keep_nobody_out_and_end() -> None:
    async def test() -> None:
        bounds = ClientBounds(handshakes=8)
        async with plane(route(), tls=server(), v1=V1) as p:
            p.worker.shared.bounds = bounds
            slow = [await asyncio.open_connection("127.0.0.1", p.port) for _ in range(100)]
            for _, writer in slow[::2]:
                writer.write(b"\x16\x03\x01")
            assert (await p.ask(get())).status == 200
            admission, shared = p.worker._fronts.admission, p.worker.shared
            await p.until(lambda: len(admission.under_way) <= 50 + 8)  # the silent ones, and who may have begun
            admission.sweep(shared.clock() + bounds.handshake_timeout)
            await p.until(lambda: not (admission.under_way or shared.secured))
            await p.until(lambda: sum(p.rows("handshakes").values()) == 101)
            assert set(p.rows("handshakes")) == {("client", each) for each in ("ok", "too_many", "timeout")}
            for _, writer in slow:
                writer.close()

    run(test)


def test_a_connection_that_is_too_old_ends_with_its_next_answer_or_idle() -> None:
    async def test() -> None:
        async with plane(route(), tls=server(), times=timings(drain_idle=0.05), v1=V1) as p:
            busy, idle = await p.connect(), await p.connect()
            for client in (busy, idle):
                reply = await client.ask(get())
                assert (reply.status, reply.field("connection")) == (200, None)
            for each in p.worker.shared.clients:
                each.retire(0.0)  # type: ignore[attr-defined]
            reply = await busy.ask(get())
            assert reply.field("connection") == "close"
            assert await busy.ended() and await idle.ended()
            for client in (busy, idle):
                client.close()

    run(test)


def test_a_slow_reader_holds_back_its_server_by_tls_too() -> None:
    async def test() -> None:
        large = answer(b"y" * 30_000_000)
        async with plane(route(), tls=server(), v1=says(large)) as p:
            client = await p.connect()
            client.reads(False)
            client.send(post())
            shared = p.worker.shared
            await p.until(lambda: any(each.unsent() for each in shared.clients))
            seen = len(p.ticks)
            await p.until(lambda: len(p.ticks) > seen + 20)
            assert all(each.unsent() < 2_000_000 for each in shared.clients)
            client.reads(True)
            assert len((await client.reply()).body) == 30_000_000
            client.close()

    run(test)


def test_a_flood_of_handshakes_takes_turns_with_the_traffic() -> None:
    async def test() -> None:
        flood = 60
        async with plane(route(), tls=server(), v1=V1) as p:
            client = await p.connect()
            assert await came_back(p, client)
            sockets = [socket.create_connection(("127.0.0.1", p.port)) for _ in range(flood)]
            await p.until(lambda: len(p.worker._fronts.admission.under_way) == flood)
            for sock in sockets:  # all before the next turn of the loop
                sock.sendall(TlsPeer().hear(b""))
            assert await came_back(p, client)
            shared = p.worker.shared
            assert shared.secured < flood // 2, "the answer did not wait for all of them"
            await p.until(lambda: shared.secured == flood + 1)
            for sock in sockets:
                sock.close()
            client.close()

    run(test)


@pytest.mark.parametrize("by_tls", [False, True])
def test_versions_hear_where_a_request_came_from_and_by_whom(by_tls: bool) -> None:
    async def test() -> None:
        tls = server("require", identity_header="x-who") if by_tls else None
        async with plane(route(), tls=tls, forwarded="x-forwarded", v1=V1) as p:
            p.context = trusting(ONE) if by_tls else None
            assert (await p.ask(get(fields="X-Forwarded-For: 192.0.2.1\r\nX-Who: me\r\n"))).status == 200
            seen = p.upstreams["v1"].seen[0]
            assert seen.field("x-forwarded-for") == "192.0.2.1, 127.0.0.1"
            assert seen.field("x-forwarded-proto") == ("https" if by_tls else "http")
            assert seen.field("x-who") == ("spiffe://test/one" if by_tls else "me"), "reserved where a listener says so"

    run(test)
