"""Who is at the other end: the names in a certificate, and whether they are the right ones.

Rules:
- a name is `dns:…`, `ip:…`, `spiffe://…` (a SPIFFE ID) or `uri:…` (any other URI), of the subject alternative names
  alone: a common name is no name;
- a certificate with more than one URI is nobody in SPIFFE (X.509-SVID §2): where one cannot be read, all are left out;
- `spiffe://domain/path/*` is all below that path, at the border of a segment; `dns:*.domain` all below that domain;
- a name with characters that could not stand in a header is left out; a certificate whose names are no text has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ssl import cert_time_to_seconds
from typing import Any

from proxy.contracts.tls import SPIFFE, SPIFFE_ID, ClientTls, ServerTls
from proxy.tls.reason import Reason, TlsError

_PEM = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END ", re.DOTALL)
_PRINTABLE = re.compile(r"[!-~]+")
_NEVER = "Dec 31 23:59:59 9999 GMT"
_KINDS = {"DNS": "dns", "IP Address": "ip", "URI": "uri"}

Certificate = Mapping[str, Any]
"""As `SSLObject.getpeercert()` gives it: {} where there is none that was verified."""


def shown(session: Any) -> Certificate | None:
    """The certificate that the other side of an `ssl.SSLObject` has shown, and that was verified."""
    try:
        found: Certificate | None = session.getpeercert()
    except ValueError:  # a name in it is no UTF-8
        return {"subjectAltName": ()}
    return found


def names(certificate: Certificate | None) -> tuple[str, ...]:
    """The names in a certificate; () where there is none."""
    pairs = [(kind, value) for kind, value in (certificate or {}).get("subjectAltName", ()) if kind in _KINDS]
    unreadable = {kind for kind, value in pairs if not _PRINTABLE.fullmatch(value)}
    return tuple(
        _named(kind, value)
        for kind, value in pairs
        if _PRINTABLE.fullmatch(value) and not (kind == "URI" and kind in unreadable)
    )


def _named(kind: str, value: str) -> str:
    if kind == "URI":
        return value if value.startswith(SPIFFE) else f"uri:{value}"
    return f"{_KINDS[kind]}:{value.lower()}"


def identity(found: tuple[str, ...]) -> str:
    """The one name that stands for a certificate: its URI (a SPIFFE ID), else its first; "": it has none."""
    uris = [name for name in found if name.startswith((SPIFFE, "uri:"))]
    return next(iter([*uris, *found]), "")


def allows(found: Iterable[str], allow: Iterable[str]) -> bool:
    """Whether one of the names of a certificate is one of those that are allowed; () allows all."""
    own, patterns = tuple(found), tuple(allow)
    return not patterns or any(_fits(name, pattern) for name in usable(own) for pattern in patterns)


def usable(found: tuple[str, ...]) -> list[str]:
    """Names without a SPIFFE ID that is not alone, or is none."""
    alone = sum(name.startswith((SPIFFE, "uri:")) for name in found) == 1
    return [name for name in found if not name.startswith(SPIFFE) or (alone and SPIFFE_ID.fullmatch(name))]


def _fits(name: str, pattern: str) -> bool:
    if pattern.startswith(SPIFFE):
        return name.startswith(pattern[:-1]) if pattern.endswith("/*") else name == pattern
    pattern = pattern.lower()
    if pattern.startswith("dns:*."):
        return name.startswith("dns:") and name.endswith(pattern[5:]) and name[4] != "."
    return name == pattern


def refusal(tls: ServerTls, certificate: Certificate | None, now: float) -> Reason | None:
    """Why a client does not get in at `now` (Unix seconds), after a handshake that found its certificate good, if it
    has one; None: it does. Whoever is `expired` has resumed a session: end it without goodbye, so that it is gone."""
    if tls.client == "off" or (tls.client == "optional" and not certificate):
        return None
    if not certificate:
        return "no_certificate"
    if cert_time_to_seconds(certificate.get("notAfter", _NEVER)) <= now:
        return "expired"
    return None if allows(names(certificate), tls.allow) else "not_allowed"


def shuts_out(before: ServerTls, after: ServerTls) -> bool:
    """Whether clients may have come in that would not now: an authority is gone, or others are allowed."""
    if (before.client, before.allow) != (after.client, after.allow):
        return after.client != "off"
    had, has = (set(_PEM.findall(tls.material.ca)) for tls in (before, after))
    return bool(had - has)


def verify(tls: ClientTls, certificate: Certificate | None) -> None:
    """Holds a server to `san`, before anything is sent to it. Raises TlsError."""
    if not tls.san or tls.insecure_skip_verify:
        return
    found = names(certificate)
    if not any(_answers_to(name, tls.san) for name in usable(found)):
        shown = ", ".join(found[:8]) or "no name"
        raise TlsError(f"the certificate is of {shown}, not of {tls.san}", "name_mismatch")


def _answers_to(name: str, san: str) -> bool:
    """Whether a certificate's name is `san`; `*.domain` in a certificate stands for one label (RFC 9525 §6.3)."""
    if san.startswith("dns:") and name.startswith("dns:*."):
        return san.lower().partition(".")[2] == name[6:] != ""
    return name == (san if san.startswith(SPIFFE) else san.lower())
