"""TLS of one side of a connection, as configured, with what its files held when they were read last.

Control reads the files, and workers get texts: so whoever serves has no file to find half-written, and a worker that
starts while control is gone has what the last table said.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

SPIFFE = "spiffe://"
SPIFFE_ID = re.compile(r"spiffe://[a-z0-9._-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)*")
"""A SPIFFE ID: a trust domain and segments, none of them empty or of dots (SPIFFE-ID §2)."""

ClientCertificates = Literal["off", "optional", "require"]
"""Whether a listener asks its clients for a certificate. `optional`: one that is shown must be trusted and allowed."""

MinVersion = Literal["1.2", "1.3"]
"""The oldest version of TLS that is spoken (RFC 8446; RFC 8996 forbids what is older than 1.2)."""


DAY = 86_400.0

SOON_SECONDS = 7 * DAY
SOON_PART = 0.2
"""A certificate is about to expire when it has less than both: so many seconds, and this part of its life. One of a
SPIFFE workload lives an hour, and is renewed after half of it; one of cert-manager after two thirds."""


def is_soon(begin: float, end: float, now: float) -> bool:
    """Whether a certificate is about to expire, by its life."""
    return now < end < now + min(SOON_SECONDS, SOON_PART * (end - begin))


class TlsMaterial(Struct, frozen=True, omit_defaults=True):
    """The content of the files of one `tls` section, as PEM texts (RFC 7468); "": no such file."""

    certificate: str = ""
    """Own certificate, then the intermediate ones."""
    key: str = ""
    """Its private key, not encrypted."""
    ca: str = ""
    """Certificates of the authorities that the other side is checked against; "": those of the system."""
    names: tuple[str, ...] = ()
    """Names in the own certificate, as `dns:…`, `ip:…`, `spiffe:…` or `uri:…`."""
    not_after: float = 0.0
    """End of the own certificate, in seconds since 1970; 0: there is none."""
    not_before: float = 0.0
    """Its beginning, likewise."""

    def __repr__(self) -> str:
        """Without what the files held: no text may show a key."""
        return f"TlsMaterial(names={self.names!r}, not_after={self.not_after!r})"

    __str__ = __repr__


class ServerTls(Struct, frozen=True, omit_defaults=True):
    """TLS of a listener: of the traffic, or of the admin API."""

    certificate: str
    """Path of the certificate chain, likewise below."""
    key: str
    client_ca: str = ""
    client: ClientCertificates = "off"
    allow: tuple[str, ...] = ()
    """Clients that get in, of those with a trusted certificate, as `spiffe://…` or `dns:…`, whole or, with `/*` or `*.`
    at its open end, all below; (): all of them."""
    min_version: MinVersion = "1.2"
    alpn: tuple[str, ...] = ("http/1.1",)
    """Protocols that are offered (RFC 7301), the preferred one first."""
    identity_header: str = ""
    """Name of the header (lower case) that tells versions who the client is; "": none does."""
    material: TlsMaterial = TlsMaterial()


class ClientTls(Struct, frozen=True, omit_defaults=True):
    """TLS towards a server: of a version, of the fleet's store, of a webhook, of a collector."""

    ca: str = ""
    """Path of the authorities; "": those of the system."""
    certificate: str = ""
    """Path of the own certificate chain; "": none is shown."""
    key: str = ""
    server_name: str = ""
    """Name that is asked for (SNI, RFC 6066) and that the certificate must have; "": the host of the address."""
    san: str = ""
    """Name that the certificate must have in place of `server_name`, as `spiffe://…` or `dns:…`."""
    insecure_skip_verify: bool = False
    """Whether anybody may answer."""
    min_version: MinVersion = "1.2"
    material: TlsMaterial = TlsMaterial()
