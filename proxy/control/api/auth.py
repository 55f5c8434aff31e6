"""Access to the admin API: which token, and which address, allows which call.

- Reading is open to whoever reaches the address, unless a token of role `read` is configured: then any token is needed.
- With an operate token, a change needs one, from loopback too.
- Without one only loopback may change anything, and only under a loopback `Host` with no foreign `Origin`: a page in a
  browser on this machine reaches loopback as well, and must not be able to move traffic.
- `/healthz` and `/readyz` are open: probes carry no secrets.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from proxy.contracts.settings import AccessRole, Admin, Token
from proxy.control.api.problems import ApiError

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="penumbra"'}


def tokens_of(admin: Admin) -> tuple[Token, ...]:
    """All tokens; the one without a name of its own is called `token`."""
    return ((Token("token", admin.token, "operate"),) if admin.token else ()) + admin.tokens


def reader(headers: Mapping[str, str], admin: Admin) -> None:
    """Lets whoever may look pass. Raises ApiError otherwise."""
    tokens = tokens_of(admin)
    if any(token.role == "read" for token in tokens):
        _holder(headers, tokens)


def caller(headers: Mapping[str, str], remote: str | None, admin: Admin) -> str:
    """The name of whoever asks for a change. Raises ApiError when this caller may not."""
    tokens = tokens_of(admin)
    if any(token.role == "operate" for token in tokens):
        return _with_role(_holder(headers, tokens), "operate")
    if not is_loopback(remote or ""):
        raise ApiError(
            "forbidden", f"no operate token is configured, so only loopback may change anything, not {remote}"
        )
    if not is_loopback(_hostname(headers.get("Host", ""))) or not _own_origin(headers):
        raise ApiError("forbidden", "a change without a token needs a loopback Host and no foreign Origin")
    return "loopback"


def _holder(headers: Mapping[str, str], tokens: Iterable[Token]) -> Token:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError("unauthorized", "Authorization: Bearer <token> is needed", headers=CHALLENGE)
    holders = [token for token in tokens if same(given.strip(), token.token)]
    if not holders:
        raise ApiError("unauthorized", "this token is not known", headers=CHALLENGE)
    return holders[0]


def _with_role(token: Token, role: AccessRole) -> str:
    if token.role != role:
        raise ApiError("forbidden", f"{token.name} has the role {token.role}; {role} is needed")
    return token.name


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
