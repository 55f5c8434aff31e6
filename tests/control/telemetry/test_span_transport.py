"""Spans by TLS: the HTTP library of the exporter is held to `tracing.tls`, and to nothing else."""

from __future__ import annotations

import asyncio

import pytest
import requests
from aiohttp import web
from msgspec.structs import replace

from proxy.contracts.journal import Tracing
from proxy.contracts.tls import ClientTls
from proxy.control.telemetry.span_transport import SpanTransport, session_by
from proxy.control.telemetry.tracing import Tracer
from proxy.tls.server import ServerContexts
from tests.control.records import answer
from tests.control.telemetry.test_tracing import Told
from tests.support.certificates import Authority, client_tls
from tests.support.https import AUTHORITY, OWN, REFUSED, TRUSTED, contexts, https


def sent(*sections: ClientTls, secured: list[ServerContexts] | None = None) -> tuple[list[str], int]:
    """Why each of the sections failed ("" where it did not), and how many requests arrived."""
    arrived: list[int] = []

    async def collect(_: web.Request) -> web.Response:
        arrived.append(1)
        return web.Response()

    async def scene() -> list[str]:
        transport, server, why = SpanTransport(sections[0]), contexts(), list[str]()
        async with https(collect, server) as url:
            for at, tls in enumerate(sections):
                if secured:
                    server.put(secured[at].tls)
                transport.use(tls)
                why.append(await asyncio.to_thread(posted, transport, url))
            transport.close()
        return why

    return asyncio.run(scene()), len(arrived)


def posted(transport: SpanTransport, url: str) -> str:
    """The word for why a request failed."""
    try:
        session_by(transport).post(url, b"spans", timeout=30).close()
    except requests.exceptions.ConnectionError:
        assert transport.why
    return transport.why


def test_a_collector_is_held_to_the_section_and_let_in_by_it() -> None:
    by_san = replace(TRUSTED, server_name="", san="spiffe://prod/hooks")
    assert sent(TRUSTED) == sent(by_san) == ([""], 1)
    assert sent(client_tls((), OWN, insecure_skip_verify=True)) == ([""], 1)


@pytest.mark.parametrize(("tls", "why"), REFUSED)
def test_one_that_is_not_who_it_has_to_be_is_sent_nothing(tls: ClientTls, why: str) -> None:
    assert sent(tls) == ([why], 0)


def test_authorities_of_the_library_are_no_authorities_here(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    bundle = f"{tmp_path}/bundle.crt"
    with open(bundle, "w", encoding="utf-8") as file:
        file.write(AUTHORITY.certificate)
    for name in ("REQUESTS_CA_BUNDLE", "OTEL_EXPORTER_OTLP_CERTIFICATE"):
        monkeypatch.setenv(name, bundle)
    assert sent(client_tls(Authority("stranger"), OWN, server_name="hooks.example")) == (["untrusted"], 0)


def test_a_rotation_is_of_the_next_batch() -> None:
    after = Authority("next")
    renewed = replace(TRUSTED, material=after.issue("dns:me").material(AUTHORITY))
    assert sent(TRUSTED, renewed, secured=[contexts(), contexts(after)]) == (["", ""], 2)
    gone = client_tls(after, OWN, server_name="hooks.example")
    assert sent(TRUSTED, gone, TRUSTED) == (["", "untrusted", ""], 2)


def test_spans_arrive_by_it_and_a_rotation_is_the_same_tracing() -> None:
    bodies: list[int] = []

    async def scene() -> None:
        arrived = asyncio.Event()

        async def collect(request: web.Request) -> web.Response:
            bodies.append(len(await request.read()))
            arrived.set()
            return web.Response()

        async with https(collect) as url:
            tracer = Tracer(dict)
            tracer.use(Tracing(url, 100.0, TRUSTED))
            before = tracer._spans
            tracer.use(Tracing(url, 100.0, replace(TRUSTED, material=AUTHORITY.issue("dns:me").material(AUTHORITY))))
            assert tracer._spans is before
            Told(tracer)(answer())
            await arrived.wait()
            tracer.use(None)
            for _, thread in tracer._retired:
                await asyncio.to_thread(thread.join)

    asyncio.run(scene())
    assert len(bodies) == 1 and bodies[0] > 100
