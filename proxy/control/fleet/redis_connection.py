"""The connection to a fleet's store: to one server, to the primary that sentinels name, or to a cluster.

A server that was the primary goes on answering for some seconds after a failover, and what is written to it then is
lost. So the sentinels are asked again while a connection is open. Where none of them answers, it stays.

By TLS all of them, sentinels and nodes of a cluster too, are held to the one section `fleet.tls`. Connections that were
made with other certificates than those in force are made again with the next call.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, InvalidResponse, RedisClusterException, RedisError

from proxy.contracts.tls import ClientTls
from proxy.control.fleet.address import StoreAddress
from proxy.tls.calls import CallContext
from proxy.tls.reason import TlsError

ANSWER_SECONDS = 1.0
"""Time that one answer of a server may take; calls come once a second."""

CALL_SECONDS = 3.0
"""Time that one call may take, which is several answers, and more with a new connection: a server that is slow, or far
away, is used all the same. Less than a term lasts."""

PLACE_SECONDS = 0.4
"""Time for one of several places: where it hangs, another one has its part of the call."""

ASK_SECONDS = 1.0
"""Time between two questions to the sentinels."""

ODD = (ArithmeticError, AttributeError, LookupError, TypeError)
"""What the library stumbles over where answers are none of Redis."""

FAULTS = (RedisError, RedisClusterException, TlsError, OSError, ValueError, *ODD)
"""What a place that is asked brings about."""

HostAndPort = tuple[str, int]
Client = Redis | RedisCluster
Answer = TypeVar("Answer")


class StoreConnection:
    """`client`: what is connected; None before `open`. `key`: one of the fleet, for its place in a cluster."""

    def __init__(self, address: StoreAddress, key: str, tls: ClientTls | None = None) -> None:
        self._address, self._key = address, key
        self._secured = CallContext("fleet.tls", tls or ClientTls()) if address.encrypted else None
        self._outdated = False
        self._first = 0
        self._sentinels: dict[HostAndPort, Redis] = {}
        self._primary: HostAndPort | None = None
        self._asked = 0.0
        self.client: Client | None = None

    def trust(self, tls: ClientTls | None) -> None:
        """Connects by this section from now on, where TLS is spoken."""
        if self._secured is not None and self._secured.use(tls or ClientTls()):
            self._outdated = True

    async def open(self) -> tuple[Client, dict[str, Any]]:
        """Connects; the client, and what `INFO` says of the server that has the keys. Raises InvalidResponse where the
        answers are none of Redis."""
        try:
            return await self._open()
        except ODD as error:
            raise InvalidResponse(f"{type(error).__name__}: {error}") from error

    async def _open(self) -> tuple[Client, dict[str, Any]]:
        at = self._address
        if at.kind == "cluster":
            cluster = self.client = await self._of_one(self._cluster_by)
            return cluster, await cluster.info(target_nodes=cluster.get_node_from_key(self._key))
        place = self._primary = await self._ask_sentinels() if at.kind == "sentinel" else at.places[0]
        client = self.client = server_at(place, at, self._context())
        return client, await client.info()

    def _context(self) -> ssl.SSLContext | None:
        return self._secured.get() if self._secured else None

    async def moved(self) -> bool:
        """Whether the sentinels name another primary by now, or other certificates are in force."""
        if self._outdated:
            return True
        if self._address.kind != "sentinel" or asyncio.get_running_loop().time() - self._asked < ASK_SECONDS:
            return False
        try:
            async with asyncio.timeout(PLACE_SECONDS):
                return await self._ask_sentinels() != self._primary
        except FAULTS:
            return False

    async def close(self) -> None:
        """Gives everything back; `open` connects anew."""
        client, self.client, self._outdated = self.client, None, False
        try:
            if client is not None:
                await _closed(client)
        finally:
            while self._sentinels:
                await _closed(self._sentinels.popitem()[1])

    async def _of_one(self, ask: Callable[[HostAndPort], Awaitable[Answer]]) -> Answer:
        """The answer of the first place that gives one. That place is the first to be asked the next time, and the one
        behind it where it took too long."""
        places, faults = self._address.places, list[Exception]()
        for at in range(self._first, self._first + len(places)):
            self._first = at + 1
            try:
                async with asyncio.timeout(PLACE_SECONDS if len(places) > 1 else None):
                    found = await ask(places[at % len(places)])
            except FAULTS as error:
                faults.append(error)
                continue
            self._first = at % len(places)
            return found
        raise min(faults, key=_rank)

    async def _cluster_by(self, place: HostAndPort) -> RedisCluster:
        cluster = cluster_by(place, self._address, self._context())
        try:
            return await cluster.initialize()
        except BaseException:
            await _closed(cluster)
            raise

    async def _ask_sentinels(self) -> HostAndPort:
        """The primary, as the first of them says that knows it."""
        self._asked = asyncio.get_running_loop().time()
        return await self._of_one(self._primary_by)

    async def _primary_by(self, place: HostAndPort) -> HostAndPort:
        sentinel = self._sentinels.pop(place, None) or sentinel_at(place, self._address, self._context())
        service = self._address.service
        try:
            found: Any = await sentinel.sentinel_get_master_addr_by_name(service)
        except BaseException:
            await _closed(sentinel)  # it may answer too late, to another question
            raise
        self._sentinels[place] = sentinel
        if not found:
            raise RedisError(f"a sentinel there knows no primary of the name {service!r}")
        host, port = found
        return host.decode() if isinstance(host, bytes) else str(host), int(port)


async def _closed(client: Client) -> None:
    await client.aclose()  # type: ignore[no-untyped-call, unused-ignore]
    if isinstance(client, RedisCluster):  # which closes nothing where one of its nodes is away
        await client.nodes_manager.aclose("nodes_cache")
        await client.nodes_manager.aclose("startup_nodes")


def _rank(fault: Exception) -> int:
    """What a sentinel said comes before that another one did not answer."""
    silent = isinstance(fault, exceptions.ConnectionError | exceptions.TimeoutError | OSError)
    return silent and not isinstance(fault, AuthenticationError)


def server_at(place: HostAndPort, address: StoreAddress, context: ssl.SSLContext | None) -> Redis:
    """A client of one server, with one connection; by TLS where there is a `context`."""
    host, port = place
    options = _options(address, context)
    return _secured(Redis(host=host, port=port, db=address.database, single_connection_client=True, **options), context)


def sentinel_at(place: HostAndPort, address: StoreAddress, context: ssl.SSLContext | None) -> Redis:
    """A client of a sentinel, with a user and a password of its own, if any."""
    host, port = place
    options = _options(address, context) | {"username": None, "password": None} | address.sentinel
    return _secured(Redis(host=host, port=port, **options), context)


def cluster_by(place: HostAndPort, address: StoreAddress, context: ssl.SSLContext | None) -> RedisCluster:
    """A client of a cluster, by one of its nodes."""
    cluster = RedisCluster(startup_nodes=[ClusterNode(*place)], **_options(address, context))
    if context is not None:
        of_nodes = cluster.connection_kwargs["connection_class"] = _connections(context)
        for node in cluster.nodes_manager.startup_nodes.values():
            node.connection_class = of_nodes
    return cluster


def _secured(client: Redis, context: ssl.SSLContext | None) -> Redis:
    if context is not None:
        client.connection_pool.connection_class = _connections(context)
    return client


def _connections(context: ssl.SSLContext) -> type[SSLConnection]:
    """Connections by a context that is made already: the library makes its own, of files alone."""

    class Secured(SSLConnection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.ssl_context: Any = _Made(context)

    return Secured


class _Made:
    """What the library asks for a context."""

    __slots__ = ("_context",)

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def get(self) -> ssl.SSLContext:
        """The one."""
        return self._context


def _options(address: StoreAddress, context: ssl.SSLContext | None) -> dict[str, Any]:
    return {
        "username": address.user or None,
        "password": address.password or None,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # the next call is a second away
        "protocol": 2,  # which servers that are too old speak as well, so that their version can be told
        "driver_info": None,  # else it names itself, for which a user of an ACL needs another right
        "ssl": context is not None,
    }
