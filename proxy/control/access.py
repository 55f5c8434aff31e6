"""Who may do what at the admin API.

- Reading is open to whoever reaches the address, unless a read token is configured.
- With an operate token, a change needs it, from loopback too.
- Without one only loopback may change anything, and only under a loopback `Host` with no foreign `Origin`: a page in a
  browser on this machine reaches loopback as well, and must not be able to move traffic.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from proxy.control.problems import ApiError

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="penumbra"'}


def caller(headers: Mapping[str, str], remote: str | None, token: str) -> str:
    """The name of whoever asks for a change. Raises ApiError when this caller may not."""
    if token:
        return _by_token(headers, {"token": token})
    if not is_loopback(remote or ""):
        raise ApiError("forbidden", f"no admin.token is configured, so only loopback may change anything, not {remote}")
    if not is_loopback(_hostname(headers.get("Host", ""))) or not _own_origin(headers):
        raise ApiError("forbidden", "a change without a token needs a loopback Host and no foreign Origin")
    return "loopback"


def _by_token(headers: Mapping[str, str], tokens: Mapping[str, str]) -> str:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError("unauthorized", "Authorization: Bearer <admin.token> is needed", headers=CHALLENGE)
    found = [name for name, token in tokens.items() if same(given.strip(), token)]
    if not found:
        raise ApiError("unauthorized", "this token is not known", headers=CHALLENGE)
    return found[0]


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode(errors="surrogateescape"))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _hostname(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _own_origin(headers: Mapping[str, str]) -> bool:
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == headers.get("Host")
