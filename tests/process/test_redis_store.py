"""The store of a fleet in a real Redis: what every store does, and what a server and its absence do."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from proxy.control.fleet.address import address_of
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.store import NOWHERE, CommitResult, Report, StoreUnavailableError, StoreUnfitError
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


PAGE = Path(__file__).resolve().parents[2] / "docs" / "fleet.md"


def documented() -> list[str]:
    """The rights of a user, as the page gives them for a fleet `fraud`."""
    text = PAGE.read_text(encoding="utf-8")
    assert "ACL SETUSER fleet on >PASSWORD ~{penumbra:fraud}:* RIGHTS" in text
    found = re.search(r"^-@all .*$", text, re.MULTILINE)
    assert found is not None
    return ["~{penumbra:fraud}:*", *found[0].split()]


def used(server: RedisServer) -> set[str]:
    """Commands that came, those of scripts included, and of commands with parts the part."""
    with Redis(port=server.port) as client:
        return {name.removeprefix("cmdstat_") for name in client.info("commandstats")}


def test_a_user_of_an_acl_needs_the_keys_of_its_fleet_and_what_the_page_says() -> None:
    async def passes(at: str, client: Redis) -> None:
        store = RedisStore(address_of(at), "fraud")
        for holds in fleet_store.EVERY:
            client.flushall()
            await holds(store)
        await store.close()

    rights = documented()
    with RedisServer() as server:
        with Redis(port=server.port) as client:
            client.execute_command("ACL", "SETUSER", "fleet", "on", ">secret", *rights)
            client.config_resetstat()
            at = server.url.replace("//", "//fleet:secret@")
            asyncio.run(passes(at, client))
        found = used(server) - {"flushall", "config|resetstat"}
        assert "does not allow the user" in unavailable(RedisStore(address_of(at), "other"))
    named = {right[1:] for right in rights if right.startswith("+")}
    rare = {"del", "select", "cluster|slots", "command"}  # healing; another database than 0; a cluster
    assert "-@all" in rights
    assert found - {"hello", "auth"} <= named, "what everybody may do needs no right"
    assert named - rare <= found, "a right that nothing needs"


def test_a_server_that_may_drop_keys_is_warned_of() -> None:
    async def passes(server: RedisServer) -> tuple[str, ...]:
        store = RedisStore(address_of(server.url), "f")
        await store.acquire("a", 0, "x")
        await store.close()
        return store.warnings

    with RedisServer("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server:
        (warning,) = asyncio.run(passes(server))
        assert "maxmemory-policy is allkeys-lru" in warning


def test_a_server_that_is_full_says_so() -> None:
    with RedisServer("--maxmemory", "1") as server:
        assert "used memory > 'maxmemory'" in unavailable(RedisStore(address_of(server.url), "f"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Redis"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no Redis"),
        (b"+OK\r\n", "is no Redis"),
        (b":5\r\n", "is no Redis"),
        (b"*-1\r\n", "is no Redis"),
        (b"$34\r\nredis_version:5.0.7\r\nrole:master\r\n\r\n", "Redis 5.0.7 is older than 6.2"),
    ],
    ids=["HTTP", "SSH", "OK", "a number", "nothing", "an old Redis"],
)
def test_what_answers_and_is_no_redis_is_named(words: bytes, said: str) -> None:
    async def passes() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(100):
                writer.write(words)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        store = RedisStore(address_of(f"redis://127.0.0.1:{port}"), "f")
        with pytest.raises((StoreUnavailableError, StoreUnfitError)) as caught:
            await store.acquire("a", 0, "x")
        await store.close()
        server.close()
        await server.wait_closed()
        return str(caught.value)

    told = asyncio.run(passes())
    assert said in told
    assert told.startswith("fleet.redis: ")


def test_a_replica_takes_no_fleet() -> None:
    async def passes(replica: RedisServer) -> None:
        store = RedisStore(address_of(replica.url), "f")
        with pytest.raises(StoreUnfitError, match="replica"):
            await store.acquire("a", 0, "x")
        await store.close()

    with RedisServer() as primary, RedisServer("--replicaof", f"127.0.0.1 {primary.port}") as replica:
        asyncio.run(passes(replica))


# -- what another program wrote

PREFIX = "{penumbra:f}:"
HUGE = b"\xff\x00z" * 300_000
GARBAGE: dict[str, list[tuple[str | bytes, ...]]] = {
    "text": [("SET", b"garbage")],
    "nothing": [("SET", b"")],
    "a huge text": [("SET", HUGE)],
    "a huge number": [("SET", b"9" * 400)],
    "the last number": [("SET", b"9" * 15)],
    "a number below all": [("SET", b"-5")],
    "a judge of a huge term": [("SET", b"9" * 400 + b"|x|b", "PX", "4000")],
    "a list": [("RPUSH", b"", b"a", HUGE)],
    "a set": [("SADD", b"a", b"")],
    "a sorted set": [("ZADD", "inf", b"e:z", "-inf", b":", "1e300", b"\xff\xfe", "5", b"a:" * 9999, "1", b"no")],
    "another hash": [("HSET", b"a", b"b", "", "")],
    "a hash of no numbers": [("HSET", "t", b"abc", "l", b"-1", "s", b"\xff", "c", b"", "b", HUGE, "e", b"nan")],
    "a hash of last numbers": [("HSET", "t", b"9" * 15, "l", b"9" * 15, "s", b"x", "e", b"9" * 15)],
    "a hash of huge numbers": [("HSET", "s", b"9" * 400, "b", HUGE, "l", b"9" * 400)],
    "a stream": [("XADD", "*", "foo", b"bar"), ("XADD", "*", "l", HUGE, "m", b"x")],
    "a stream at its end": [("XADD", "18446744073709551615-18446744073709551615", "foo", b"bar")],
}
"""What stands at a key in place of a value, as commands without the key."""


def put(client: Redis, key: str, garbage: str) -> None:
    client.delete(PREFIX + key)
    for command, *rest in GARBAGE[garbage]:
        client.execute_command(command, PREFIX + key, *rest)  # type: ignore[no-untyped-call]


async def turn(store: RedisStore) -> CommitResult:
    """The calls of a judge's turn; what became of its look."""
    await store.report(Report("b", "e", 10, b"body", (), 0, "0-0"))
    heard = await store.report(Report("a", "e", 10, b"body", (b"label",), 0, "0-0"))
    assert b"bar" not in heard.labels
    await store.report(Report("a", "e", 10, b"body", (), 1, heard.labels_after))
    held = await store.acquire("a", heard.place[0], "y")
    assert held.judge == "a"
    found = await store.collect({}, NOWHERE)
    assert ("a", "e", 10, b"body") in fleet_store.plain(found)
    place = held.place(found.place[1] + 1)
    result = await store.commit(found.place, place, b"evidence", b"table", fleet_store.links(2), 2)
    table = await store.table()
    assert table is not None and (table.place, table.body) == (place, b"table")
    assert table.links[-1:] == tuple(fleet_store.links(2)[-1:])
    return result


