"""Access to the admin API: which token, and which address, allows which call.

- Reading is open to whoever reaches the address, unless a token of role `read` is configured: then any token is needed.
- With an operate token, a change needs one, from loopback too.
- Without one only loopback may change anything, and only under a loopback `Host` with no foreign `Origin`: a page in a
  browser on this machine reaches loopback as well, and must not be able to move traffic.
- `/healthz` and `/readyz` are open: probes carry no secrets.
- All else asks for a name that is this API's own, or a token: a web page can bind its own name to this address and then
  read what a browser on this side can reach (DNS rebinding). It cannot bind an address, `localhost`, or a name of the
  cluster.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from proxy.contracts.operation import AccessRole, Admin, Token
from proxy.control.api.problems import ApiError

CLUSTER_NAMES = (".svc", ".cluster.local")
"""Ends of names that only the name server of a cluster knows."""

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_][A-Za-z0-9._-]{0,252}))(?::[0-9]{1,5})?")
"""`host[:port]` as a Host field has it: no user information, no list (RFC 9110 §7.2)."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="penumbra"'}


def tokens_of(admin: Admin) -> tuple[Token, ...]:
    """All tokens; the one without a name of its own is called `token`."""
    return ((Token("token", admin.token, "operate"),) if admin.token else ()) + admin.tokens


def addressed(hosts: Sequence[str], headers: Mapping[str, str], admin: Admin) -> None:
    """Lets a request pass that asks for a name of this API, or has a token. `hosts`: its Host fields; one of HTTP/1.0
    may have none, a browser's never. Raises ApiError otherwise."""
    if len(hosts) > 1:
        raise ApiError("malformed", "more than one Host field")
    if not hosts or _is_own(_hostname(hosts[0]), admin) or _known(headers, tokens_of(admin)):
        return
    raise ApiError("forbidden", "without a token this API answers to names of its own only; `admin.hosts` lists more")


def _is_own(host: str, admin: Admin) -> bool:
    own = (*(address.host.lower() for address in admin.listen), *admin.hosts)
    named = host in own or host.endswith(CLUSTER_NAMES)
    return bool(host) and (is_loopback(host) or _is_address(host) or named)


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
    if headers.get("Authorization", "").partition(" ")[0].lower() != "bearer":
        raise ApiError("unauthorized", "Authorization: Bearer <token> is needed", headers=CHALLENGE)
    holders = _known(headers, tokens)
    if not holders:
        raise ApiError("unauthorized", "this token is not known", headers=CHALLENGE)
    return holders[0]


def _known(headers: Mapping[str, str], tokens: Iterable[Token]) -> list[Token]:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    return [token for token in tokens if scheme.lower() == "bearer" and same(given.strip(), token.token)]


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


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _hostname(authority: str) -> str:
    """The host of a Host field in lower case, without brackets; "" where the field is not valid."""
    match = _AUTHORITY.fullmatch(authority)
    return (match[1] or match[2]).lower() if match else ""


def _own_origin(headers: Mapping[str, str]) -> bool:
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == headers.get("Host")
