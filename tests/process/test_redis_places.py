"""A fleet's store that is more than one server: sentinels, a cluster, TLS; with real servers."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.config.load import parse
from proxy.contracts.tls import ClientTls
from proxy.control.fleet import redis_connection
from proxy.control.fleet.address import StoreAddress, address_of
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.store import StoreUnavailableError, StoreUnfitError
from proxy.tls.server import server_context
from tests.support import certificates, fleet_store
from tests.support.fleets import SidecarHouse, World
from tests.support.redis_places import (
    SERVICE,
    ClusterNode,
    ScriptedSentinel,
    WatchedServers,
    by_tls,
    dead_and_silent,
)
from tests.support.redis_server import RedisServer, free_port
from tests.support.running import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")


AUTHORITY, STRANGER = certificates.Authority(), certificates.Authority("stranger")
STORE, SIDECAR = AUTHORITY.issue("dns:store", "spiffe://prod/store"), AUTHORITY.issue("spiffe://prod/sidecar")
SECTION = certificates.client_tls(AUTHORITY, SIDECAR, server_name="store")


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterNode]:
    """Started before the other tests: a cluster takes two seconds until it serves. It speaks TLS as well."""
    port, paths = free_port(), certificates.written(tmp_path_factory.mktemp("cluster"), STORE, AUTHORITY)
    with ClusterNode("--tls-cluster", "yes", *by_tls(port, paths, asks=True)) as node:
        node.secured = port
        yield node


def is_a_store(at: str, tls: ClientTls | None = None) -> None:
    """Passes when what stands at an address does what every store does."""

    async def passes() -> None:
        for holds in fleet_store.EVERY:
            store = RedisStore(address_of(at), f"of-{holds.__name__}", tls)
            await holds(store)
            await store.close()

    asyncio.run(passes())


def said(at: str, tls: ClientTls | None = None) -> str:
    """What a call says that does not come through."""

    async def passes() -> str:
        store = RedisStore(address_of(at), "f", tls)
        with pytest.raises((StoreUnavailableError, StoreUnfitError)) as caught:
            await store.acquire("a", 0, "x")
        await store.close()
        return str(caught.value)

    return asyncio.run(passes())


# -- TLS


def test_a_server_by_tls_is_trusted_by_its_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = certificates.Authority()
    port, paths = free_port(), certificates.written(tmp_path, authority.issue("ip:127.0.0.1"), authority)
    with RedisServer(*by_tls(port, paths)):
        assert "the certificate of Redis at 127.0.0.1" in said(f"rediss://127.0.0.1:{port}")
        monkeypatch.setenv("SSL_CERT_FILE", paths.ca)
        is_a_store(f"rediss://127.0.0.1:{port}")
        assert "the certificate of Redis at localhost" in said(f"rediss://localhost:{port}"), "the name is checked"
        assert "begins with rediss://" in said(f"redis://127.0.0.1:{port}")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[int]:
    """The port of a server by TLS that lets in who has a certificate of its authority."""
    port, paths = free_port(), certificates.written(tmp_path, STORE, AUTHORITY)
    with RedisServer(*by_tls(port, paths, asks=True)):
        yield port


def test_a_server_is_held_to_the_section_and_let_in_by_it(secured: int) -> None:
    at = f"rediss://127.0.0.1:{secured}"
    is_a_store(at, SECTION)
    asyncio.run(acquired(address_of(at), replace(SECTION, server_name="", san="spiffe://prod/store")))
    asyncio.run(acquired(address_of(at), certificates.client_tls((), SIDECAR, insecure_skip_verify=True)))
    assert "not trusted (name_mismatch)" in said(at, replace(SECTION, server_name=""))
    assert "not trusted (name_mismatch)" in said(at, replace(SECTION, san="spiffe://prod/another"))
    assert "not trusted (untrusted)" in said(at, certificates.client_tls(STRANGER, SIDECAR, server_name="store"))
    assert "tls_failed (no_certificate)" in said(at, certificates.client_tls(AUTHORITY, server_name="store"))
    assert "tls_failed (untrusted)" in said(at, replace(SECTION, material=STRANGER.issue("dns:x").material(AUTHORITY)))


def test_sentinels_and_the_primary_are_held_to_one_section(secured: int) -> None:
    async def passes() -> None:
        of_sentinel = server_context(certificates.server_tls(STORE, client_ca=AUTHORITY, client="require"))
        sentinel = ScriptedSentinel(secured, of_sentinel)
        address = address_of(f"rediss+sentinel://127.0.0.1:{await sentinel.start()}/{SERVICE}")
        assert await acquired(address, SECTION) == 1
        await sentinel.close()

    asyncio.run(passes())


def test_new_certificates_are_of_the_next_call_and_cost_no_term(secured: int) -> None:
    """A judge whose connection is made anew judges on, without an election, and without a turn that fails."""

    async def passes() -> None:
        fleet = Sidecars(f"rediss://127.0.0.1:{secured}", SECTION)
        await until(lambda: fleet.looks() > 2, fleet.turn, "a look")
        term, failed = fleet.each[0].member.following.place[0], fleet.failed
        for _ in range(3):
            renewed = replace(SECTION, material=AUTHORITY.issue("spiffe://prod/sidecar").material(AUTHORITY))
            before = [store._connection.client for store in fleet.stores]
            for store in fleet.stores:
                store.trust(renewed)
            looks = fleet.looks()
            await until(lambda: fleet.looks() > looks + 1, fleet.turn, "a look by new connections")  # noqa: B023
            assert all(store._connection.client is not old for store, old in zip(fleet.stores, before, strict=True))
        assert (fleet.each[0].member.following.place[0], fleet.failed) == (term, failed)
        for store in fleet.stores:
            store.trust(certificates.client_tls(STRANGER, SIDECAR, server_name="store"))
        with pytest.raises(StoreUnavailableError):
            await fleet.each[0].member.session.turn()
        for store in fleet.stores:
            await store.close()

    asyncio.run(passes())


# -- sentinels

SETTINGS = """
listen: ":0"
fleet: {redis: "redis://unused", name: f, lease: 1h}
versions: {v1: {url: "http://a:1"}, v2: {url: "http://b:1"}}
routes: {cancer: {match: {path: /}, protocol: json, primary: v1, canary: {version: v2, percent: 10}}}
"""


async def until(look: Callable[[], bool], turn: Callable[[], object], what: str) -> None:
    """Turns until something is seen."""
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, f"never seen: {what}"
        await asyncio.sleep(0.02)
        turned = turn()
        if asyncio.iscoroutine(turned):
            await turned


class Sidecars:
    """Two sidecars, each with a connection of its own to the store at an address."""

    def __init__(self, at: str, tls: ClientTls | None = None) -> None:
        self.world, self.each = World(), list[SidecarHouse]()
        self.stores: list[RedisStore] = []
        self.failed = 0
        for name in "ab":
            self.stores.append(RedisStore(address_of(at), "f", tls))
            self.world.store = self.stores[-1]  # type: ignore[assignment]
            self.each.append(SidecarHouse(self.world, name, parse(SETTINGS, {})))

    async def turn(self) -> None:
        """A turn of each, whatever the store does."""
        self.world.now += 0.02
        for each in self.each:
            try:
                await each.member.session.turn()
            except (StoreUnavailableError, StoreUnfitError):
                self.failed += 1
            each.member.look()

    def looks(self) -> int:
        """The look that both follow."""
        return min(each.member.following.place[1] for each in self.each)

    def off(self) -> bool:
        """Whether the candidate has no traffic at either."""
        return all(each.split() == {} for each in self.each)


def test_sessions_go_on_through_a_failover_and_a_rollback_stays() -> None:
    async def passes(servers: WatchedServers, at: str) -> None:
        fleet = Sidecars(at)
        await until(lambda: fleet.looks() > 2, fleet.turn, "a look")
        assert not fleet.off()
        asking = asyncio.ensure_future(fleet.each[1].member.command("cancer", "rollback", {"reason": "x"}, "ada", ""))
        await until(lambda: asking.done() and fleet.off(), fleet.turn, "the rollback")
        await until(servers.in_the_replica, fleet.turn, "a replica that has it")
        looks, fleet.failed = fleet.looks(), 0
        servers.one.kill()
        await until(lambda: fleet.looks() > looks + 2, fleet.turn, "a look on what was the replica")
        assert fleet.failed, "nothing was lost, so nothing was failed over"
        assert fleet.off()
        assert sum(each.member.session.is_judge for each in fleet.each) == 1
        for store in fleet.stores:
            await store.close()

    with WatchedServers() as servers, dead_and_silent() as others:
        asyncio.run(passes(servers, f"redis+sentinel://{others},127.0.0.1:{servers.port}/{SERVICE}"))


def test_a_primary_that_was_replaced_is_left_though_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does for some seconds after a failover; what is written to it then is lost."""

    async def passes(old: RedisServer, new: RedisServer) -> None:
        sentinel = ScriptedSentinel(old.port)
        store = RedisStore(address_of(f"redis+sentinel://127.0.0.1:{await sentinel.start()}/{SERVICE}"), "f")
        held = await store.acquire("old", 0, "x")
        assert held.judge == "old"
        sentinel.port, asked = new.port, sentinel.asked
        while sentinel.asked == asked:
            await asyncio.sleep(0.02)
            held = await store.acquire("new", held.term, "y")
        assert (held.judge, held.term) == ("new", 2), "another server, where nobody judged"
        await sentinel.close()
        await asyncio.sleep(0.05)
        assert (await store.acquire("other", 0, "z")).judge == "new", "without sentinels the connection stays"
        await store.close()

    monkeypatch.setattr(redis_connection, "ASK_SECONDS", 0.05)
    with RedisServer() as old, RedisServer() as new:
        asyncio.run(passes(old, new))


