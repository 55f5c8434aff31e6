"""A test message: to each, once; what opens something closes it again."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.contracts.operation import Hook
from proxy.control.messages.trial import Tried, name_of, tried


def test_each_destination_gets_one_and_says_what_it_answered() -> None:
    heard: list[tuple[str, dict[str, object]]] = []

    async def scene() -> list[Tried]:
        async def hook(request: web.Request) -> web.Response:
            heard.append((request.path, json.loads(await request.read())))
            return web.Response(status=404 if "gone" in request.path else 202, text="no such hook")

        app = web.Application()
        app.router.add_post("/{tail:.*}", hook)
        async with TestServer(app) as server:
            hooks = [
                Hook(str(server.make_url("/slack")), format="slack", name="ops"),
                Hook(str(server.make_url("/gone")), format="teams"),
                Hook(str(server.make_url("/pd")), format="pagerduty", key="k"),
            ]
            return await tried([(name_of(hook, n), hook) for n, hook in enumerate(hooks)], "http://p/", "host", 5.0)

    found = asyncio.run(scene())
    assert [(each.name, each.delivered) for each in found] == [("ops", True), ("teams-2", False), ("pagerduty-3", True)]
    assert found[1].said == "status 404: no such hook" and found[1].url.endswith("/…")
    assert [path for path, _ in heard] == ["/slack", "/gone", "/pd", "/pd"]
    assert [body["event_action"] for path, body in heard if path == "/pd"] == ["trigger", "resolve"]
