"""The context towards a server."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from proxy.contracts.tls import ClientTls
from proxy.tls.pem import load_own, trust
from proxy.tls.server import VERSIONS


def client_context(tls: ClientTls, alpn: Iterable[str] = ()) -> ssl.SSLContext:
    """A context by what the files of `tls` held, for connections that are opened from now on. Raises TlsError.

    - `alpn`: protocols that are offered, the preferred one first; none: the extension is not sent

    Where `tls` has a `san`, `peer.verify` has to be asked after the handshake, since OpenSSL does not check that.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    prepare(context, tls, alpn)
    return context


def prepare(context: ssl.SSLContext, tls: ClientTls, alpn: Iterable[str] = ()) -> None:
    """The same for a context that is as it was made. Raises TlsError."""
    context.minimum_version = VERSIONS[tls.min_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.hostname_checks_common_name = False
    if offered := list(alpn):
        context.set_alpn_protocols(offered)
    if tls.material.certificate:
        load_own(context, tls.material.certificate, tls.material.key)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return
    context.check_hostname = not tls.san
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    if tls.material.ca:
        trust(context, tls.material.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
