"""Whether a URL leads to this program itself: a request that went there would come back, and go there again.

1. Ports decide first: port 0 is nobody's yet.
2. A wildcard (`0.0.0.0`, `::`, none) hears the loopback and every address and name of this host; all but the first
   hear both families.
3. A connection to a wildcard goes to the loopback.

Names in DNS are not looked up; what they lead to ends at run time (508 `loop`).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from proxy.config.section import Section
from proxy.contracts.address import Address

Numeric = IPv4Address | IPv6Address

LOOPBACK: frozenset[Numeric] = frozenset((IPv4Address("127.0.0.1"), IPv6Address("::1")))

LOOPBACK_NAMES = frozenset(("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"))
"""Names that the files of hosts give to the loopback; RFC 6761 §6.3 adds all below `localhost`."""


def is_own(host: str, port: int, listen: Address) -> bool:
    """Whether a connection to `host` and `port` ends at a socket that listens on `listen`."""
    if not port or port != listen.port:
        return False
    given, own = host.lower().removesuffix("."), listen.host.lower().removesuffix(".")
    if given == own:
        return True
    heard = numeric(own or "::")
    wild = any(address.is_unspecified for address in heard)
    if wild and given == socket.gethostname().lower():
        return True
    return any(_hears(address, target) for address in heard for target in map(_reached, numeric(given)))


def refuse_clashes(root: Section, places: Mapping[str, Iterable[Address]]) -> None:
    """Reports addresses that cannot be listened on side by side, by the keys where they stand."""
    heard: list[tuple[str, Address]] = []
    for key, addresses in places.items():
        for address in addresses:
            for other_key, other in heard:
                if _clash(address, other):
                    root.refuse(key, str(address), f"another address than {other}, which is `{other_key}`")
            heard.append((key, address))


def _clash(one: Address, other: Address) -> bool:
    """The same port of the same address. `0.0.0.0` beside `[::]` is none: each then hears its own family."""
    return one.port == other.port != 0 and (one.host == other.host or not (one.host and other.host))


def numeric(host: str) -> frozenset[Numeric]:
    """The addresses that a host stands for without being looked up."""
    if host in LOOPBACK_NAMES or host.endswith(".localhost"):
        return LOOPBACK
    try:
        address = ip_address(host)
    except ValueError:
        return _old_forms(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return frozenset((mapped or address,))


def _old_forms(host: str) -> frozenset[Numeric]:
    """`127.1` and `0x7f000001` are addresses, too (inet_aton(3))."""
    try:
        return frozenset((IPv4Address(socket.inet_aton(host)),)) if host[:1].isdigit() else frozenset()
    except OSError:
        return frozenset()


def _reached(target: Numeric) -> Numeric:
    if not target.is_unspecified:
        return target
    return next(address for address in LOOPBACK if address.version == target.version)


def _hears(own: Numeric, target: Numeric) -> bool:
    if not own.is_unspecified:
        return own == target
    return (own.version == 6 or target.version == 4) and (target.is_loopback or _is_of_this_host(target))


def _is_of_this_host(address: Numeric) -> bool:
    """Whether an interface of this host has the address: only then can a socket be bound to it (bind(2))."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))
    except OSError:
        return False
    return True
