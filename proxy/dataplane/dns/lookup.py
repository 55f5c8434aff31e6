"""The endpoints of a version by DNS: addresses of a name, or targets of a service (RFC 2782), and how long that holds.

1. The names that resolv.conf's `search` and `ndots` say are asked for in turn, until one exists.
2. A and AAAA are asked for at once; an answer without addresses of one family is none where the other has some.
3. Targets of a service come with their addresses (the additional section); those that do not are asked for.
4. An answer holds as long as the shortest TTL in it, aliases included.
5. No more than `MAX_TARGETS` and `MAX_ADDRESSES` are used; a lookup takes at most `LOOKUP_SECONDS`, and two descriptors
   at a time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.dataplane.dns import message, resolv_conf
from proxy.dataplane.dns.exchange import PORT, Unanswered, ask
from proxy.dataplane.dns.message import Garbled, Reply, Resource
from proxy.dataplane.dns.resolv_conf import PATH, ResolvConf
from proxy.dataplane.endpoints import Address, Found
from proxy.dataplane.patience import Patience

MAX_TARGETS: Final = 64
"""Targets of a service that are used, those of the lowest priority first."""
MAX_ADDRESSES: Final = 256
"""Addresses of a version that are used."""
MAX_ALIASES: Final = 8
"""Aliases (CNAME) that are followed within one answer."""
LOOKUP_SECONDS: Final = 10.0
"""Seconds until a lookup is given up."""

Ask = Callable[[ResolvConf, str, int], Awaitable[Reply]]

FAMILIES: Final = ((message.A, int(socket.AF_INET)), (message.AAAA, int(socket.AF_INET6)))


class Nothing(Exception):
    """There is no such name, or it has no such records."""


class Lookup:
    """One lookup; `ttl` is the shortest one so far."""

    __slots__ = ("_ask", "_conf", "ttl")

    def __init__(self, conf: ResolvConf, ask: Ask) -> None:
        self._conf, self._ask = conf, ask
        self.ttl = float("inf")

    async def addresses(self, host: str, port: int) -> Found:
        """Where `host` is. Raises Nothing or Unanswered."""
        for name in self._conf.names(host):
            addresses = [(family, each, port) for family, each in await self._of(name)]
            if addresses:
                return Found(addresses[:MAX_ADDRESSES], self.ttl)
        raise Nothing(f"{host} has no address")

    async def service(self, name: str) -> Found:
        """Where the service `name` is. Raises Nothing or Unanswered."""
        for full in self._conf.names(name):
            reply = await self._ask(self._conf, full, message.SRV)
            targets = self._named(reply, full, message.SRV)
            if targets:
                return await self._targets(targets, reply.additional)
        raise Nothing(f"{name} is no service")

    async def _targets(self, targets: list[Resource], additional: list[Resource]) -> Found:
        found: list[Address] = []
        ranks: dict[Address, tuple[int, int]] = {}
        for target in sorted(targets, key=_priority)[:MAX_TARGETS]:
            for family, each in await self._at(target.target, additional):
                address: Address = (family, each, target.port)
                if len(found) < MAX_ADDRESSES and address not in ranks:
                    found.append(address)
                    ranks[address] = (target.priority, target.weight)
        if not found:
            raise Nothing("no target of the service has an address")
        return Found(found, self.ttl, ranks)

    async def _at(self, target: str, additional: list[Resource]) -> list[tuple[int, str]]:
        if not target:  # "." says that there decidedly is no such service here
            return []
        glue = [each for each in additional if each.name == target and each.address]
        if not glue:
            return await self._of(target)
        self._hear(glue)
        return [(family, each.address) for kind, family in FAMILIES for each in glue if each.kind == kind]

    async def _of(self, name: str) -> list[tuple[int, str]]:
        """Family and address of each record of `name`."""
        kinds = [kind for kind, _ in FAMILIES]
        replies = await asyncio.gather(*[self._ask(self._conf, name, kind) for kind in kinds], return_exceptions=True)
        found: list[tuple[int, str]] = []
        failure: BaseException | None = None
        for (kind, family), reply in zip(FAMILIES, replies, strict=True):
            if isinstance(reply, BaseException):
                failure = reply
                continue
            found += [(family, each.address) for each in self._named(reply, name, kind)]
        if failure is not None and not found:
            raise failure
        return found

    def _named(self, reply: Reply, name: str, kind: int) -> list[Resource]:
        """The records of `kind` that `name`, or what it is an alias for, has."""
        name = name.lower()
        for _ in range(MAX_ALIASES):
            found = [each for each in reply.answers if each.name == name and each.kind == kind]
            if found:
                return self._hear(found)
            aliases = [each for each in reply.answers if each.name == name and each.kind == message.CNAME]
            if not aliases:
                return []
            name = self._hear(aliases)[0].target
        return []

    def _hear(self, records: list[Resource]) -> list[Resource]:
        for each in records:
            self.ttl = min(self.ttl, float(each.ttl))
        return records


def _priority(record: Resource) -> int:
    return record.priority


class Servers:
    """The name servers, at `port`."""

    __slots__ = ("_port",)

    def __init__(self, port: int) -> None:
        self._port = port

    async def ask(self, conf: ResolvConf, name: str, kind: int) -> Reply:
        """The answer to one question. Raises Unanswered and Garbled."""
        return await ask(conf, name, kind, self._port)


async def look_up(
    host: str, port: int, service: bool, path: str = PATH, server_port: int = PORT
) -> Found | socket.gaierror:
    """The endpoints of `host` (of a service: with ports of their own), or why there are none."""
    lookup = Lookup(resolv_conf.load(path), Servers(server_port).ask)
    try:
        async with asyncio.timeout(None) as timeout:
            with Patience(LOOKUP_SECONDS, timeout):
                return await (lookup.service(host) if service else lookup.addresses(host, port))
    # A name of each: compiled, a variable has one type in the whole function.
    except Nothing as nothing:
        return socket.gaierror(socket.EAI_NONAME, str(nothing))
    except TimeoutError:
        return socket.gaierror(socket.EAI_AGAIN, f"no answer within {LOOKUP_SECONDS:g} s")
    except Garbled as garbled:
        return socket.gaierror(socket.EAI_NONAME, str(garbled))
    except Unanswered as unanswered:
        return socket.gaierror(socket.EAI_AGAIN, str(unanswered))
    except OSError as error:
        return socket.gaierror(socket.EAI_SYSTEM, str(error))
