"""The admin API by TLS, on a socket: who gets in, as whom, and what those hear who do not."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import uvloop
from msgspec.structs import replace

from proxy.contracts.operation import Admin, CertificateRole, Token
from proxy.contracts.tls import ClientTls, ServerTls
from proxy.control.api import listener, secured
from proxy.control.api.handlers import application
from proxy.control.api.listener import AdminListener
from proxy.tls.client import client_context
from proxy.tls.reason import TlsError
from proxy.tls.server import ServerContexts
from tests.control.api.test_handlers import context_of
from tests.control.houses import House, section, settings
from tests.support.certificates import Authority, client_tls, server_tls

CA, OTHER_CA = Authority(), Authority("another")
SERVER = CA.issue("ip:127.0.0.1", "dns:localhost")
OPS, GUEST = CA.issue("spiffe://prod/ns/ops/cli"), CA.issue("dns:guest")
ROLES = (CertificateRole(("spiffe://prod/ns/ops/*",), "operate"), CertificateRole(("dns:guest",), "read"))
NOBODY = client_tls(CA)


class Api:
    """A listener by TLS, and calls of it."""

    def __init__(self, listener_: AdminListener, port: int) -> None:
        self.listener, self.port = listener_, port

    async def ask(
        self, tls: ClientTls = NOBODY, path: str = "/v1/routes", method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method,
                f"https://localhost:{self.port}{path}",
                json=body,
                headers=headers,
                ssl=client_context(tls),
            ) as response,
        ):
            return response.status, await response.json()

    async def raw(self, sent: bytes) -> bytes:
        """What comes back to bytes in clear."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answer

    @property
    def results(self) -> dict[str, int]:
        return dict(self.listener.handshakes)


def play(tls: ServerTls, story: Callable[[Api], Awaitable[None]], **given: Any) -> None:
    async def scene() -> None:
        house = House(settings(section("r")))
        admin = Admin(tls=tls, **given)
        house.engine.settings = replace(house.engine.settings, admin=admin)
        context = context_of(house)
        api = AdminListener(application(context), context.connections)
        sock = socket.create_server(("127.0.0.1", 0))
        await api.start([sock], tls)
        try:
            await asyncio.wait_for(story(Api(api, sock.getsockname()[1])), 60)
        finally:
            await asyncio.wait_for(api.close(), 10)
        assert not len(context.connections)
        assert api.secured is not None and not api.secured.shaking

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())


def test_probes_come_without_a_certificate_and_all_else_by_role() -> None:
    async def story(api: Api) -> None:
        for path in ("/healthz", "/readyz"):
            assert (await api.ask(path=path))[0] == 200
        assert (await api.ask())[0] == 401
        assert (await api.ask(client_tls(CA, GUEST)))[0] == 200
        status, refused = await api.ask(client_tls(CA, GUEST), "/v1/routes/r/split", "PUT", {"v2": 5})
        assert (status, refused["detail"]) == (403, "dns:guest has the role read; operate is needed")
        ops = client_tls(CA, OPS)
        assert (await api.ask(ops, "/v1/routes/r/split", "PUT", {"v2": 5}))[0] == 200
        _, audit = await api.ask(ops, "/v1/audit")
        assert audit["entries"][0]["who"] == "spiffe://prod/ns/ops/cli"
        evil = {"Origin": "https://evil.example"}
        assert (await api.ask(ops, "/v1/routes/r/split", "PUT", {"v2": 5}, **evil))[0] == 403
        token = {"Authorization": "Bearer s"}
        assert (await api.ask(client_tls(CA, GUEST), "/v1/routes/r/split", "PUT", {"v2": 6}, **token))[0] == 200
        assert set(api.results) == {"ok"}

    tls = server_tls(SERVER, client_ca=CA, client="optional")
    play(tls, story, roles=ROLES, tokens=(Token("ci", "s", "operate"),))


def test_who_is_not_let_in_hears_it_by_tls() -> None:
    async def story(api: Api) -> None:
        assert (await api.ask(client_tls(CA, OPS)))[0] == 200
        strangers = [NOBODY, client_tls(CA, OTHER_CA.issue("spiffe://prod/ns/ops/cli")), client_tls(CA, GUEST)]
        said = []
        for tls in strangers:
            with pytest.raises((aiohttp.ClientError, OSError)) as caught:
                await api.ask(tls)
            said.append(str(caught.value).lower())
        assert "certificate required" in said[0] and "unknown ca" in said[1]
        assert {"ok", "no_certificate", "untrusted", "not_allowed"} == set(api.results)

    play(server_tls(SERVER, client_ca=CA, client="require", allow=("spiffe://prod/ns/ops/*",)), story)


