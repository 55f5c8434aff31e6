"""Access to the admin API: which token, which certificate, and which address, allows which call.

- Reading is open to whoever reaches the address, unless there is a token or a certificate of role `read`: then any
  token, or any certificate with a role, is needed.
- With one of role `operate`, a change needs one of that role, from loopback too.
- Without one only loopback may change anything, and only under a loopback `Host` with no foreign `Origin`: a page in a
  browser on this machine reaches loopback as well, and must not be able to move traffic.
- A token that is sent decides alone, an unknown one too, whatever certificate is shown: whoever sends one says as whom
  it asks. Without one the certificate decides; of several roles that fit it, the strongest.
- A browser shows a certificate by itself, whichever page asks: a change by certificate asks for no foreign `Origin`.
- `/healthz` and `/readyz` are open: probes carry no secrets.
- All else asks for a name that is this API's own, or a token: a web page can bind its own name to this address and then
  read what a browser on this side can reach (DNS rebinding). It cannot bind an address, `localhost`, a name of the
  cluster, or one of this API's certificate.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from proxy.contracts.operation import AccessRole, Admin, Token
from proxy.control.api.problems import ApiError
from proxy.tls.peer import allows, identity

CLUSTER_NAMES = (".svc", ".cluster.local")
"""Ends of names that only the name server of a cluster knows."""

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_][A-Za-z0-9._-]{0,252}))(?::[0-9]{1,5})?")
"""`host[:port]` as a Host field has it: no user information, no list (RFC 9110 §7.2)."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="penumbra"'}


def tokens_of(admin: Admin) -> tuple[Token, ...]:
    """All tokens; the one without a name of its own is called `token`."""
    return ((Token("token", admin.token, "operate"),) if admin.token else ()) + admin.tokens


class Holder(NamedTuple):
    """Whoever asks, by a token or a certificate."""

    name: str
    role: AccessRole
    by_certificate: bool = False


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
    named = host in own or host.endswith(CLUSTER_NAMES) or _is_certified(host, admin)
    return bool(host) and (is_loopback(host) or _is_address(host) or named)


def _is_certified(host: str, admin: Admin) -> bool:
    """Whether this API's certificate is for that name: a browser asks nobody else under it."""
    names = admin.tls.material.names if admin.tls else ()
    return f"dns:{host}" in names or f"dns:*.{host.partition('.')[2]}" in names


def reader(headers: Mapping[str, str], admin: Admin, shown: tuple[str, ...] = ()) -> None:
    """Lets whoever may look pass. `shown`: names of the certificate that was shown. Raises ApiError otherwise."""
    if _is_given("read", admin):
        _holder(headers, admin, shown)


def caller(headers: Mapping[str, str], remote: str | None, admin: Admin, shown: tuple[str, ...] = ()) -> str:
    """The name of whoever asks for a change. Raises ApiError when this caller may not."""
    if _is_given("operate", admin):
        holder = _with_role(_holder(headers, admin, shown), "operate")
        if holder.by_certificate and not _own_page(headers, admin):
            raise ApiError("forbidden", "a change by certificate needs no foreign Origin: send a token")
        return holder.name
    if not is_loopback(remote or ""):
        raise ApiError(
            "forbidden", f"no operate token is configured, so only loopback may change anything, not {remote}"
        )
    if not is_loopback(_hostname(headers.get("Host", ""))) or not _own_page(headers, admin):
        raise ApiError("forbidden", "a change without a token needs a loopback Host and no foreign Origin")
    return "loopback"


def _is_given(role: AccessRole, admin: Admin) -> bool:
    """Whether a token or a certificate has the role."""
    return role in {each.role for each in tokens_of(admin)} | {each.role for each in admin.roles}


def _holder(headers: Mapping[str, str], admin: Admin, shown: tuple[str, ...]) -> Holder:
    tokens = tokens_of(admin)
    if headers.get("Authorization", "").partition(" ")[0].lower() == "bearer":
        holders = _known(headers, tokens)
        if not holders:
            raise ApiError("unauthorized", "this token is not known", headers=CHALLENGE)
        return Holder(holders[0].name, holders[0].role)
    if shown and admin.roles:
        return _certified(admin, shown)
    wanted = ["Authorization: Bearer <token>"] if tokens else []
    wanted += ["a client certificate with a role"] if admin.roles else []
    raise ApiError("unauthorized", f"{' or '.join(wanted)} is needed", headers=CHALLENGE)


def _certified(admin: Admin, shown: tuple[str, ...]) -> Holder:
    roles = {each.role for each in admin.roles if allows(shown, each.allow)}
    name = identity(shown)
    if not roles:
        raise ApiError("forbidden", f"the certificate of {name} has no role (admin.tls.roles)")
    return Holder(name, "operate" if "operate" in roles else "read", by_certificate=True)


def _known(headers: Mapping[str, str], tokens: Iterable[Token]) -> list[Token]:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    return [token for token in tokens if scheme.lower() == "bearer" and same(given.strip(), token.token)]


def _with_role(holder: Holder, role: AccessRole) -> Holder:
    if holder.role != role:
        raise ApiError("forbidden", f"{holder.name} has the role {holder.role}; {role} is needed")
    return holder


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


def _own_page(headers: Mapping[str, str], admin: Admin) -> bool:
    """Whether no page of another origin has made a browser ask. By TLS the page itself came by TLS: one in clear under
    the same name may be anybody's."""
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("Origin")
    if origin is None:
        return True
    scheme, _, host = origin.partition("://")
    return host == headers.get("Host") and (admin.tls is None or scheme == "https")
