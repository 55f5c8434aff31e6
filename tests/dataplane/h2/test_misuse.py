"""What clients of HTTP/2 do that no client would: they hold what they hold for a bounded time, and nobody minds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from hyperframe import frame as frames

from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.table import Timeouts
from proxy.dataplane.h2.downstream import Http2Downstream
from tests.support.http2_client import Http2Client
from tests.support.plane import PATIENCE, Plane, plane, route, run, timings
from tests.support.scripted import answer, black_hole, huge, says

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = frames.SettingsFrame(0).serialize()
NO_WINDOW = frames.SettingsFrame(0, settings={4: 0}).serialize()
V1 = says(answer(b"one"))
TIMEOUTS = Timeouts(idle=0.2)
REFUSED = {"resets that it makes us send", "windows that overflow", "heads that are none", "zero-length names"}
"""Floods of requests that are refused, each of them counted; the others are counted once."""
LARGE = {"header bombs", "large continuations"}
"""Floods that need no more than a few frames."""
GOAWAY = 7


class Raw:
    """A client that sends the bytes that it is told to. `frames`: type, stream and payload of each that came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames: list[tuple[int, int, bytes]] = []

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def ended(self) -> None:
        """Returns once the proxy has closed the connection; what came before is in `frames`."""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    head = await self.reader.readexactly(9)
                    body = await self.reader.readexactly(int.from_bytes(head[:3], "big"))
                    self.frames.append((head[3], int.from_bytes(head[5:9], "big"), body))

    def goaways(self) -> list[int]:
        """The codes of the GOAWAYs that came."""
        return [int.from_bytes(body[4:8], "big") for kind, _, body in self.frames if kind == GOAWAY]


@contextlib.asynccontextmanager
async def raw(p: Plane, *first: bytes) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", p.port)
    client = Raw(reader, writer)
    client.send(PREFACE, *(first or (SETTINGS,)))
    try:
        yield client
    finally:
        writer.close()


def head(stream: int, ended: bool = True, *more: bytes) -> bytes:
    """A request's head: POST, http, and literal fields without indexing."""
    fields = [(b":path", b"/v2/models/m/infer"), (b":authority", b"m"), *((each, b"x") for each in more)]
    block = b"\x83\x86" + b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )
    flags = ["END_HEADERS", "END_STREAM"] if ended else ["END_HEADERS"]
    return frames.HeadersFrame(stream, data=block, flags=flags).serialize()


def rejected(p: Plane, reason: str) -> int:
    return sum(count for (_, each), count in p.rows("rejected").items() if each == reason)


# -- time


HALVES = {
    "a preface": PREFACE[:20],
    "a frame's head": PREFACE + SETTINGS + head(1)[:6],
    "a frame": PREFACE + SETTINGS + head(1)[:-3],
    "a block": PREFACE + SETTINGS + frames.HeadersFrame(1, data=b"\x83").serialize(),
    "a block after an answer": PREFACE + SETTINGS + head(1) + frames.HeadersFrame(3, data=b"\x83").serialize(),
}


@pytest.mark.parametrize("half", HALVES)
def test_a_head_that_is_half_sent_ends_the_connection(half: str) -> None:
    async def test() -> None:
        async with plane(route(), times=timings(head=0.2, linger=0.2), v1=V1) as p:
            reader, writer = await asyncio.open_connection("127.0.0.1", p.port)
            client = Raw(reader, writer)
            client.send(HALVES[half])
            await client.ended()
            assert client.goaways() == [0]
            await p.until(lambda: not p.worker.shared.clients)
            await p.settled()
            assert rejected(p, "head_timeout") == 1
            writer.close()

    run(test)


