"""Frames that ask for nothing: as many as a client may need for what it gets, and a burst beyond."""

from __future__ import annotations

import asyncio

import pytest

from proxy.contracts.build import build
from proxy.contracts.message import RequestHead
from proxy.http2.bounds import EARNED_BYTES, MAX_IDLE_FRAMES
from proxy.http2.codes import ENHANCE_YOUR_CALM
from tests.support.raw_frames import DATA, GOAWAY, frame, ping, priority, rst, settings, window

if build() == "compiled":
    pytest.skip("fakes cannot derive from compiled ports", allow_module_level=True)

from tests.dataplane.h2.test_h2spec import GREETING, Peer  # of one that is skipped there is but half
from tests.dataplane.h2.test_h2spec_client import Asker, Server

BATCH = 100
WIDE = settings((4, 2**31 - 1)) + window(0, 2**30)


def greeted(*first: bytes) -> Peer:
    peer = Peer()
    peer.send(GREETING, *first)
    return peer


def endured(peer: Peer, frame: bytes, most: int) -> int:
    """How many frames, a few at a time, a connection takes before it ends; `most`: it goes on."""
    for sent in range(0, most, BATCH):
        if peer.socket.ended:
            assert [each.code for each in peer.of(GOAWAY)] == [ENHANCE_YOUR_CALM]
            counted = peer.bench.counted()["rejected"]
            assert counted == {("", "http2_flood"): 1}
            return sent
        peer.send(frame * BATCH)
        peer.socket.written = peer.socket.written[-1_000:] if peer.socket.ended else b""
    return most


@pytest.mark.parametrize(
    "frame", [window(0, 1), priority(), b"\0\0\0\xee" + bytes(5)], ids=["windows", "priorities", "others"]
)
def test_a_burst_of_them_is_no_harm_and_more_ends_the_connection(frame: bytes) -> None:
    assert MAX_IDLE_FRAMES <= endured(greeted(), frame, 2 * MAX_IDLE_FRAMES) < 1.2 * MAX_IDLE_FRAMES


def test_pings_whose_answers_are_read_end_it_as_well() -> None:
    assert MAX_IDLE_FRAMES / 2 <= endured(greeted(), ping(), 2 * MAX_IDLE_FRAMES) < 1.5 * MAX_IDLE_FRAMES


def test_an_answer_byte_by_byte_ends_it() -> None:
    peer = greeted(settings((4, 0)))
    peer.send(peer.get())
    peer.answer(b"x" * 100_000)
    assert endured(peer, window(1, 1), 8 * MAX_IDLE_FRAMES) < 4 * MAX_IDLE_FRAMES


def test_whoever_gets_much_may_say_much() -> None:
    peer = greeted(WIDE)
    peer.send(peer.get())
    peer.answer(b"x" * (EARNED_BYTES * MAX_IDLE_FRAMES))
    assert 2 * MAX_IDLE_FRAMES <= endured(peer, window(0, 1), 4 * MAX_IDLE_FRAMES) < 2.2 * MAX_IDLE_FRAMES


def test_calls_with_some_of_them_each_go_on_for_ever() -> None:
    peer = greeted()
    for number in range(1, 2 * MAX_IDLE_FRAMES, 2):
        peer.send(peer.get(number), window(0, 1) + window(number, 1) + window(0, 1))
        peer.bench.pools["v1"].last.answer(body=b"")
        peer.bench.pools["v1"].streams.clear()
        assert not peer.socket.ended
        peer.socket.written = b""


def asking(server: Server) -> Asker:
    """Another request on the connection to a server."""
    user, stream = Asker(), server.upstream.open_stream()
    stream.begin(user, RequestHead(b"GET", b"m", b"/"), b"", b"", -1)
    stream.end()
    stream.flush()
    return user


@pytest.mark.parametrize(
    "flood",
    [
        *(window(0, 1), window(1, 1), window(5, 1), ping(), settings(), settings((4, 70_000)), priority(), rst(5, 0)),
        *(frame(DATA, 1, b""), frame(DATA, 5, b""), frame(0xEE)),
    ],
    ids="window of-stream of-closed ping settings windows priority reset empty empty-of-closed unknown".split(),
)
def test_a_server_that_floods_is_heard_no_further_and_its_calls_end(flood: bytes) -> None:
    async def test() -> None:
        server = Server()
        users = [server.user, asking(server), asking(server)]
        server.send(rst(5, 0), server.ok(0x4))
        sent = 0
        while not server.socket.ended and sent < 3 * MAX_IDLE_FRAMES:
            server.send(flood * BATCH)
            sent += BATCH
            server.socket.written = server.socket.written[-1_000:] if server.socket.ended else b""
        assert sent < 2 * MAX_IDLE_FRAMES
        assert [each.code for each in server.of(GOAWAY)] == [ENHANCE_YOUR_CALM]
        assert [user.ends for user in users] == [["malformed"], ["malformed"], ["reset"]]
        assert server.upstream.lent == 0 and not server.upstream.is_available()

    asyncio.run(test())


def test_a_server_may_say_so_much_for_each_call_for_ever() -> None:
    async def test() -> None:
        server = Server()
        server.send(server.ok())
        for number in range(3, MAX_IDLE_FRAMES, 2):
            user = asking(server)
            server.send(window(0, 1), window(number, 1), settings(), server.ok(at=number))
            assert user.ends == ["complete"], number
            server.socket.written = b""
        assert not server.socket.ended

    asyncio.run(test())


def test_a_flood_without_calls_is_told_to_whoever_counts() -> None:
    async def test() -> None:
        server = Server()
        server.send(server.ok())
        while not server.socket.ended:
            server.send(ping() * BATCH)
            server.socket.written = b""
        assert server.owner.told == ["too many frames that ask for nothing"]

    asyncio.run(test())
