"""What a user would write by hand in an afternoon: an aiohttp server and client that split and mirror.

Started as a peer: `python -m loadtests.naive CONFIG`. It counts nothing, compares nothing and bounds nothing, but
is correct for healthy model servers; it is here to show what a careful data plane saves.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
import yaml
from aiohttp import web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade"}
SESSION = web.AppKey("session", aiohttp.ClientSession)


class NaiveProxy:
    """One handler for all requests, one task for each copy."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.copies: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.Response:
        """Reads the request, sends it on, copies it, answers."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        if "shadow" in self.config:
            task = asyncio.create_task(self.copy(request, headers, body))
            self.copies.add(task)
            task.add_done_callback(self.copies.discard)
        canary = random.random() * 100 < self.config["percent"]
        status, answer_headers, answer = await self.send(request, "canary" if canary else "primary", headers, body)
        return web.Response(status=status, headers=answer_headers, body=answer)

    async def copy(self, request: web.Request, headers: dict[str, str], body: bytes) -> None:
        """The shadow's leg; its failure is nobody's."""
        try:
            await self.send(request, "shadow", headers, body)
        except (aiohttp.ClientError, TimeoutError):
            return

    async def send(
        self, request: web.Request, version: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """One leg: status, headers, body."""
        url = self.config[version] + request.path_qs
        async with request.app[SESSION].request(request.method, url, headers=headers, data=body) as response:
            kept = {name: value for name, value in response.headers.items() if name.lower() not in HOP_BY_HOP}
            return response.status, kept, await response.read()


async def _session(app: web.Application) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        app[SESSION] = session
        yield


def main(path: str) -> None:
    """Serves until it is told to stop."""
    config = yaml.safe_load(Path(path).read_text())
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.cleanup_ctx.append(_session)
    app.router.add_route("*", "/{path:.*}", NaiveProxy(config).handle)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=config["listen"], access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    main(sys.argv[1])
