"""The URL of a model server, and who is asked where that is."""

from __future__ import annotations

import re
from ipaddress import ip_address

from proxy.config.values import PATH, Refused, hidden, host_and_port
from proxy.contracts.table import NameLookup

ALLOWED = "http://host[:port][/base/path], or http+dns:// likewise, or http+srv://_http._tcp.host[/base/path]"

SERVICE = re.compile(r"^_[a-z0-9-]+\._(?:tcp|udp)\.")
"""What the name of a service begins with (RFC 2782)."""

LOOKUPS: dict[str, NameLookup] = {"http": "system", "http+dns": "dns", "http+srv": "srv"}
"""Schemes of a model server's URL, to who is asked where it is."""


ModelUrl = tuple[str, int, str, str, NameLookup]
"""Host, port, authority (as in `Host`), base path without a last slash, and who knows where that is."""


def base_url(text: str) -> ModelUrl:
    """What a model server's URL says. `http+dns://` and `http+srv://` ask DNS; the second one for a service (RFC 2782),
    which knows its ports."""
    scheme, separator, rest = text.partition("://")
    lookup = LOOKUPS.get(scheme.lower())
    if not separator or lookup is None:
        raise Refused(f"{ALLOWED}; only plain http is supported, put TLS in front of the model server", hidden(rest))
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise Refused(f"{ALLOWED} without user name or password", hidden(rest))
    host, port = host_and_port(authority, ALLOWED)
    if lookup != "system" and is_numeric(host):
        raise Refused(f"{ALLOWED}; an address is not looked up")
    if slash and not PATH.fullmatch(slash + path):
        raise Refused(f"{ALLOWED} without query or fragment")
    base = (slash + path).rstrip("/")
    if lookup == "srv":
        return host, 0, _domain_of(host, authority), base, lookup
    return host, port, authority.lower(), base, lookup


def _domain_of(service: str, authority: str) -> str:
    """The name of a service without `_http._tcp.` and the like: what its servers are called."""
    domain = SERVICE.sub("", service)
    if ":" in authority:
        raise Refused("http+srv://_http._tcp.host without a port: the records have it")
    if domain == service or not domain:
        raise Refused("http+srv://_http._tcp.host: a service, a protocol and a name (RFC 2782)")
    return domain


def is_numeric(host: str) -> bool:
    """Whether `host` is a numeric address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
