"""The URL of a model server, and who is asked where that is."""

from __future__ import annotations

import re
from ipaddress import ip_address

from proxy.config.values import PATH, Refused, hidden, host_and_port
from proxy.contracts.table import NameLookup

ALLOWED = "http(s)://host[:port][/base/path], or http(s)+dns:// likewise, or http(s)+srv://_http._tcp.host[/base/path]"

SERVICE = re.compile(r"^_[a-z0-9-]+\._(?:tcp|udp)\.")
"""What the name of a service begins with (RFC 2782)."""

LOOKUPS: dict[str, NameLookup] = {"": "system", "dns": "dns", "srv": "srv"}
"""Ends of the scheme of a model server's URL, to who is asked where it is."""

PORTS = {"http": 80, "https": 443}
"""Beginnings of it, to the port of a URL without one."""


CALLS = {"grpc": "http", "grpcs": "https"}
"""Beginnings of the URL of a version that takes calls of gRPC alone, to what is spoken below."""

ModelUrl = tuple[str, int, str, str, NameLookup, bool]
"""Host, port, authority (as in `Host`), base path without a last slash, who knows where that is, and whether TLS is
spoken there."""


def base_url(text: str) -> ModelUrl:
    """What a model server's URL says. `+dns` and `+srv` ask DNS; the second one for a service (RFC 2782), which knows
    its ports."""
    scheme, separator, rest = text.partition("://")
    protocol, plus, end = scheme.lower().partition("+")
    lookup, default = LOOKUPS.get(end), PORTS.get(protocol)
    if not separator or lookup is None or default is None or (plus and not end):
        raise Refused(ALLOWED, hidden(rest))
    secure = protocol == "https"
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise Refused(f"{ALLOWED} without user name or password", hidden(rest))
    host, port = host_and_port(authority, ALLOWED, default)
    if lookup != "system" and is_numeric(host):
        raise Refused(f"{ALLOWED}; an address is not looked up")
    if slash and not PATH.fullmatch(slash + path):
        raise Refused(f"{ALLOWED} without query or fragment", hidden(rest))
    base = (slash + path).rstrip("/")
    if lookup == "srv":
        return host, 0, _domain_of(host, authority), base, lookup, secure
    named = authority.removesuffix(":443") if secure else authority  # RFC 9110 §4.2.2: its default port is left out
    return host, port, named.lower(), base, lookup, secure


def served_url(text: str) -> tuple[ModelUrl, bool]:
    """What the URL of a version says, and whether it takes calls of gRPC alone (`grpc`, and `grpcs` by TLS)."""
    scheme, separator, rest = text.partition("://")
    protocol, plus, end = scheme.lower().partition("+")
    calls = protocol in CALLS
    if calls:
        text = f"{CALLS[protocol]}{plus}{end}{separator}{rest}"
    try:
        return base_url(text), calls
    except Refused as refused:
        raise Refused(
            f"{refused.allowed}; grpc(s) in place of http(s): it takes calls of gRPC alone", refused.found
        ) from None


def _domain_of(service: str, authority: str) -> str:
    """The name of a service without `_http._tcp.` and the like: what its servers are called."""
    domain = SERVICE.sub("", service)
    if ":" in authority:
        raise Refused("http(s)+srv://_http._tcp.host without a port: the records have it")
    if domain == service or not domain:
        raise Refused("http(s)+srv://_http._tcp.host: a service, a protocol and a name (RFC 2782)")
    return domain


def is_numeric(host: str) -> bool:
    """Whether `host` is a numeric address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
