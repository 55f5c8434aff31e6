"""Model servers that speak TLS, and what a proxy needs to know of them."""

from __future__ import annotations

import ssl
from functools import cache
from typing import NamedTuple

from proxy.contracts.tls import ClientTls
from proxy.tls.pem import load_own, trust
from tests.support.certificates import Authority, Issued, client_tls


class Secured(NamedTuple):
    """How model servers are spoken to: their context, the section towards them, and whose certificates these are."""

    server: ssl.SSLContext
    client: ClientTls
    authority: Authority


@cache
def secured() -> Secured:
    """Model servers with a certificate for 127.0.0.1 of an authority of their own."""
    authority = Authority()
    return Secured(server_context(authority.issue("ip:127.0.0.1", "dns:localhost")), client_tls(authority), authority)


@cache
def mutual() -> Secured:
    """The same; they ask for a certificate of that authority, and get one."""
    authority = Authority()
    server = server_context(authority.issue("ip:127.0.0.1"), authority)
    return Secured(server, client_tls(authority, authority.issue("spiffe://test/penumbra")), authority)


def server_context(issued: Issued, clients: Authority | None = None) -> ssl.SSLContext:
    """That of a server with this certificate. `clients`: the authority of those that it admits."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_own(context, issued.certificate, issued.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        trust(context, clients.certificate)
    return context
