"""Contexts of a listener: exchanged while it listens, and never loaded into.

Why not otherwise (each is a test):
- a context in use that is given a key which does not fit its certificate has neither from then on, and refuses all;
- authorities are only ever added to a context: one that was taken out of its file would be trusted for ever;
- a context that another one hands connections to (by a callback on the name that is asked for) leaves it tickets and
  sessions, and whether certificates are asked for: a client of an authority that is gone would come back with its
  ticket, and be who it was.
- a session that is resumed is checked against nothing: with TLS 1.3 each resumption brings a new ticket, so that a
  client would come in for ever after the end of its certificate. Where certificates are asked for there are no tickets;
  sessions of TLS 1.2 by number, which `ssl` cannot turn off, are held to the end of the certificate (`peer.refusal`).
So a listener has one context for its life, which makes the connection of each client by the context that is in force
then. All that a handshake leaves behind is of that one, and gone with it.
"""

from __future__ import annotations

import ssl
from typing import Any

from proxy.contracts.tls import MinVersion, ServerTls
from proxy.tls.pem import STRENGTH, load_own, trust

CIPHERS = f"{STRENGTH}:ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2: forward secret and authenticated. Those of 1.3 all are (RFC 8446 §B.4), and OpenSSL's own choice,
as the groups are: so that one with a FIPS provider leaves out what that does not have."""

VERSIONS: dict[MinVersion, ssl.TLSVersion] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_ASKS = {"off": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}


class ServerContexts:
    """`front` is what the listener is given; `put` exchanges what it does. Raises TlsError."""

    __slots__ = ("front", "tls")

    def __init__(self, tls: ServerTls) -> None:
        self.front = _Front(ssl.PROTOCOL_TLS_SERVER)
        self.put(tls)

    def put(self, tls: ServerTls) -> None:
        """From now on new connections are made by `tls`. Raises TlsError, and changes nothing then."""
        self.front.current = server_context(tls)
        self.tls = tls


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """A context by what the files of `tls` held. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[tls.min_version]
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.alpn:
        context.set_alpn_protocols(list(tls.alpn))
    load_own(context, tls.material.certificate, tls.material.key)
    context.num_tickets = 1  # a second one costs a tenth of a handshake, and each resumption brings another
    if tls.client != "off":
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # an intermediate authority may be the one
        trust(context, tls.material.ca)
        context.verify_mode = _ASKS[tls.client]
    return context


class _Front(ssl.SSLContext):
    """Makes connections by `current`. Event loops ask a context for nothing else."""

    current: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.current.wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return self.current.wrap_socket(*args, **kwargs)
