"""Contexts for calls by libraries that know a context and nothing of a section: it asks for `server_name` by itself,
and a server that is not `san` fails in the handshake, before anything is sent to it.
"""

from __future__ import annotations

import logging
import socket
import ssl
from typing import Any

from proxy.contracts.tls import ClientTls
from proxy.tls.client import prepare
from proxy.tls.peer import verify
from proxy.tls.reason import TlsError

log = logging.getLogger("penumbra.tls")

HOSTNAME_MISMATCH = 62
"""X509_V_ERR_HOSTNAME_MISMATCH, which OpenSSL would have said."""


class CallContext:
    """The context in force for the calls of one section, as `place` names it. Made with the first call, and anew where
    the section, or what its files hold, is another one."""

    __slots__ = ("_context", "_place", "tls")

    def __init__(self, place: str, tls: ClientTls) -> None:
        self._place, self.tls = place, tls
        self._context: ssl.SSLContext | None = None

    def use(self, tls: ClientTls) -> bool:
        """Whether calls go by another context from now on. One that cannot be made leaves that in force."""
        if tls == self.tls:
            return False
        if self._context is not None:
            try:
                self._context = call_context(tls)
            except TlsError as error:
                log.error("%s: TLS cannot be set up, what was in force stays: %s", self._place, error)
                return False
        self.tls = tls
        return True

    def get(self) -> ssl.SSLContext:
        """The context for a connection that is opened now. Raises TlsError."""
        if self._context is None:
            self._context = call_context(self.tls)
        return self._context


def call_context(tls: ClientTls) -> ssl.SSLContext:
    """A context by what the files of `tls` held, which holds servers to all that `tls` says. Raises TlsError."""
    context = _Calling(ssl.PROTOCOL_TLS_CLIENT)
    context.tls = tls
    prepare(context, tls)
    context.sslobject_class, context.sslsocket_class = _Object, _Socket
    return context


class _Calling(ssl.SSLContext):
    """Asks for the configured name, whatever the library would ask for."""

    tls: ClientTls

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        name = self.tls.server_name or server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, name, session)

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        name = self.tls.server_name or server_hostname
        return super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, name, session)


class _Object(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _hold(self.context, self.getpeercert())


class _Socket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _hold(self.context, self.getpeercert())


def _hold(context: ssl.SSLContext, certificate: Any) -> None:
    """Raises the error that event loops and libraries expect of a handshake."""
    if isinstance(context, _Calling):
        try:
            verify(context.tls, certificate)
        except TlsError as error:
            refused = ssl.SSLCertVerificationError(1, str(error))
            refused.verify_code, refused.verify_message = HOSTNAME_MISMATCH, str(error)
            raise refused from error