@pytest.mark.parametrize("alive", [True, False])
def test_a_client_that_gives_no_sign_of_life_has_gone(alive: bool) -> None:
    async def test() -> None:
        times = timings(keep_alive=0.1)
        async with plane(route(), times=times, v1=black_hole) as p, raw(p, SETTINGS, head(1)) as client:
            await p.until(lambda: p.worker.shared.exchanges)
            (connection,) = p.worker.shared.clients
            assert isinstance(connection, Http2Downstream)
            await p.until(lambda: connection._silence.asked)
            if alive:
                client.send(frames.PingFrame(0, opaque_data=bytes(8), flags=["ACK"]).serialize())
                await p.until(lambda: not connection._silence.asked)
                await p.until(lambda: connection._silence.asked)  # again
                assert p.worker.shared.exchanges
            else:
                connection._silence.asked -= 1000.0
                await p.until(lambda: not p.worker.shared.exchanges)
                await p.settled()
                assert p.codes() == {("v1", "primary", "client_abort"): 1}

    run(test)


def test_a_block_that_drips_ends_as_well() -> None:
    async def test() -> None:
        async with plane(route(), times=timings(head=0.2), v1=V1) as p, raw(p) as client:

            async def drip() -> None:
                for byte in frames.HeadersFrame(1, data=b"\x83" * 10_000).serialize():
                    client.send(bytes([byte]))
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            await client.ended()
            dripping.cancel()
            await p.settled()
            assert rejected(p, "head_timeout") == 1

    run(test)


def test_an_idle_connection_ends_and_pings_do_not_keep_it() -> None:
    async def test() -> None:
        async with plane(route(), times=timings(keep_alive=0.3), v1=V1) as p, raw(p, SETTINGS, head(1)) as client:

            async def ping() -> None:
                while True:
                    client.send(frames.PingFrame(0, opaque_data=b"12345678").serialize())
                    await asyncio.sleep(0.05)

            pinging = asyncio.create_task(ping())
            await client.ended()
            pinging.cancel()
            assert client.goaways() == [0]

    run(test)


@pytest.mark.parametrize("body", [b"one", b"x" * 300_000], ids=["small", "large"])
def test_an_answer_that_is_never_taken_is_held_for_a_bounded_time(body: bytes) -> None:
    async def test() -> None:
        times = timings(keep_alive=0.2, linger=0.2)
        slow = route(timeouts=TIMEOUTS)
        async with plane(slow, times=times, v1=says(answer(body))) as p, raw(p, NO_WINDOW, head(1)) as client:
            await client.ended()
            assert (3, 1) in [(kind, stream) for kind, stream, _ in client.frames]
            await p.until(lambda: not (p.worker.shared.clients or p.worker.shared.exchanges))
            memory = p.worker.shared.memory
            await p.until(lambda: (memory.unsent, memory.exchanges, len(memory._watched)) == (0, 0, 0))

    run(test)


def test_a_client_that_does_not_read_its_socket_is_let_go() -> None:
    async def test() -> None:
        times = timings(keep_alive=0.2, linger=0.2)
        async with plane(route(timeouts=TIMEOUTS), times=times, v1=huge(4_000_000)) as p:
            windows = frames.SettingsFrame(0, settings={4: 2**31 - 1}).serialize()
            more = frames.WindowUpdateFrame(0, window_increment=2**30).serialize()
            async with raw(p, windows, more, *[head(2 * at + 1) for at in range(8)]) as client:
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                await p.until(lambda: p.upstreams["v1"].seen)
                await p.until(lambda: not (p.worker.shared.clients or p.worker.shared.exchanges))
            await p.until(lambda: p.worker.shared.memory.exchanges == 0)

    run(test)


def test_what_a_client_does_not_take_is_counted() -> None:
    async def test() -> None:
        async with plane(route(), v1=says(answer(b"x" * 50_000))) as p:
            async with raw(p, NO_WINDOW, *[head(2 * at + 1) for at in range(20)]):
                await p.until(lambda: p.worker.shared.memory.unsent >= 20 * 50_000)
            await p.until(lambda: p.worker.shared.memory.unsent == 0)

    run(test)


def test_a_connection_beyond_the_configured_age_ends() -> None:
    async def test() -> None:
        async with plane(route(), v1=V1) as p:
            p.worker.shared.bounds = ClientBounds(connection_age=0.2)
            async with raw(p, SETTINGS, head(1)) as client:
                await client.ended()
                assert client.goaways() == [0, 0]

    run(test)


