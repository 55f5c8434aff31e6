"""The stream of documents and the files of the status page, over a real aiohttp server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from proxy.contracts.operation import Admin, Token
from proxy.control.api import event_stream
from proxy.control.api.handlers import application
from proxy.control.api.page import static
from tests.control.api.test_handlers import context_of
from tests.control.houses import House, arm, section, settings

Client = TestClient[Any, Any]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PICTURE_SECONDS", 0.01)
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)


def play(house: House, story: Callable[[Client], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with TestClient(TestServer(application(context_of(house)))) as client:
            await asyncio.wait_for(story(client), 30)

    asyncio.run(scene())


async def told(response: ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """(event, data) as they come."""
    name = ""
    async for line in response.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        if field == "data":
            yield name, json.loads(value)


async def until(stream: AsyncIterator[tuple[str, Any]], path: str) -> Any:
    async for name, value in stream:
        if name == "document" and value["path"] == path:
            return value
    raise AssertionError(f"the stream ended before {path}")


def busy() -> House:
    house = House(settings(section("r"), section("s")))
    house.tick(arm("v1", "primary", 90, 1, 0.9, route="r"), arm("v2", "canary", 10, 2, 0.1, route="r"))
    return house


def test_a_listener_is_first_told_everything_as_get_gives_it() -> None:
    async def story(client: Client) -> None:
        response = await client.get("/v1/events")
        assert (response.status, response.content_type) == (200, "text/event-stream")
        first: dict[str, Any] = {}
        async for name, value in told(response):
            if name != "document" or value["path"] in first:
                break
            first[value["path"]] = value
        parts = {"", "/traffic", "/scorecard", "/drift", "/disagreements"}
        routes = {f"/v1/routes/{route}{part}" for route in "rs" for part in parts}
        assert set(first) == routes | {"/v1/routes", "/v1/releases", "/v1/audit?limit=50"}
        for path, value in first.items():
            got = await client.get(path)
            assert value["document"] == await got.json(), path
            assert value["etag"] == got.headers.get("ETag"), path

    play(busy(), story)


def test_then_only_what_changed_and_that_nothing_did() -> None:
    house = busy()

    async def story(client: Client) -> None:
        stream = told(await client.get("/v1/events"))
        while (await anext(stream))[0] != "heartbeat":
            pass
        await client.post("/v1/routes/r/rollback", json={"reason": "pager"})
        changed = set()
        async for name, value in stream:
            if name == "heartbeat":
                break
            changed.add(value["path"])
        assert "/v1/routes/r" in changed
        assert "/v1/audit?limit=50" in changed
        assert not any(path.startswith("/v1/routes/s") for path in changed)

    play(house, story)


def test_a_route_that_is_gone_is_told_as_null() -> None:
    house = busy()

    async def story(client: Client) -> None:
        stream = told(await client.get("/v1/events"))
        await until(stream, "/v1/routes/s")
        house.engine.reload(lambda: settings(section("r")), house.now)
        assert (await until(stream, "/v1/routes/s"))["document"] is None

    play(house, story)


def test_listeners_are_bounded_and_their_places_are_given_back() -> None:
    async def story(client: Client) -> None:
        open_ones = [await client.get("/v1/events") for _ in range(event_stream.MAX_LISTENERS)]
        refused = await client.get("/v1/events")
        assert (refused.status, (await refused.json())["type"]) == (503, "/problems/too-many")
        assert int(refused.headers["Retry-After"]) > 0
        open_ones[0].close()
        for _ in range(1000):
            if (await client.get("/v1/events")).status == 200:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("no place was given back")

    play(busy(), story)


def test_a_listener_that_does_not_read_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_WRITE_SECONDS", 0.1)
    rounds: list[bytes] = []

    def make() -> list[event_stream.Document]:
        rounds.append(b"x")
        return [("/v1/routes", b"".join(rounds), b"x" * 1_000_000)]

    async def scene() -> None:
        reached: dict[str, int] = {}
        source, app = event_stream.Events(make, lambda: 0.0, reached), web.Application()
        app.router.add_get("/", source.stream)
        async with TestServer(app) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readline()
            assert source._listeners == 1
            for _ in range(1000):
                if not source._listeners:
                    break
                await asyncio.sleep(0.01)
            assert source._listeners == 0 and reached == {event_stream.SLOW: 1}
            writer.close()

    asyncio.run(scene())


def test_nobody_who_listens_holds_up_the_end() -> None:
    async def scene() -> None:
        server = TestServer(application(context_of(busy())))
        async with TestClient(server) as client:
            stream = told(await client.get("/v1/events"))
            await anext(stream)
            await asyncio.wait_for(server.close(), 10)
            assert len([event async for event in stream]) < 100, "what was written before the end, and the end"

    asyncio.run(scene())


def test_pictures_that_take_long_are_made_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.thread_time", lambda: clock[0])
    made = []

    def make() -> list[event_stream.Document]:
        made.append(clock[0])
        clock[0] += 2.0
        return []

    async def scene() -> None:
        source = event_stream.Events(make, lambda: 0.0)
        for _ in range(100):
            await source._current()
            clock[0] += 1.0

    asyncio.run(scene())
    assert made == [0.0, *made[1:]]
    assert all(later - earlier >= 2.0 * event_stream.MIN_ROUND_RATIO for earlier, later in pairwise(made))


def test_a_token_to_read_is_needed_here_too() -> None:
    house = House(settings(admin=Admin(tokens=(Token("eyes", "secret", "read"),))))

    async def story(client: Client) -> None:
        assert (await client.get("/v1/events")).status == 401
        response = await client.get("/v1/events", headers={"Authorization": "Bearer secret"})
        assert response.status == 200
        assert (await client.get("/")).status == 200

    play(house, story)


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in static.FILES)])
def test_files_come_under_a_policy(path: str) -> None:
    async def story(client: Client) -> None:
        response = await client.get(path)
        assert response.status == 200
        assert len(await response.read()) > 100
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        again = await client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert again.status == 304

    play(busy(), story)


@pytest.mark.parametrize("path", ["/page/static.py", "/page/..%2fapi.py", "/page/%2e%2e%2fapi.py", "/page/", "/page/x"])
def test_nothing_else_is_served(path: str) -> None:
    async def story(client: Client) -> None:
        response = await client.get(path)
        assert (response.status, response.content_type) == (404, "application/problem+json")

    play(busy(), story)


def test_every_file_of_the_page_is_served_and_packaged() -> None:
    import tomllib
    from importlib.resources import files
    from pathlib import Path

    there = {each.name for each in files("proxy.control.api.page").iterdir() if each.is_file()}
    assert {name for name in there if not name.endswith(".py")} == set(static.FILES)
    root = Path(__file__).resolve().parents[3]
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert {f"*.{name.rpartition('.')[2]}" for name in static.FILES} <= set(patterns["proxy.control.api.page"])