@pytest.mark.parametrize("key", ["leader", "term", "count:e:a", "count:other", "members", "chain", "labels"])
def test_garbage_in_a_key_stops_no_turn(server: RedisServer, key: str) -> None:
    async def passes(client: Redis) -> None:
        for garbage in GARBAGE:
            client.flushall()
            store = RedisStore(address_of(server.url), "f")
            put(client, key, garbage)
            assert await turn(store) == "done", garbage
            put(client, key, garbage)
            assert await turn(store) == "done", garbage
            await store.close()

    with Redis(port=server.port) as client:
        asyncio.run(passes(client))


def test_garbage_as_the_state_is_named_and_left(server: RedisServer) -> None:
    """It may be what another program needs, so nothing of it is dropped; nobody judges until somebody looks at it."""

    async def passes(client: Redis) -> None:
        store = RedisStore(address_of(server.url), "f")
        for garbage in set(GARBAGE) - {"another hash", "a hash of huge numbers"}:  # which have none of its fields
            client.flushall()
            put(client, "state", garbage)
            before = client.type(PREFIX + "state")
            for call in (
                lambda: store.report(Report("a", "e", 1, b"x")),
                lambda: store.collect({}, NOWHERE),
                store.table,
            ):
                with pytest.raises(StoreUnfitError, match=r"fleet\.redis: the key `state`"):
                    await call()
            assert client.type(PREFIX + "state") == before, garbage
        client.flushall()
        assert await turn(store) == "done"
        await store.close()

    with Redis(port=server.port) as client:
        asyncio.run(passes(client))


def test_labels_go_on_where_their_stream_begins_anew_below_what_was_taken(server: RedisServer) -> None:
    async def passes() -> None:
        store = RedisStore(address_of(server.url), "anew")
        heard = await store.report(Report("b", "e", 1, b"", (), 0, "99999999999999-0"))
        await store.report(Report("a", "e", 1, b"", (b"one",)))
        assert (await store.report(Report("b", "e", 2, b"", (), 0, heard.labels_after))).labels == (b"one",)
        await store.close()

    asyncio.run(passes())
