"""Redis as a store, without a server: what is said against one, what is said of faults, and how it is connected to.
The calls themselves are tested with a real server in tests/process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from proxy.control.fleet.address import StoreAddress, address_of
from proxy.control.fleet.redis_store import CALL_SECONDS, RedisStore, _place, _said, checked
from proxy.control.fleet.store import NOWHERE, Report, StoreUnavailableError, StoreUnfitError

GOOD = {"redis_version": "7.0.15", "role": "master", "maxmemory": 0, "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize("version", ["6.2", "6.2.14", "7.0.15", "8.1.0", "10.0", "7.2.5-rc1", 7.2])
def test_a_server_that_can_serve_a_fleet(version: Any) -> None:
    assert checked(GOOD | {"redis_version": version}) == ()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "is no Redis"),
        ({"redis_version": ""}, "is no Redis"),
        ({"redis_version": "unknown"}, "is no Redis"),
        (GOOD | {"redis_version": "6.1.9"}, "Redis 6.1.9 is older than 6.2"),
        (GOOD | {"redis_version": "2.10"}, "older than 6.2"),
        (GOOD | {"redis_version": "6"}, "older than 6.2"),
        (GOOD | {"role": "slave"}, "is a replica"),
    ],
)
def test_a_server_that_cannot_is_refused_by_the_name_of_the_option(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(StoreUnfitError, match=said) as caught:
        checked(facts)
    assert str(caught.value).startswith("fleet.redis: ")


def test_a_policy_is_a_warning_where_memory_is_limited() -> None:
    (warning,) = checked(GOOD | {"maxmemory": 64, "maxmemory_policy": "volatile-lru"})
    assert "fleet.redis: maxmemory-policy is volatile-lru" in warning
    assert checked(GOOD | {"maxmemory_policy": "allkeys-lru"}) == ()
    assert checked({"redis_version": "7.0"}) == ()


# -- faults, by a client that raises


class Client:
    """A client whose calls raise."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.closed = error, 0

    async def info(self) -> dict[str, Any]:
        """What a good server says."""
        return dict(GOOD)

    async def eval(self, *values: Any) -> Any:
        """Raises."""
        raise self.error

    async def aclose(self) -> None:
        """Counted."""
        self.closed += 1


class Faulty(RedisStore):
    """A store with such clients."""

    def __init__(self, error: BaseException, url: str) -> None:
        super().__init__(address_of(url), "f")
        self.error, self.opened = error, list[Client]()

    def _opened(self) -> Any:
        self.opened.append(Client(self.error))
        return self.opened[-1]


URL = "redis://ada:s3cret%2F@redis.example:6380/2"
SECRET = "s3cret/"


