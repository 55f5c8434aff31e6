"""A name that moves under hundreds of busy connections: the new address serves, and no request is lost."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from proxy.contracts.table import Version
from proxy.dataplane.endpoints import Found
from proxy.dataplane.resolver import Heard
from tests.support.plane import Client, plane, post, route, run
from tests.support.scripted import answer, says

BUSY = 300
OLD, NEW = "127.0.0.2", "127.0.0.3"
THINKS = 0.25
"""Seconds that the model takes: long enough that all connections are busy at once."""
FILES = 4 * BUSY * 3
"""Of four sockets for each exchange; a worker gives the primaries two fifths."""


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < FILES else max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Moving:
    """A model server at both addresses, and a name that leads to one of them. `open`: connections by address."""

    def __init__(self) -> None:
        self.at = OLD
        self.open: Counter[str] = Counter()
        self.writers: list[asyncio.StreamWriter] = []

    def look_up(self, version: Version, heard: Heard) -> None:
        heard(Found([(socket.AF_INET, self.at, version.port)], 1.0))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        self.open[host] += 1
        self.writers.append(writer)
        try:
            while await reader.readuntil(b"{}"):
                await asyncio.sleep(THINKS)
                writer.write(answer(host.encode()))
        except asyncio.IncompleteReadError:
            self.open[host] -= 1
            writer.close()


def test_no_request_is_lost_when_a_name_moves() -> None:
    async def test() -> None:
        model, answered, over = Moving(), Counter[tuple[int, bytes]](), asyncio.Event()

        async def ask(client: Client) -> None:
            while not over.is_set():
                reply = await client.ask(post(b"{}"))
                answered[reply.status, reply.body] += 1
            client.close()

        async with plane(v1=says(b""), ask=model.look_up) as p:
            port = p.upstreams["v1"].port
            servers = [await asyncio.start_server(model.serve, host, port, backlog=BUSY) for host in (OLD, NEW)]
            p.ends["v1"] = ("model.test", port)
            await p.published(route())
            asking = [asyncio.create_task(ask(await p.connect())) for _ in range(BUSY)]
            await p.until(lambda: model.open[OLD] >= BUSY)
            model.at = NEW
            await p.until(lambda: not model.open[OLD] and model.open[NEW] >= BUSY)
            over.set()
            await asyncio.gather(*asking)
            assert set(answered) == {(200, OLD.encode()), (200, NEW.encode())}
            assert p.worker._registry.endpoints(p.worker.shared.clock())["v1"].keys() == {f"{NEW}:{port}"}
            for server in servers:
                server.close()
            for writer in model.writers:
                writer.close()
            await asyncio.sleep(0.05)

    run(test)
