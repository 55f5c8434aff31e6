"""Workers before versions that speak HTTP/2, and calls of gRPC through them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.support.http2_client import Heard, Http2Client
from tests.support.http2_server import Asked, Http2Server, Script
from tests.support.plane import Plane, plane, route
from tests.support.scripted import answer, says

GRPC = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
V1 = says(answer(b"one"))


@contextlib.asynccontextmanager
async def between(
    script: Script, *routes: Any, streams: int | None = None, name: str = "v1"
) -> AsyncIterator[tuple[Plane, Http2Server]]:
    """A worker whose version `name` speaks HTTP/2; the others speak HTTP/1.1."""
    async with Http2Server(script, streams) as server, plane(*(routes or (route(),)), v1=V1, v2=V1, v3=V1) as p:
        p.http2.add(name)
        p.ends[name] = ("127.0.0.1", server.port)
        await p.published(*(routes or (route(),)))
        yield p, server


async def echo(asked: Asked) -> None:
    """Answers with what it was sent."""
    await asked.ended.wait()
    asked.head((b"x-a", b"b"))
    await asked.data(asked.body, ended=True)


async def asked_of(p: Plane, count: int = 1) -> list[Heard]:
    """What so many calls were answered, one after the other."""
    async with Http2Client(p.port) as client:
        return [await client.ask(b"x", GRPC) for _ in range(count)]
