"""An HTTP server by TLS on loopback, which lets in who has a certificate of `AUTHORITY`, and sections towards it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.contracts.tls import ClientTls
from proxy.tls.server import ServerContexts
from tests.support.certificates import Authority, client_tls, server_tls

AUTHORITY = Authority()
OWN = AUTHORITY.issue("spiffe://prod/penumbra")
SERVER = AUTHORITY.issue("dns:hooks.example", "spiffe://prod/hooks")

TRUSTED = client_tls(AUTHORITY, OWN, server_name="hooks.example")
"""A section by which the server is reached; others below, with the word for why it is not."""

REFUSED: list[tuple[ClientTls, str]] = [
    (client_tls(AUTHORITY, OWN), "name_mismatch"),
    (client_tls(AUTHORITY, OWN, san="spiffe://prod/others"), "name_mismatch"),
    (client_tls(Authority("stranger"), OWN, server_name="hooks.example"), "untrusted"),
]


def contexts(client_ca: Authority = AUTHORITY) -> ServerContexts:
    """Those of the server, for clients of one authority."""
    return ServerContexts(server_tls(SERVER, client_ca=client_ca, client="require"))


@asynccontextmanager
async def https(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], secured: ServerContexts | None = None
) -> AsyncIterator[str]:
    """The URL of a server whose every path is `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app)
    await server.start_server(ssl=(secured or contexts()).front)
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()
