"""Law 1: the primary's leg owes nothing to the shadow: its bytes are the same, whatever the shadow does."""

from __future__ import annotations

import ssl
from asyncio.streams import StreamReader, StreamWriter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.contracts.table import Limits, Share, Timeouts
from tests.support.certificates import Authority
from tests.support.plane import plane, post, post_chunks, route, run
from tests.support.scripted import answer, black_hole, drips, huge, resets, resets_after, says, serving
from tests.support.secured import Secured, secured, server_context

SHADOWS = {
    "healthy": says(answer(b"shadow")),
    "slow": says(answer(b"shadow"), delay=0.1),
    "resets": resets,
    "resets in the middle": resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "black hole": black_hole,
    "drips": drips(answer(b"shadow"), 0.5),
    "garbage": says(b"garbage \x00\xff\r\n\r\n\r\n" * 100),
    "huge": huge(8_000_000),
    "errors": says(answer(b"no", "500 No")),
}

ANSWERS = {
    "length": answer(b"answer", fields="X-A: b\r\n"),
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "large": answer(b"y" * 300_000),
    "error": answer(b"no", "500 Internal Server Error"),
}


async def exchanged(
    requests: list[bytes],
    primary: bytes,
    shadow: Any,
    alive: bool = True,
    secured: Secured | None = None,
    at: int = 0,
    shown: ssl.SSLContext | None = None,
) -> Any:
    """What the primary and the client saw: bytes of the requests, bytes of the answers.

    - `secured`: both versions are spoken to by TLS; `at`: the port of a shadow that does so badly
    - `shown`: the shadow's certificate, in place of that
    """
    scripts: dict[str, Any] = {"v1": says(primary)}
    if shadow is not None:
        scripts["v3"] = shadow
    limits = Limits(mirror_body=100_000)
    shadows = () if shadow is None else (Share("v3", 100.0),)
    timeouts = Timeouts(connect=0.5, response=2.0)
    async with plane(route(), drain=0.0, secured=secured, **scripts) as p:
        if at:
            p.ends["v3"] = ("127.0.0.1", at)
        if shown:
            await p.upstreams["v3"].stop()
            p.upstreams["v3"].tls = shown
            await p.upstreams["v3"].start()
        if not alive:
            await p.upstreams["v3"].stop()
        await p.published(route(shadows=shadows, limits=limits, timeouts=timeouts))
        client = await p.connect()
        replies = [await client.ask(raw) for raw in requests]
        client.close()
        own = f"127.0.0.1:{p.upstreams['v1'].port}".encode()  # a port of its own in each run
        seen = [request.raw.replace(own, b"v1") for request in p.upstreams["v1"].seen]
        if not alive:
            await p.upstreams["v3"].start()
    return seen, [(reply.head, reply.body, reply.whole) for reply in replies]


ID = "x-request-id: 1\r\n"
REQUESTS = [
    post(b"small", ID),
    post(b"x" * 90_000, ID),
    post(b"x" * 250_000, ID),
    post_chunks(b"a", b"b" * 70_000, fields=ID),
    post_chunks(*[b"c" * 30_000] * 8, fields=ID),
]


@pytest.mark.parametrize("answered", ANSWERS)
@pytest.mark.parametrize("name", [*SHADOWS, "dead"])
def test_bytes_to_and_from_the_primary_are_the_same(name: str, answered: str) -> None:
    async def test() -> None:
        without = await exchanged(REQUESTS, ANSWERS[answered], None)
        beside = await exchanged(REQUESTS, ANSWERS[answered], SHADOWS.get(name, black_hole), alive=name != "dead")
        assert beside == without
        assert len(without[0]) == len(REQUESTS) and all(whole for _, _, whole in without[1])

    run(test)


async def no_tls(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"garbage \x00\xff\r\n\r\n\r\n" * 100)


async def tls_garbage(reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"\x16\x03\x03\x7f\xff" + b"\x00\xff" * 40_000)
    await reader.read(-1)


