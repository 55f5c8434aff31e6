"""Certificate and key for `ssl`, which reads files alone: an anonymous one in memory, so that a key meets no disk."""

from __future__ import annotations

import os
import ssl

from proxy.contracts.tls import TlsMaterial
from proxy.tls.reason import TlsError

STRENGTH = "@SECLEVEL=2"
"""Keys and signatures of 112 bits and more, whatever the system's own configuration says."""


def usable(material: TlsMaterial) -> None:
    """Raises TlsError where OpenSSL, as it is configured here, takes no such certificates: of one that is confined
    (FIPS 140) only it knows which. One without the other is not for it to judge."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"DEFAULT:{STRENGTH}")
    if material.certificate and material.key:
        load_own(context, material.certificate, material.key)
    if material.ca:
        trust(context, material.ca)


def load_own(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Loads a certificate chain and its key, as PEM texts, into a context that nobody uses yet: OpenSSL leaves one that
    refused them without any. Raises TlsError."""
    fd = os.memfd_create("penumbra-tls")
    try:
        _write(fd, f"{certificate.rstrip()}\n{key}".encode())
        # Without a password OpenSSL would ask for that of an encrypted key at the terminal, and wait.
        context.load_cert_chain(f"/proc/self/fd/{fd}", password=b"")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TlsError(f"the certificate and its key cannot be used: {_said(error)}") from error
    finally:
        os.close(fd)


def trust(context: ssl.SSLContext, authorities: str) -> None:
    """Adds authorities, as a PEM text, to a context that nobody uses yet: none is ever taken out of one. Raises
    TlsError."""
    try:
        context.load_verify_locations(cadata=authorities)
    except (OSError, ValueError) as error:
        raise TlsError(f"the authorities cannot be used: {_said(error)}") from error


def _write(fd: int, body: bytes) -> None:
    while body:
        body = body[os.write(fd, body) :]


def _said(error: Exception) -> str:
    """OpenSSL's reason without its place in a source file."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()
