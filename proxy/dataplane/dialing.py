"""How connections to model servers are made: TCP, and TLS where the version is `https`; then HTTP/1.1 or HTTP/2.

1. The handshake is part of a connection: of its time, and of the race of several addresses.
2. Whoever is not who it has to be gets no byte of a request.
3. HTTP/2 is spoken by prior knowledge in clear, and by TLS where the other side agrees to it (RFC 9113 §3.2, §3.3).
4. A connection that was made while other certificates came into force is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, cast

from proxy.contracts.table import Table, Version
from proxy.dataplane.endpoints import ServerEndpoint, in_order
from proxy.dataplane.h1.upstream import Upstream
from proxy.dataplane.h2.upstream import MAX_STREAMS, Http2Upstream
from proxy.dataplane.handshakes import Handshakes
from proxy.dataplane.names import VersionNames
from proxy.dataplane.ports import Connection, ConnectionOwner, Dialer
from proxy.dataplane.race import Attempts, Race
from proxy.dataplane.timings import Timings
from proxy.dataplane.tls_layer import Ask, TlsLayer
from proxy.dataplane.trust import Trust, Trusts
from proxy.dataplane.turns import Turns


class Ownerless(ConnectionOwner):
    """Who owns a connection that was not chosen yet."""

    def available(self, connection: Connection, now: float) -> None:
        """It was not lent to anybody."""

    def lost(self, connection: Connection, now: float) -> None:
        """Whoever chooses it finds out."""


OWNERLESS: Final = Ownerless()


class ServerAttempts(Attempts):
    """Connects to single addresses of `version`. `shaking`: handshakes under way."""

    __slots__ = ("_ask", "_names", "_timings", "_trust", "_version", "shaking")

    def __init__(self, version: Version, timings: Timings, names: VersionNames, trust: Trust, ask: Ask) -> None:
        self._version, self._timings, self._names, self._trust, self._ask = version, timings, names, trust, ask
        self.shaking = 0

    async def attempt(self, endpoint: ServerEndpoint) -> Connection:
        endpoint.open += 1
        try:
            if self._trust.context is None:
                return await self._in_clear(endpoint)
            return await self._by_tls(endpoint)
        except BaseException:
            endpoint.open -= 1
            raise

    async def _in_clear(self, endpoint: ServerEndpoint) -> Connection:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(self._upstream, endpoint.host, endpoint.port)
        return await self._ready(upstream)

    async def _by_tls(self, endpoint: ServerEndpoint) -> Connection:
        loop, trust, upstream = asyncio.get_running_loop(), self._trust, self._upstream()
        _, layer = await loop.create_connection(
            lambda: TlsLayer(trust.context, upstream, trust.server_name, self._ask), endpoint.host, endpoint.port
        )
        self.shaking += 1
        try:
            await self._shaken(layer)
        except BaseException:
            upstream.release()
            layer.abort()
            raise
        return await self._ready(upstream)

    async def _ready(self, upstream: Upstream | Http2Upstream) -> Connection:
        """The connection, once its server has spoken where that is the first to be heard."""
        if isinstance(upstream, Http2Upstream):
            try:
                await upstream.ready
            except BaseException:
                upstream.transport.abort()
                raise
        return upstream

    async def _shaken(self, layer: TlsLayer) -> None:
        """Returns once the other side has shown who it is. Raises TlsFailed."""
        try:
            if layer.shaken is not None:
                await layer.shaken
        except OSError as error:
            self.shaking -= 1
            raise self._trust.failed(error) from error
        self.shaking -= 1
        layer.shaken = None
        self._trust.check(layer.session)
        if self._version.http == 2 and layer.session.selected_alpn_protocol() != "h2":
            raise self._trust.failed("protocol")

    def _upstream(self) -> Upstream | Http2Upstream:
        if self._version.http == 2:
            return Http2Upstream(self._version, OWNERLESS, self._trust)
        return Upstream(self._version, OWNERLESS, self._timings, self._trust)

    def drop(self, connection: Connection, endpoint: ServerEndpoint) -> None:
        endpoint.open -= 1
        connection.close()

    def ejected(self, endpoint: ServerEndpoint) -> None:
        self._names.ejected(self._version, endpoint, "connect")


def _soon(step: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(step)


class ServerDialer(Dialer):
    """Makes connections to versions."""

    __slots__ = ("_clock", "_names", "_timings", "_trusts", "_turns")

    def __init__(self, timings: Timings, names: VersionNames, clock: Callable[[], float] = monotonic) -> None:
        self._timings, self._names, self._clock = timings, names, clock
        self._trusts = Trusts(Handshakes(names.tally))
        self._turns = Turns(_soon)

    def streams(self, version: Version) -> int:
        return MAX_STREAMS if version.http == 2 else 1

    def follow(self, table: Table) -> bool:
        return self._trusts.follow(table)

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        while True:
            trust = self._trusts.of(version)
            connection = await self._dialed(version, owner, wanted, trust)
            if not trust.gone:
                return connection
            connection.close()

    async def _dialed(
        self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None, trust: Trust
    ) -> Connection:
        endpoints = in_order(await self._names.endpoints(version), self._clock(), wanted)
        ask: Callable[[Callable[[], None]], None] = lambda step: self._turns.ask(owner, step)  # noqa: E731
        attempts = ServerAttempts(version, self._timings, self._names, trust, ask)
        race = Race(attempts, owner, endpoints, self._clock)
        try:
            upstream = await race.run()
        except asyncio.CancelledError:
            if not attempts.shaking:
                raise
            raise trust.failed("timeout") from None
        try:
            if isinstance(upstream, Http2Upstream):
                upstream.adopt(owner, race.winner)
            else:
                cast("Upstream", upstream).adopt(owner, race.winner)
        except Exception:
            attempts.drop(upstream, race.winner)
            raise
        return upstream

    def watch(self, version: Version, busy: bool, now: float) -> None:
        self._names.watch(version, busy, now)

    def endpoints(self, version: Version) -> list[ServerEndpoint]:
        return self._names.known(version)

    def broken(self, version: Version, rule: str, now: float) -> None:
        self._names.tally.malformed.note("", version.name, rule, now)

    def ejected(self, version: Version, endpoint: ServerEndpoint, reason: str) -> None:
        self._names.ejected(version, endpoint, reason)