def said_of(error: BaseException) -> str:
    store = Faulty(error, URL)
    with pytest.raises(StoreUnavailableError) as caught:
        asyncio.run(store.report(Report("a", "e", 1, b"")))
    assert [client.closed for client in store.opened] == [1], "a connection with an open answer is used no more"
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), f"no answer within {CALL_SECONDS:g} s from Redis at redis.example:6380"),
        (AuthenticationError(f"WRONGPASS {SECRET}"), "Redis at redis.example:6380 refuses the user or password"),
        (AuthorizationError("NOAUTH"), "refuses the user or password of fleet.redis"),
        (NoPermissionError("NOPERM eval"), "does not allow the user of fleet.redis what a fleet needs"),
        (ConnectionRefusedError(111, f"refused by {SECRET}"), "Redis at redis.example:6380: "),
        (ResponseError("OOM command not allowed"), "OOM command not allowed"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), "redis.example"),
        (OSError(), "OSError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_fault_is_one_sentence_that_names_the_server_and_no_secret(error: BaseException, said: str) -> None:
    found = said_of(error)
    assert said in found
    assert SECRET not in found


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_of_a_server_brings_a_password_out(before: str, after: str) -> None:
    for error in (RedisError(f"{before}{SECRET}{after}"), AuthenticationError(f"{before}{SECRET}{after}")):
        assert SECRET not in said_of(error)


def test_the_password_of_sentinels_is_not_shown_either() -> None:
    address = StoreAddress("sentinel", (("h", 1),), password=SECRET, sentinel={"password": "of-sentinels"})
    assert _said(RedisError(f"AUTH {SECRET} of-sentinels"), address) == "Redis at h:1: AUTH *** ***"


def test_what_is_no_fault_of_the_server_is_not_called_one() -> None:
    store = Faulty(KeyError("a bug"), URL)
    with pytest.raises(KeyError):
        asyncio.run(store.report(Report("a", "e", 1, b"")))
    assert [client.closed for client in store.opened] == [1]


# -- what another program wrote


class Written(Client):
    """A client of a store where members and the fields of their reports are `rows`."""

    def __init__(self, rows: dict[bytes, tuple[Any, Any]]) -> None:
        super().__init__(KeyError())
        self.rows, self.asked = rows, list[Any]()

    async def eval(self, *values: Any) -> Any:
        """All members, reported now."""
        members = [part for name in self.rows for part in (name, b"1.0")]
        return [b"1", b"0", members, b"0", b"0", b"", b""]

    def pipeline(self, transaction: bool) -> Written:
        """Itself."""
        self.asked = []
        return self

    def hget(self, key: str, field: str) -> None:
        """One more."""
        name = key.partition("count:")[2].encode()
        self.asked.append(self.rows[name][field == "b"])

    async def execute(self, raise_on_error: bool) -> list[Any]:
        """What was asked for."""
        assert not raise_on_error
        return self.asked


def collected(rows: dict[bytes, tuple[Any, Any]]) -> list[str]:
    store = Faulty(KeyError(), URL)
    store._client = Written(rows)  # type: ignore[assignment]
    return [each.instance for each in asyncio.run(store.collect({}, NOWHERE)).reports]


def test_a_report_that_is_none_costs_nobody_else_a_look() -> None:
    other = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
    odd = {b"e:text": (b"abc", b""), b"e:less": (b"-1", b""), b"e:large": (b"9" * 30, b""), b"e:other": (other, other)}
    assert collected({b"e:one": (b"7", b"body"), b"\xff": (b"1", b""), b"e:gone": (None, None)} | odd) == ["one"]


def test_a_report_that_could_not_be_asked_for_is_not_taken_for_gone() -> None:
    with pytest.raises(StoreUnavailableError):
        collected({b"e:one": (NoPermissionError("NOPERM hget"), None)})


@pytest.mark.parametrize(
    "place", [(b"abc", b"1", b"x"), (b"1", b"-1", b"x"), (b"9" * 20, b"1", b""), (b"1", b"1", b"\xff")]
)
def test_a_state_that_is_none_is_named(place: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(StoreUnfitError, match=r"fleet\.redis: the key `state`"):
        _place(*place)


# -- connections


def opened(url: str) -> Any:
    return RedisStore(address_of(url), "f")._opened()


def test_a_server_is_spoken_to_on_one_connection_with_the_name_and_the_database() -> None:
    client = opened(URL)
    assert isinstance(client, Redis)
    given_options = client.connection_pool.connection_kwargs
    wanted = {"host": "redis.example", "port": 6380, "db": 2, "username": "ada", "password": SECRET}
    assert {name: given_options[name] for name in wanted} == wanted
    assert client.single_connection_client
    assert given_options["socket_timeout"] == CALL_SECONDS


def test_sentinels_and_clusters_have_clients_of_their_own() -> None:
    assert isinstance(opened("redis+cluster://one:7000,two:7001"), RedisCluster)
    assert isinstance(opened("redis+sentinel://one,two/primary/3"), Redis)


def test_tls_is_tls() -> None:
    assert "SSL" in opened("rediss://redis.example").connection_pool.connection_class.__name__


def test_keys_of_a_fleet_have_one_slot() -> None:
    store = RedisStore(StoreAddress("server", (("h", 1),)), "fraud")
    assert store._keys("leader", "state") == ["{penumbra:fraud}:leader", "{penumbra:fraud}:state"]
