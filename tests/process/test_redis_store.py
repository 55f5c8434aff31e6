"""The store of a fleet in a real Redis: what every store does, and what a server and its absence do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator

import pytest

from proxy.control.fleet.address import address_of
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.store import NOWHERE, Report, StoreUnavailableError, StoreUnfitError
from tests.support import fleet_store
from tests.support.fleet_store import StoreTest
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.mark.parametrize("holds", fleet_store.EVERY, ids=lambda test: test.__name__)
def test_it_is_a_store(server: RedisServer, holds: StoreTest) -> None:
    async def passes() -> None:
        store = RedisStore(address_of(server.url), f"of {holds.__name__}")
        await holds(store)
        await store.close()

    asyncio.run(passes())


def unavailable(store: RedisStore) -> str:
    """What a report says that does not come through."""

    async def passes() -> str:
        with pytest.raises(StoreUnavailableError) as caught:
            await store.report(Report("a", "e", 1, b"x"))
        await store.close()
        return str(caught.value)

    return asyncio.run(passes())


def test_a_store_that_comes_back_is_used_again_without_a_word() -> None:
    async def passes(server: RedisServer) -> None:
        store = RedisStore(address_of(server.url), "f")
        await store.acquire("a", 0, "x")
        await store.report(Report("a", "e", 1, b"x"))
        server.pause()
        with pytest.raises(StoreUnavailableError, match="no answer within 1 s from Redis at 127"):
            await store.report(Report("a", "e", 2, b"y"))
        server.resume()
        assert (await store.report(Report("a", "e", 3, b"z"))).judge == "a"
        server.kill()
        with pytest.raises(StoreUnavailableError):
            await store.report(Report("a", "e", 4, b"z"))
        server.start()
        assert (await store.acquire("a", 41, "x")).term == 42
        await store.close()

    with RedisServer() as server:
        asyncio.run(passes(server))


def test_an_answer_that_was_waited_for_no_more_answers_nothing_else() -> None:
    async def passes(server: RedisServer) -> None:
        store = RedisStore(address_of(server.url), "f")
        await store.report(Report("a", "e", 1, b"x"))
        server.pause()
        call = asyncio.create_task(store.acquire("a", 0, "x"))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        server.resume()
        assert [row.seq for row in (await store.collect({}, NOWHERE)).reports] == [1]
        await store.close()

    with RedisServer() as server:
        asyncio.run(passes(server))


def test_a_wrong_password_is_told_and_never_shown() -> None:
    with RedisServer("--requirepass", "right-one") as server:
        wrong = server.url.replace("//", "//:wrong-one@")
        said = unavailable(RedisStore(address_of(wrong), "f"))
        assert "refuses the user or password" in said
        assert "wrong-one" not in said
        right = RedisStore(address_of(server.url.replace("//", "//:right-one@")), "f")
        assert asyncio.run(acquired(right)) == 1


async def acquired(store: RedisStore) -> int:
    term = (await store.acquire("a", 0, "x")).term
    await store.close()
    return term


def test_a_user_of_an_acl_needs_the_keys_of_its_fleet_alone() -> None:
    rights = "~{penumbra:f}:* +@read +@write +@scripting +info +time +ping +client +hello"
    with RedisServer("--user", "fleet", "on", ">secret", *rights.split()) as server:
        at = server.url.replace("//", "//fleet:secret@")
        assert asyncio.run(acquired(RedisStore(address_of(at), "f"))) == 1
        assert "does not allow the user" in unavailable(RedisStore(address_of(at), "other"))


def test_a_server_that_may_drop_keys_is_warned_of() -> None:
    async def passes(server: RedisServer) -> tuple[str, ...]:
        store = RedisStore(address_of(server.url), "f")
        await store.acquire("a", 0, "x")
        await store.close()
        return store.warnings

    with RedisServer("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server:
        (warning,) = asyncio.run(passes(server))
        assert "maxmemory-policy is allkeys-lru" in warning


def test_what_answers_and_is_no_redis_is_named() -> None:
    async def passes() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        store = RedisStore(address_of(f"redis://127.0.0.1:{port}"), "f")
        with pytest.raises(StoreUnavailableError) as caught:
            await store.acquire("a", 0, "x")
        await store.close()
        server.close()
        await server.wait_closed()
        return str(caught.value)

    assert "is no Redis" in asyncio.run(passes())


def test_a_replica_takes_no_fleet() -> None:
    async def passes(replica: RedisServer) -> None:
        store = RedisStore(address_of(replica.url), "f")
        with pytest.raises(StoreUnfitError, match="replica"):
            await store.acquire("a", 0, "x")
        await store.close()

    with RedisServer() as primary, RedisServer("--replicaof", f"127.0.0.1 {primary.port}") as replica:
        asyncio.run(passes(replica))
