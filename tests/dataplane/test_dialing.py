"""How connections to model servers are made: addresses, races, and TLS."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

import pytest
from msgspec.structs import replace

from proxy.contracts.build import build
from proxy.contracts.table import Table, Version
from proxy.dataplane.dialing import ServerDialer
from proxy.dataplane.endpoints import Found
from proxy.dataplane.lookups import Lookups
from proxy.dataplane.names import VersionNames
from proxy.dataplane.ports import Connection, ConnectionOwner
from proxy.dataplane.resolver import Heard
from proxy.dataplane.tally import Tally
from proxy.dataplane.timings import Timings
from proxy.dataplane.tls_failed import TlsFailed
from tests.support.certificates import Authority
from tests.support.plane import run
from tests.support.scripted import serving
from tests.support.secured import secured, server_context

if build() == "compiled":
    pytest.skip("owners here are bases of the compiled ports", allow_module_level=True)

LOOP = "127.0.0.1"


class Owner(ConnectionOwner):
    """A pool that is not asked for more."""

    def available(self, connection: Connection, now: float) -> None:
        """It keeps none."""

    def lost(self, connection: Connection, now: float) -> None:
        """It keeps none."""

    def spare(self) -> bool:
        return True

    def spared(self) -> None:
        """There are enough."""


def test_dialling() -> None:
    async def test() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        made = await ServerDialer(Timings(), VersionNames(Tally(), monotonic, Lookups().ask)).dial(
            Version("v1", "127.0.0.1", port, "a"), Owner(), None
        )
        assert made.is_available()
        made.close()
        server.close()

    asyncio.run(test())


def test_dialling_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(OSError, match=r"refused|111"):
        asyncio.run(
            ServerDialer(Timings(), VersionNames(Tally(), monotonic, Lookups().ask)).dial(
                Version("v1", "127.0.0.1", port, "a"), Owner(), None
            )
        )


def names_of(*hosts: str) -> VersionNames:
    """VersionNames that lead to `hosts`."""

    def look_up(version: Version, heard: Heard) -> None:
        heard(Found([(socket.AF_INET, each, version.port) for each in hosts]))

    return VersionNames(Tally(), monotonic, look_up)


def test_a_dead_first_address_costs_no_request() -> None:
    async def test(port: int) -> None:
        names, version = names_of("127.0.0.2", "127.0.0.1"), Version("v1", "model.test", port, "a")
        dialer = ServerDialer(Timings(), names)
        made = [await dialer.dial(version, Owner(), None) for _ in range(2)]
        dead, alive = await names.endpoints(version)
        assert (dead.open, alive.open) == (0, 2) and dead.dead_until > monotonic() > alive.dead_until
        for connection in made:
            connection.close()
        await asyncio.sleep(0.01)
        assert alive.open == 0

    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(test(server.getsockname()[1]))


def test_connections_spread_over_the_addresses() -> None:
    async def test(port: int) -> None:
        names, version = names_of("127.0.0.1", "127.0.0.2"), Version("v1", "model.test", port, "a")
        dialer = ServerDialer(Timings(), names)
        made = [await dialer.dial(version, Owner(), None) for _ in range(6)]
        assert [each.open for each in await names.endpoints(version)] == [3, 3]
        for connection in made:
            connection.close()
        await asyncio.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with socket.create_server(("127.0.0.2", port)):
            asyncio.run(test(port))


async def holds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that waits."""
    await reader.read(-1)


def secure(port: int, host: str = "127.0.0.1") -> Version:
    return Version("v1", host, port, "a", secure=True)


def by(version: Version, name: str = "127.0.0.1") -> Table:
    """A table in which the version's certificate is one for `name`."""
    return Table(1, {"v1": version}, (), tls={"v1": replace(secured().client, server_name=name)})


def test_an_address_whose_handshake_fails_costs_no_request_and_comes_last() -> None:
    """Two addresses, and one of them is somebody else's."""

    async def test() -> None:
        theirs = server_context(Authority("Somebody else").issue("ip:127.0.0.1"))
        async with serving(holds, theirs, ("127.0.0.2", 0)) as port, serving(holds, secured().server, (LOOP, port)):
            names, version = names_of("127.0.0.2", LOOP), secure(port, "model.test")
            dialer = ServerDialer(Timings(), names)
            dialer.follow(by(version))
            made = await dialer.dial(version, Owner(), None)
            dead, alive = await names.endpoints(version)
            assert (str(made.endpoint()), dead.open, alive.open) == (f"{LOOP}:{port}", 0, 1)
            assert dead.dead_until > monotonic() > alive.dead_until
            made.close()

    run(test)


def test_a_connection_that_was_made_while_other_certificates_came_into_force_is_made_again() -> None:
    async def test() -> None:
        async with serving(holds, secured().server) as port:
            dialer, version = ServerDialer(Timings(), names_of(LOOP)), secure(port)
            dialer.follow(by(version))
            dialing = asyncio.create_task(dialer.dial(version, Owner(), None))
            await asyncio.sleep(0)
            assert dialer.follow(by(version, "localhost"))
            made = await dialing
            assert not made.has_expired(monotonic()), "it is of what is in force"
            made.close()

    run(test)


def test_a_handshake_that_does_not_end_is_said_to_be_one() -> None:
    async def test() -> None:
        deadline = asyncio.timeout(None)

        async def hears_and_holds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            deadline.reschedule(0.0)  # the handshake has begun: now its time is over
            await reader.read(-1)

        async with serving(hears_and_holds) as port:
            names, version = names_of(LOOP), secure(port)
            dialer = ServerDialer(Timings(), names)
            dialer.follow(by(version))
            with pytest.raises(TlsFailed) as failed:
                async with deadline:
                    await dialer.dial(version, Owner(), None)
            assert failed.value.why == "timeout"
            assert [each.open for each in names.known(version)] == [0], "its place is given back"

    run(test)