# -- memory


def test_large_heads_are_counted_while_they_are_there() -> None:
    async def test() -> None:
        async with plane(route(), v1=black_hole) as p, Http2Client(p.port) as client:
            streams = [client.begin(fields=[(b"x-a", b"b" * 50_000)], ended=True) for _ in range(4)]
            await p.until(lambda: p.worker.shared.memory.exchanges >= 4 * 50_000)
            for stream in streams[:3]:
                client.h2.reset_stream(stream, 8)
            client.flush()
            await p.until(lambda: p.worker.shared.memory.exchanges < 2 * 50_000)

    run(test)


# -- floods


def flood(frame: Callable[[int], bytes], count: int) -> bytes:
    return b"".join(frame(at) for at in range(count))


def bomb(stream: int) -> bytes:
    """A head of 4 MB in 5 KB: one field of the table of fields, again and again."""
    field = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4_000
    return frames.HeadersFrame(stream, data=b"\x83\x86" + field + b"\xbe" * 1_000, flags=["END_HEADERS"]).serialize()


FLOODS: dict[str, Callable[[int], bytes]] = {
    "rapid reset": lambda at: head(2 * at + 1) + frames.RstStreamFrame(2 * at + 1, error_code=8).serialize(),
    "rapid reset of uploads": lambda at: (
        head(2 * at + 1, ended=False) + frames.RstStreamFrame(2 * at + 1, error_code=8).serialize()
    ),
    "resets that it makes us send": lambda at: (
        head(2 * at + 1, ended=False)
        + frames.WindowUpdateFrame(2 * at + 1, window_increment=0).serialize()[:9]
        + bytes(4)
    ),
    "windows that overflow": lambda at: (
        head(2 * at + 1, ended=False) + frames.WindowUpdateFrame(2 * at + 1, window_increment=2**31 - 1).serialize()
    ),
    "heads that are none": lambda at: head(2 * at + 1, True, b"connection"),
    "settings": lambda at: frames.SettingsFrame(0, settings={4: 70_000 + at}).serialize(),
    "pings": lambda at: frames.PingFrame(0, opaque_data=b"12345678").serialize(),
    "windows by a byte": lambda at: frames.WindowUpdateFrame(0, window_increment=1).serialize(),
    "priorities": lambda at: frames.PriorityFrame(1, depends_on=0, stream_weight=1).serialize(),
    "unknown frames": lambda at: bytes((0, 0, 0, 0xEE, 0, 0, 0, 0, 0)),
    "empty data": lambda at: (head(1, ended=False) if not at else b"") + bytes((0, 0, 0, 0, 0, 0, 0, 0, 1)),
    "zero-length names": lambda at: head(2 * at + 1, True, b""),
    "header bombs": lambda at: bomb(2 * at + 1),
    "large continuations": lambda at: (
        frames.HeadersFrame(1, data=b"\x83").serialize()
        if not at
        else frames.ContinuationFrame(1, data=b"\x00\x01a\x01b" * 2_000).serialize()
    ),
    "empty continuations": lambda at: (
        frames.HeadersFrame(1, data=b"\x83").serialize() if not at else bytes((0, 0, 0, 9, 0, 0, 0, 0, 1))
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_and_no_other(name: str) -> None:
    async def test() -> None:
        async with plane(route(), times=timings(linger=0.2), v1=V1) as p, Http2Client(p.port) as other:
            async with raw(p) as client:
                client.send(flood(FLOODS[name], 20_000 if name not in LARGE else 100))
                await client.ended()
                await p.until(lambda: len(p.worker.shared.clients) == 1)
                assert (await other.ask()).status == 200
            await p.until(lambda: len(p.worker.shared.clients) == 1 and not p.worker.shared.exchanges)
            await p.settled()
            reasons = {reason: rejected(p, reason) for reason in ("http2_flood", "bad_request")}
            assert reasons == {"http2_flood": 1, "bad_request": 0} or (name in REFUSED and any(reasons.values())), (
                reasons
            )
            assert p.worker.shared.memory.exchanges == 0

    run(test)
