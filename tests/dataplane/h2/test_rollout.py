"""New pods of a version that speaks HTTP/2: they get calls, streams of old ones finish there, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from proxy.contracts.table import Version
from proxy.dataplane.endpoints import Found
from proxy.dataplane.resolver import Heard as Resolved
from tests.support.http2_client import Http2Client
from tests.support.http2_server import Asked, Http2Server
from tests.support.plane import Plane, plane, route, run
from tests.support.scripted import answer
from tests.support.scripted import says as says_http1

OLD, NEW = "127.0.0.2", "127.0.0.3"
GRPC = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]


class Name:
    """A name, and where it leads."""

    def __init__(self) -> None:
        self.addresses = [OLD]

    def look_up(self, version: Version, heard: Resolved) -> None:
        heard(Found([(socket.AF_INET, address, version.port) for address in self.addresses], 0.05))


async def talks(asked: Asked) -> None:
    """A stream says so and goes on until its client has ended it; a call is answered."""
    asked.head((b"content-type", b"application/grpc"))
    await asked.data(b"x")
    await asked.ended.wait()
    asked.end((b"grpc-status", b"0"))


@contextlib.asynccontextmanager
async def pods() -> AsyncIterator[tuple[Plane, Name, Http2Server, Http2Server]]:
    name = Name()
    async with (
        Http2Server(talks, at=(OLD, 0)) as old,
        Http2Server(talks, at=(NEW, old.port)) as new,
        plane(v1=says_http1(answer(b"")), ask=name.look_up) as p,
    ):
        p.http2.add("v1")
        p.ends["v1"] = ("model.test", old.port)
        await p.published(route())
        yield p, name, old, new


@pytest.mark.parametrize("how", ["another pod", "another one in its place", "it says that it goes"])
def test_new_pods_get_calls_at_once_and_long_streams_finish(how: str) -> None:
    async def test() -> None:
        async with pods() as (p, name, old, new), Http2Client(p.port) as client:
            stream = client.begin(fields=GRPC)
            await client.send(stream, b"\0\0\0\0\1x")
            await p.until(lambda: client.streams[stream].body == b"x")
            name.addresses = [OLD, NEW] if how == "another pod" else [NEW]
            if how == "it says that it goes":
                (served,) = old.open
                served.goaway(old.seen[0].stream)
            statuses: set[str | None] = set()
            while not new.seen:
                statuses.add((await client.ask(b"\0\0\0\0\1x", GRPC)).trailer("grpc-status"))
                await asyncio.sleep(0.01)
            assert statuses == {"0"}
            assert not client.streams[stream].over.is_set()
            client.h2.end_stream(stream)
            client.flush()
            assert (await client.heard(stream)).trailer("grpc-status") == "0"
            if how != "another pod":
                await p.until(lambda: not old.open)  # with its last stream
                seen = len(old.seen)
                for _ in range(5):
                    assert (await client.ask(b"\0\0\0\0\1x", GRPC)).trailer("grpc-status") == "0"
                assert len(old.seen) == seen

    run(test)