def test_sentinels_have_a_password_of_their_own() -> None:
    with WatchedServers("of-sentinels") as servers:
        at = f"redis+sentinel://127.0.0.1:{servers.port}/{SERVICE}"
        assert "refuses the user or password" in said(at)
        assert asyncio.run(acquired(replace(address_of(at), sentinel={"password": "of-sentinels"}))) == 1


async def acquired(address: StoreAddress, tls: ClientTls | None = None) -> int:
    store = RedisStore(address, "f", tls)
    term = (await store.acquire("a", 0, "x")).term
    await store.close()
    return term


def test_a_service_that_no_sentinel_knows_is_named() -> None:
    with WatchedServers() as servers:
        assert "'other'" in said(f"redis+sentinel://127.0.0.1:{servers.port}/other")


# -- a cluster


def test_a_cluster_is_a_store_by_whichever_node_answers(cluster: ClusterNode) -> None:
    cluster.serves()
    is_a_store(f"redis+cluster://127.0.0.1:{cluster.port}")
    with dead_and_silent() as others:
        assert asyncio.run(acquired(address_of(f"redis+cluster://{others},127.0.0.1:{cluster.port}"))) == 1


def test_nodes_of_a_cluster_are_held_to_the_section(cluster: ClusterNode) -> None:
    cluster.serves()
    at = f"rediss+cluster://127.0.0.1:{cluster.secured}"
    assert asyncio.run(acquired(address_of(at), SECTION)) >= 1
    assert "not trusted (name_mismatch)" in said(at, replace(SECTION, san="spiffe://prod/another"))


def test_one_server_is_no_cluster() -> None:
    with RedisServer() as server:
        assert "is no cluster" in said(f"redis+cluster://127.0.0.1:{server.port}")
