"""Law 1 over HTTP/2: what goes to the primary and what comes from it is the same, whatever a shadow does, with HTTP/2
on either side or on both. `tests/dataplane/test_isolation.py` has it over HTTP/1.1."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.streams import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.contracts.table import Limits, Share, Timeouts
from proxy.http2.codes import INTERNAL_ERROR
from tests.support.http2_client import Fields, Http2Client
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.plane import Plane, plane, post, route, run
from tests.support.raw_frames import frame
from tests.support.scripted import answer, black_hole, serving
from tests.support.scripted import says as says_http1

ID = (b"x-request-id", b"1")
CALL: Fields = [ID, (b"content-type", b"application/grpc"), (b"te", b"trailers"), (b"x-key-bin", b"AAE=")]
GRPC_STATUS = (b"grpc-status", b"0")


# -- primaries


async def large(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head((b"x-a", b"b"))
    await asked.data(b"y" * 300_000)
    asked.end(GRPC_STATUS, (b"x-cost-bin", b"AAE="))


async def echoes(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head((b"content-length", str(len(asked.body)).encode()), (b"x-twice", b"1"), (b"x-twice", b"2"))
    await asked.data(asked.body, ended=True)


async def trailers_only(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head((b"grpc-status", b"5"), (b"grpc-message", b"none%20such"), ended=True)


async def reset_in_the_middle(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head()
    await asked.data(b"half")
    asked.refuse(INTERNAL_ERROR)


ANSWERS: dict[str, Script] = {
    "trailers": says(b"answer", GRPC_STATUS),
    "large": large,
    "echo": echoes,
    "trailers only": trailers_only,
    "reset": reset_in_the_middle,
}


# -- shadows


async def slow(asked: Asked) -> None:
    await asked.ended.wait()
    await asyncio.sleep(0.05)
    asked.head()
    await asked.data(b"shadow", ended=True)


async def hangs(asked: Asked) -> None:
    await asyncio.sleep(30)


async def refuses(asked: Asked) -> None:
    asked.refuse(7)


async def leaves(asked: Asked) -> None:
    asked.connection.goaway(0)


async def breaks_rules(asked: Asked) -> None:
    asked.connection.writer.write(frame(0, 0, b"data of no stream"))


async def endless(asked: Asked) -> None:
    asked.head()
    while True:
        await asked.data(b"z" * 16_384)


SHADOWS: dict[str, Script] = {
    "healthy": says(b"shadow", GRPC_STATUS),
    "slow": slow,
    "hung": hangs,
    "refuses": refuses,
    "leaves": leaves,
    "breaks rules": breaks_rules,
    "endless": endless,
    "resets": reset_in_the_middle,
}


async def garbage(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"garbage \x00\xff\r\n\r\n\r\n" * 100)


async def deaf(reader: StreamReader, writer: StreamWriter) -> None:
    await asyncio.sleep(30)


SOCKETS = {"garbage": garbage, "deaf": deaf}
"""Shadows that do not speak HTTP/2."""

OVER_HTTP1 = {"healthy over HTTP/1.1": says_http1(answer(b"shadow")), "hung over HTTP/1.1": black_hole}
NAMES = sorted([*SHADOWS, *SOCKETS, *OVER_HTTP1, "dead"])


@dataclass(frozen=True)
class Ask:
    """A request: its body in pieces, and fields after it."""

    pieces: tuple[bytes, ...] = ()
    fields: tuple[tuple[bytes, bytes], ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()


Seen = tuple[list[Any], list[Any]]
"""What the primary was asked, and what the client was answered."""


async def asked_by_http2(p: Plane, requests: list[Ask]) -> list[Any]:
    answers = []
    async with Http2Client(p.port) as client:
        for each in requests:
            stream = client.begin(fields=[*CALL, *each.fields], ended=not (each.pieces or each.trailers))
            for at, piece in enumerate(each.pieces):
                await client.send(stream, piece, ended=at == len(each.pieces) - 1 and not each.trailers)
            if each.trailers:
                client.h2.send_headers(stream, list(each.trailers), end_stream=True)
                client.flush()
            heard = await client.heard(stream)
            answers.append((heard.fields, heard.body, heard.trailers, heard.ended, heard.reset))
    return answers


async def asked_by_http1(p: Plane, requests: list[Ask]) -> list[Any]:
    answers: list[Any] = []
    client = await p.connect()
    for each in requests:
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in (ID, *each.fields)).decode()
        reply = await client.ask(post(b"".join(each.pieces), lines))
        answers.append((reply.head, reply.body, reply.whole))
        if not reply.whole:
            client.close()
            client = await p.connect()
    client.close()
    return answers


@contextlib.asynccontextmanager
async def shadowed(p: Plane, name: str) -> Any:
    """Version v3 is such a shadow."""
    p.http2.add("v3")
    if name in SHADOWS:
        async with Http2Server(SHADOWS[name]) as server:
            p.ends["v3"] = ("127.0.0.1", server.port)
            yield
    elif name in SOCKETS:
        async with serving(SOCKETS[name]) as port:
            p.ends["v3"] = ("127.0.0.1", port)
            yield
    else:
        if name == "dead":
            await p.upstreams["v3"].stop()
        else:
            p.http2.discard("v3")
        yield
        if name == "dead":
            await p.upstreams["v3"].start()


async def exchanged(requests: list[Ask], answered: str, name: str, client: int, primary: int) -> Seen:
    """`name`: the shadow, "": none; `client`, `primary`: the versions of HTTP that they speak."""
    shadows = (Share("v3", 100.0),) if name else ()
    routed = route(shadows=shadows, limits=Limits(mirror_body=100_000), timeouts=Timeouts(connect=0.5, response=5.0))
    scripts: dict[str, Any] = {
        "v1": says_http1(answer(b"one", fields="X-A: b\r\n")),
        "v3": OVER_HTTP1.get(name, black_hole),
    }
    async with Http2Server(ANSWERS[answered]) as server, plane(route(), drain=0.0, **scripts) as p:
        if primary == 2:
            p.http2.add("v1")
            p.ends["v1"] = ("127.0.0.1", server.port)
        async with shadowed(p, name):
            await p.published(routed)
            answers = await (asked_by_http2 if client == 2 else asked_by_http1)(p, requests)
            own = str(server.port if primary == 2 else p.upstreams["v1"].port).encode()  # another one in each run
            if primary == 2:
                asked: list[Any] = [
                    ([(key, value.replace(own, b"v1")) for key, value in each.fields], each.body, each.trailers)
                    for each in server.seen
                ]
            else:
                asked = [each.raw.replace(own, b"v1") for each in p.upstreams["v1"].seen]
            return asked, answers


REQUESTS = [
    Ask(),
    Ask((b"small",)),
    Ask((b"a", b"b" * 70_000), ((b"x-b", b"c"),), ((b"x-sum", b"1"),)),
    Ask((b"x" * 250_000,)),
]
WAYS = [(2, 2), (2, 1), (1, 2)]


@pytest.mark.parametrize(("client", "primary"), WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_what_goes_to_and_from_the_primary_is_the_same(name: str, client: int, primary: int) -> None:
    async def test() -> None:
        without = await exchanged(REQUESTS, "trailers", "", client, primary)
        assert await exchanged(REQUESTS, "trailers", name, client, primary) == without
        assert len(without[0]) == len(without[1]) == len(REQUESTS)

    run(test)


def test_a_shadow_gets_each_of_them() -> None:
    async def test() -> None:
        async with (
            Http2Server(says(b"shadow")) as shadow,
            plane(route(), v1=says_http1(answer(b"one")), v3=black_hole) as p,
        ):
            p.http2.add("v3")
            p.ends["v3"] = ("127.0.0.1", shadow.port)
            await p.published(route(shadows=(Share("v3", 100.0),)))
            await asked_by_http2(p, REQUESTS)
            await p.settled()
            assert [each.body for each in shadow.seen] == [b"".join(each.pieces) for each in REQUESTS]
            assert [bool(each.trailers) for each in shadow.seen] == [bool(each.trailers) for each in REQUESTS]

    run(test)


PIECES = st.lists(st.one_of(st.binary(min_size=1, max_size=50), st.just(b"z" * 60_000)), max_size=3).map(tuple)
VALUES = st.text("abc ,;=/\"'()<>@[]{}", max_size=12).map(lambda text: text.strip().encode())
FIELDS = st.lists(st.tuples(st.sampled_from([b"x-a", b"x-b", b"x-c"]), VALUES), max_size=3).map(tuple)


@given(
    requests=st.lists(st.builds(Ask, PIECES, FIELDS, FIELDS), min_size=1, max_size=3),
    answered=st.sampled_from(sorted(ANSWERS)),
    name=st.sampled_from(NAMES),
    way=st.sampled_from(WAYS),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_is_the_same_for_any_requests(requests: list[Ask], answered: str, name: str, way: tuple[int, int]) -> None:
    async def test() -> None:
        without = await exchanged(requests, answered, "", *way)
        assert await exchanged(requests, answered, name, *way) == without

    run(test)