async def stalls(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(-1)


async def cuts_off(reader: StreamReader, writer: StreamWriter) -> None:
    """Ends in the middle of the handshake."""
    await reader.read(1)


HANDSHAKES = {"no TLS": no_tls, "garbage of TLS": tls_garbage, "stalls": stalls, "cuts off": cuts_off}
"""Shadows without a handshake."""

SHOWN = {
    "expired": server_context(secured().authority.issue("ip:127.0.0.1", not_after=1e9)),
    "untrusted": server_context(Authority("other").issue("ip:127.0.0.1")),
}
"""Shadows whose certificate is no good."""

SHAKEN = ("healthy", "slow", "resets in the middle", "garbage", "dead")


@pytest.mark.parametrize("name", [*SHAKEN, *HANDSHAKES, *SHOWN])
def test_bytes_to_and_from_the_primary_are_the_same_by_tls(name: str) -> None:
    async def test() -> None:
        without = await exchanged(REQUESTS, ANSWERS["chunks"], None, secured=secured())
        async with serving(HANDSHAKES.get(name, stalls)) as port:
            at, shown = port if name in HANDSHAKES else 0, SHOWN.get(name)
            shadow, alive = SHADOWS.get(name, SHADOWS["healthy"]), name != "dead"
            beside = await exchanged(REQUESTS, ANSWERS["chunks"], shadow, alive, secured(), at, shown)
        assert beside == without
        assert len(without[0]) == len(REQUESTS) and all(whole for _, _, whole in without[1])

    run(test)


BODIES = st.one_of(st.binary(max_size=50), st.integers(0, 200_000).map(lambda size: b"z" * size))
FIELDS = st.lists(
    st.tuples(
        st.text("abcdefghij", min_size=1, max_size=8).map(lambda name: f"X-{name}"),
        st.text("abc ,;=/\"'()<>@[]{}", max_size=12).map(str.strip),
    ),
    max_size=4,
).map(lambda pairs: "".join(f"{name}: {value}\r\n" for name, value in pairs))


@given(
    requests=st.lists(st.tuples(BODIES, FIELDS, st.booleans()), min_size=1, max_size=4),
    answered=st.sampled_from(sorted(ANSWERS)),
    name=st.sampled_from(sorted(SHADOWS)),
    tls=st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_bytes_are_the_same_for_any_requests(
    requests: list[tuple[bytes, str, bool]], answered: str, name: str, tls: bool
) -> None:
    raws = [
        post_chunks(*filter(None, [body[:10], body[10:]]), fields=ID + fields) if chunked else post(body, ID + fields)
        for body, fields, chunked in requests
    ]

    async def test() -> None:
        by = secured() if tls else None
        without = await exchanged(raws, ANSWERS[answered], None, secured=by)
        beside = await exchanged(raws, ANSWERS[answered], SHADOWS[name], secured=by)
        assert beside == without

    run(test)


def test_a_hung_shadow_is_bounded_and_its_drops_are_counted() -> None:
    async def test() -> None:
        limits = Limits(mirror_inflight=5)
        async with plane(
            route(shadows=(Share("v3", 100.0),), limits=limits), drain=0.0, v1=says(answer(b"1")), v3=black_hole
        ) as p:
            client = await p.connect()
            for _ in range(30):
                assert (await client.ask(post())).body == b"1"
            client.close()
            assert len(p.worker.shared.copies) == 5
            seen = len(p.ticks)
            await p.until(lambda: len(p.ticks) >= seen + 2)
            assert p.rows("shadow_dropped") == {("r", "v3", "inflight"): 25}
            assert p.rows("mirrored") == {("r", "v3"): 30}

    run(test)


def test_a_body_larger_than_mirror_body_is_not_mirrored_and_says_so() -> None:
    async def test() -> None:
        shadowed = route(shadows=(Share("v3", 100.0),), limits=Limits(mirror_body=1000))
        async with plane(shadowed, v1=says(answer(b"1")), v3=says(answer(b"3"))) as p:
            for size in (1000, 1001, 200_000):
                assert (await p.ask(post(b"x" * size))).body == b"1"
            await p.settled()
            assert [len(request.body) for request in p.upstreams["v3"].seen] == [1000]
            assert p.rows("shadow_dropped") == {("r", "v3", "body_too_large"): 2}

    run(test)


def test_a_request_that_the_client_abandons_is_not_mirrored() -> None:
    async def test() -> None:
        async with plane(route(shadows=(Share("v3", 100.0),)), v1=says(answer(b"1")), v3=says(answer(b"3"))) as p:
            client = await p.connect()
            client.send(post(b"x" * 1000)[:-500])
            await p.until(lambda: p.worker.shared.exchanges)
            client.close()
            await p.until(lambda: p.rows("shadow_dropped"))
            assert p.rows("shadow_dropped") == {("r", "v3", "client_abort"): 1}
            assert p.codes() == {("v1", "primary", "upload_abort"): 1}
            assert p.bad() == {}

    run(test)
