"""One destination: what is told again does not pile up, and Retry-After is heeded."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from proxy.contracts.operation import Hook
from proxy.control.messages import destination
from proxy.control.messages.destination import Destination
from tests.control.messages.notes import MESSAGE


def test_what_waits_and_is_told_again_waits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[web.Request] = []

    async def scene() -> None:
        gate = asyncio.Event()

        async def hook(request: web.Request) -> web.Response:
            await gate.wait()
            heard.append(request)
            return web.Response()

        app = web.Application()
        app.router.add_post("/{tail:.*}", hook)
        async with TestServer(app) as server:
            counts: Counter[tuple[str, str]] = Counter()
            place = Destination(Hook(str(server.make_url("/")), format="alertmanager"), "am", counts, lambda: 0.0)
            place.put(MESSAGE)
            await asyncio.sleep(0)
            for _ in range(50):
                place.put(replace(MESSAGE, again=True))
            assert place.waiting == 2 and not place.idle
            gate.set()
            await place.finish()
            assert place.outcomes == {"sent": 2} and counts == {("rollback", "sent"): 2} and place.idle

    monkeypatch.setattr(destination, "CLOSE_SECONDS", 10.0)
    asyncio.run(scene())
    assert len(heard) == 2


def test_a_receiver_that_asks_for_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    answers = [web.Response(status=429, headers={"Retry-After": "77"}), web.Response()]
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
        await sleep(0)

    async def scene() -> None:
        async def hook(request: web.Request) -> web.Response:
            return answers.pop(0)

        app = web.Application()
        app.router.add_post("/", hook)
        async with TestServer(app) as server:
            place = Destination(Hook(str(server.make_url("/")), format="slack"), "s", Counter(), lambda: 0.0)
            monkeypatch.setattr(asyncio, "sleep", note)
            place.put(MESSAGE)
            await place.finish()
            assert place.outcomes == {"sent": 1}

    monkeypatch.setattr(destination, "CLOSE_SECONDS", 10.0)
    asyncio.run(scene())
    assert slept == [77.0]