def test_http_in_clear_is_told_so_in_clear_and_noise_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def story(api: Api) -> None:
        answer = await api.raw(b"GET /v1/routes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ") and b"https" in answer
        assert await api.raw(b"\x00\x01\x02") == b""
        assert (await api.raw(b"\x16\x03\x01\x00\x05hello"))[:1] == b"\x15"  # an alert
        assert (await api.ask())[0] == 200
        assert api.results["not_tls"] == 2 and api.results["ok"] == 1

    with caplog.at_level(logging.WARNING):
        play(server_tls(SERVER), story)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_handshakes_that_do_not_end_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secured, "MAX_HANDSHAKES", 8)

    async def story(api: Api) -> None:
        crowd = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(20)]
        for _, writer in crowd:
            writer.write(b"\x16\x03\x01")
        assert (await api.ask())[0] == 200
        assert api.listener.secured is not None and len(api.listener.secured.shaking) <= 8
        for reader, writer in crowd[:10]:
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        for _, writer in crowd[10:]:
            writer.close()
        while api.listener.secured.shaking:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)

    play(server_tls(SERVER), story)


def test_a_handshake_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secured, "HANDSHAKE_SECONDS", 0.05)
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.02)

    async def story(api: Api) -> None:
        for sent in (b"", b"\x16\x03"):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(sent)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        assert api.results == {"timeout": 1}  # who has said nothing has begun none

    play(server_tls(SERVER), story)


def test_a_rotation_is_seen_by_new_connections_and_an_authority_that_is_gone_ends_the_old() -> None:
    tls = server_tls(SERVER, client_ca=[CA, OTHER_CA], client="require")
    theirs = client_tls(CA, OTHER_CA.issue("dns:theirs"))

    async def story(api: Api) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", api.port, ssl=client_context(theirs), server_hostname="localhost"
        )
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        renewed = CA.issue("dns:localhost", "dns:new")
        api.listener.use(server_tls(renewed, client_ca=[CA, OTHER_CA], client="require"))
        await reader.readuntil(b"}")
        writer.write(request)  # the connection of before goes on
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        assert await shown(api, theirs) == ("localhost", "new")
        broken = replace(tls, material=replace(tls.material, key="none"))
        api.listener.use(broken)
        assert await shown(api, theirs) == ("localhost", "new")
        api.listener.use(server_tls(renewed, client_ca=CA, client="require"))
        assert await reader.read() == b""
        writer.close()
        with pytest.raises((aiohttp.ClientError, OSError)):
            await api.ask(theirs)

    play(tls, story)


def test_without_a_certificate_that_can_be_used_all_are_turned_away_until_there_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = server_tls(SERVER)
    broken = replace(good, material=replace(good.material, key="none"))

    async def story(api: Api) -> None:
        with pytest.raises((aiohttp.ClientError, OSError)):
            await api.ask(path="/healthz")
        with suppress(OSError):
            assert await api.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") == b""  # nor in clear
        api.listener.use(broken)
        api.listener.use(good)
        assert (await api.ask(path="/healthz"))[0] == 200
        assert api.results == {"other": 2, "ok": 1}

    play(broken, story)
    assert "all are turned away" in caplog.text


def test_what_could_not_be_used_for_want_of_something_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(tls: ServerTls) -> ServerContexts:
        raise TlsError("too many open files")

    now = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(secured, "ServerContexts", without)
        made = secured.AdminTls(server_tls(SERVER), asyncio.Protocol, lambda: now)
    made.look()
    assert made.contexts is None
    now = secured.AGAIN_SECONDS
    made.look()
    assert made.contexts is not None


async def shown(api: Api, tls: ClientTls) -> tuple[str, ...]:
    """The names that the listener shows."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", api.port, ssl=client_context(tls), server_hostname="localhost"
    )
    certificate = writer.get_extra_info("peercert")
    writer.close()
    return tuple(value for _, value in certificate["subjectAltName"])


def test_large_answers_and_bodies_in_pieces_go_through() -> None:
    async def story(api: Api) -> None:
        status, document = await api.ask(path="/openapi.json")
        assert status == 200 and document["openapi"]
        status, refused = await api.ask(path="/v1/feedback", method="POST", body=["x" * 200_000])
        assert status in (400, 401, 403, 422), refused

    play(server_tls(SERVER), story)


def test_old_protocols_are_refused() -> None:
    async def story(api: Api) -> None:
        context = client_context(NOBODY)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match="VERSION"):
            await asyncio.open_connection("127.0.0.1", api.port, ssl=context, server_hostname="localhost")

    play(server_tls(SERVER, min_version="1.3"), story)
