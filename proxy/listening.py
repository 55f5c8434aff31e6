"""Addresses → listening sockets, whatever families of addresses the kernel has.

1. No host (`:8080`) is every address of the host: a socket for each family that the kernel has, both on one port.
2. `[::]` alone hears IPv4 as well. Beside an address of IPv4 on the same port it hears IPv6 alone (IPV6_V6ONLY), so
   that both can be bound; so does a socket of rule 1.
3. A wildcard of a family that the kernel does not have is no mistake: nobody can come that way. `[::]` alone then is
   `0.0.0.0`. A log says so.
4. Of a name, the first address that can be bound is taken.

Any other address that cannot be bound is an error that names it, and nothing stays bound.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from proxy.contracts.address import Address
from proxy.contracts.backlog import LISTEN_BACKLOG
from proxy.logs import fields

log = logging.getLogger("penumbra.supervisor")

WILD = {"0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}
"""Addresses that stand for all of a family."""

NO_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
"""Answers of a kernel to an address of a family that it does not have, or that is switched off."""

TRIES = 5
"""Of a port that the kernel chose for one family, until it is free in the other."""

Target = tuple[int, str]
"""(family, host)."""


def listen(addresses: Sequence[Address]) -> list[socket.socket]:
    """Listening TCP sockets, at least one. Raises OSError whose `filename` is the address."""
    return [sock for socks in listen_each(addresses) for sock in socks]


def listen_each(addresses: Sequence[Address]) -> list[list[socket.socket]]:
    """The same, by address: some have none, some have two."""
    with ExitStack() as opened:
        made = [[opened.enter_context(sock) for sock in _sockets(address, addresses)] for address in addresses]
        if not any(made):
            raise OSError(errno.EAFNOSUPPORT, "the kernel has no such family of addresses", shown(addresses))
        opened.pop_all()
    return made


def bound(socks: Sequence[socket.socket]) -> str:
    """`host:port` of each as bound, with the port that the kernel chose."""
    return shown([Address(*sock.getsockname()[:2]) for sock in socks])


def shown(addresses: Sequence[Address]) -> str:
    """Addresses as one text."""
    return ", ".join(map(str, addresses))


def _sockets(address: Address, all_: Sequence[Address]) -> list[socket.socket]:
    if not address.host:
        return _both(address)
    if address.host not in WILD:
        return [_named(address)]
    alone = address.host == "::" and not any(_is_ipv4(other) and other.port == address.port for other in all_)
    try:
        return [_open((WILD[address.host], address.host), address, only=not alone)]
    except OSError as error:
        if error.errno not in NO_FAMILY:
            raise
        log.warning("no such family of addresses here", extra=fields(address=str(address), error=error.strerror))
        return [_open((socket.AF_INET, "0.0.0.0"), address)] if alone else []


def _both(address: Address) -> list[socket.socket]:
    """A socket for each family that there is, on the same port."""
    for tries in range(TRIES, 0, -1):
        made: list[socket.socket] = []
        port = address.port
        try:
            for host, family in WILD.items():
                sock = _if_there((family, host), address, port)
                made += [sock] if sock else []
                port = made[0].getsockname()[1] if made else port
        except OSError:
            for sock in made:
                sock.close()
            if address.port or tries == 1:
                raise
        else:
            return made
    raise AssertionError("unreachable")


def _if_there(target: Target, address: Address, port: int) -> socket.socket | None:
    try:
        return _open(target, address, port, only=True)
    except OSError as error:
        if error.errno not in NO_FAMILY:
            raise
        log.info("no such family of addresses here", extra=fields(address=target[1], error=error.strerror))
        return None


def _named(address: Address) -> socket.socket:
    """A socket at the first address of a host that can be bound."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(address)) from error
    problem: OSError | None = None
    for family, _, _, _, target in found:
        try:
            return _open((family, str(target[0])), address)
        except OSError as error:
            problem = problem or error
    raise problem or OSError(errno.EADDRNOTAVAIL, "no address", str(address))


def _open(target: Target, address: Address, port: int | None = None, only: bool = False) -> socket.socket:
    """A listening socket; `only`: of IPv6 alone. Raises OSError that names the address."""
    family, host = target
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        sock.bind((host, address.port if port is None else port))
        sock.listen(LISTEN_BACKLOG)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise OSError(error.errno, error.strerror, str(address)) from error
    sock.setblocking(False)
    return sock


def _is_ipv4(address: Address) -> bool:
    return bool(address.host) and ":" not in address.host
