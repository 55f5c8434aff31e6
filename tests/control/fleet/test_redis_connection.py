"""How each kind of address is connected to. That it is, is tested with real servers in tests/process."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any

import pytest
from redis import exceptions
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection
from redis.exceptions import AuthenticationError, InvalidResponse, RedisError

from proxy.contracts.tls import ClientTls
from proxy.control.fleet.address import StoreAddress, address_of
from proxy.control.fleet.redis_connection import (
    ANSWER_SECONDS,
    StoreConnection,
    _closed,
    _rank,
    cluster_by,
    sentinel_at,
    server_at,
)
from proxy.tls.calls import call_context
from tests.support.certificates import Authority, client_tls

URL = "redis://ada:s3cret%2F@redis.example:6380/2"


def options(client: Any) -> dict[str, Any]:
    return dict(client.connection_pool.connection_kwargs)


def test_a_server_is_spoken_to_on_one_connection_with_the_name_and_the_database() -> None:
    address = address_of(URL)
    client = server_at(address.places[0], address, None)
    wanted = {"host": "redis.example", "port": 6380, "db": 2, "username": "ada", "password": "s3cret/"}
    assert wanted.items() <= options(client).items()
    assert client.single_connection_client
    assert options(client)["socket_timeout"] == ANSWER_SECONDS


def test_sentinels_have_names_of_their_own() -> None:
    address = StoreAddress("sentinel", (("one", 1),), "ada", "s3cret", 2, "name", sentinel={"password": "other"})
    made = options(sentinel_at(("one", 1), address, None))
    wanted = {"host": "one", "port": 1, "username": None, "password": "other", "db": 0}
    assert {name: made.get(name) for name in wanted} == wanted


PLACES = (("one", 1), ("two", 2), ("three", 3))


def asked(first: int, bad: set[str], hung: str = "") -> tuple[list[str], str, int]:
    """Whom a connection asks, whose answer it takes ("" for nobody's), and with whom it begins the next time."""

    async def passes() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                found.append(await connection._of_one(ask))

    async def ask(place: tuple[str, int]) -> str:
        order.append(place[0])
        if place[0] == hung:
            await asyncio.sleep(3600)
        if place[0] in bad:
            raise OSError("refused")
        return place[0]

    order, found = list[str](), list[str]()
    connection = StoreConnection(StoreAddress("cluster", PLACES), "{penumbra:f}:")
    connection._first = first
    with suppress(OSError):
        asyncio.run(passes())
    return order, "".join(found), connection._first % len(PLACES)


@pytest.mark.parametrize(
    ("first", "bad", "hung", "wanted"),
    [
        (0, set(), "", (["one"], "one", 0)),
        (0, {"one", "two"}, "", (["one", "two", "three"], "three", 2)),
        (2, {"three"}, "", (["three", "one"], "one", 0)),
        (1, {"one", "two", "three"}, "", (["two", "three", "one"], "", 1)),
        (0, {"one"}, "two", (["one", "two"], "", 2)),
    ],
    ids=["the first", "the last", "round", "nobody", "one that hangs is passed over the next time"],
)
def test_the_place_that_answered_last_is_asked_first(first: int, bad: set[str], hung: str, wanted: object) -> None:
    assert asked(first, bad, hung) == wanted


class Node:
    """A node of a cluster."""

    def __init__(self) -> None:
        self.open = True

    async def disconnect(self) -> None:
        """Closes."""
        self.open = False


def test_a_cluster_of_which_a_node_is_away_is_closed_whole() -> None:
    async def passes() -> list[Node]:
        cluster = cluster_by(("h", 1), address_of("redis+cluster://h"), None)
        known, named = Node(), Node()
        cluster.nodes_manager.nodes_cache = {"known": known}  # type: ignore[dict-item]
        cluster.nodes_manager.startup_nodes = {"named": named}  # type: ignore[dict-item]
        await _closed(cluster)
        return [known, named]

    assert [node.open for node in asyncio.run(passes())] == [False, False]


def test_what_one_said_comes_before_that_others_did_not_answer() -> None:
    faults = [OSError("refused"), AuthenticationError("NOAUTH"), exceptions.TimeoutError("late")]
    assert str(min(faults, key=_rank)) == "NOAUTH"
    assert str(min([OSError("refused"), RedisError("knows no primary")], key=_rank)) == "knows no primary"


SECURED = ["rediss://h", "rediss+sentinel://h/name", "rediss+cluster://h"]


def connections(at: str, context: ssl.SSLContext | None) -> list[Any]:
    """Those that clients of an address would make; of a cluster to the node that is named, and to one that it names."""
    address, place = address_of(at), ("h", 1)
    if address.kind == "cluster":
        cluster = cluster_by(place, address, context)
        (named,) = cluster.nodes_manager.startup_nodes.values()
        found = ClusterNode("other", 2, **cluster.nodes_manager.connection_kwargs)
        return [node.acquire_connection() for node in (named, found)]
    pools: list[Any] = [make(place, address, context).connection_pool for make in (server_at, sentinel_at)]
    return [pool.make_connection() for pool in pools]


@pytest.mark.parametrize("at", SECURED)
def test_every_connection_is_made_by_the_context_that_is_given(at: str) -> None:
    context = call_context(client_tls(Authority()))
    for each in connections(at, context):
        assert isinstance(each, SSLConnection)
        assert each.ssl_context.get() is context
    assert not any(isinstance(each, SSLConnection) for each in connections(at.replace("rediss", "redis"), None))


@pytest.mark.parametrize("at", SECURED)
def test_an_address_of_tls_has_a_context_without_a_section(at: str) -> None:
    context = StoreConnection(address_of(at), "k")._context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert StoreConnection(address_of(at.replace("rediss", "redis")), "k")._context() is None


def test_other_certificates_are_another_place_and_the_same_are_not() -> None:
    first, second = (client_tls(Authority()) for _ in range(2))
    connection = StoreConnection(address_of("rediss://h"), "k", first)
    before = connection._context()

    async def moved(tls: ClientTls) -> bool:
        connection.trust(tls)
        return await connection.moved()

    assert not asyncio.run(moved(first))
    assert asyncio.run(moved(second))
    assert connection._context() is not before
    asyncio.run(connection.close())
    assert not asyncio.run(connection.moved()), "what is connected from now on is by the new ones"


@pytest.mark.parametrize("fault", [AttributeError("none"), TypeError("none"), IndexError("none"), KeyError("none")])
def test_what_the_library_stumbles_over_is_no_redis(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumbles(*_: Any) -> Any:
        raise fault

    connection = StoreConnection(address_of(URL), "{penumbra:f}:")
    monkeypatch.setattr(StoreConnection, "_open", stumbles)
    with pytest.raises(InvalidResponse, match="none"):
        asyncio.run(connection.open())
