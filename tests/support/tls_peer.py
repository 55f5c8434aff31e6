"""The client's end of TLS in memory: what it sends, and what it hears."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable

from proxy.contracts.tls import ServerTls
from proxy.tls.pem import load_own
from tests.support.certificates import Authority, Issued, server_tls

CA = Authority()
"""Signs the servers' certificates of all tests."""

CLIENTS = Authority("Clients")
"""Signs the clients'."""

SERVER = CA.issue("dns:localhost", "ip:127.0.0.1", "spiffe://test/server")


def server(client: str = "off", allow: Iterable[str] = (), issued: Issued = SERVER, **given: str) -> ServerTls:
    """A listener's section."""
    authorities = CLIENTS if client != "off" else ()
    return server_tls(issued, client_ca=authorities, client=client, allow=tuple(allow), **given)


def trusting(issued: Issued | None = None, ca: Authority = CA) -> ssl.SSLContext:
    """The context of a client that trusts `ca`, and shows `issued`."""
    context = ssl.create_default_context(cadata=ca.certificate)
    if issued is not None:
        load_own(context, issued.certificate, issued.key)
    return context


class TlsPeer:
    """A client in memory. `said`: bytes for the server; `heard`: plain text from it; `error`: how it has failed."""

    def __init__(self, context: ssl.SSLContext | None = None, name: str | None = "localhost") -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = context or trusting()
        if name is None:
            context.check_hostname = False
        self.session = context.wrap_bio(self._in, self._out, server_hostname=name)
        self.heard = b""
        self.ended = False
        self.error: ssl.SSLError | None = None
        self._shaken = False

    def hear(self, data: bytes) -> bytes:
        """Takes bytes of the server; returns what it sends by itself."""
        self._in.write(data)
        try:
            if not self._shaken:
                self.session.do_handshake()
                self._shaken = True
            while piece := self.session.read(65536):
                self.heard += piece
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = error
        return self.taken()

    def say(self, data: bytes) -> bytes:
        """`data` as records."""
        self.session.write(data)
        return self.taken()

    def goodbye(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        return self.taken()

    def taken(self) -> bytes:
        return self._out.read()
