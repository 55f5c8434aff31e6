"""The field that tells versions who a client is, by the certificate that it has shown.

Under Envoy's name, `x-forwarded-client-cert`, it is in Envoy's form: `By=…;Hash=…;URI=…;DNS=…`, as servers in a mesh
read it. Under any other name it is one name of the certificate, bare: its URI (a SPIFFE ID), else its first name. A
SPIFFE ID that makes nobody (not alone, or none) is no such name.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from proxy.contracts.tls import ServerTls
from proxy.tls.peer import names, shown, usable

ENVOYS: Final = "x-forwarded-client-cert"

_URIS: Final = ("spiffe:", "uri:")


def identity_line(tls: ServerTls, session: Any) -> bytes:
    """The field line; empty where none is configured, or the client has shown no certificate. `session`: its
    `ssl.SSLObject`."""
    certificate = shown(session) if tls.identity_header else None
    if not certificate:
        return b""
    found = names(certificate)
    value = _envoys(tls, found, session) if tls.identity_header == ENVOYS else _bare(found)
    return f"{tls.identity_header}: {value}".encode("ascii") if value else b""


def _bare(found: tuple[str, ...]) -> str:
    own = usable(found)
    uris = [name for name in own if name.startswith(_URIS)]
    return next((name.removeprefix("uri:").removeprefix("dns:") for name in [*uris, *own]), "")


def _envoys(tls: ServerTls, found: tuple[str, ...], session: Any) -> str:
    own = [f"By={_escaped(name.removeprefix('uri:'))}" for name in tls.material.names if name.startswith(_URIS)]
    pairs = [*own[:1], f"Hash={sha256(session.getpeercert(True)).hexdigest()}"]
    pairs += [f"URI={_escaped(name.removeprefix('uri:'))}" for name in found if name.startswith(_URIS)]
    pairs += [f"DNS={_escaped(name.removeprefix('dns:'))}" for name in found if name.startswith("dns:")]
    return ";".join(pairs)


def _escaped(value: str) -> str:
    """A value, in quotes where it has what separates values."""
    if not any(each in value for each in ',;="'):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
