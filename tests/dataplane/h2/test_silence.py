"""Whether the other side of a connection by HTTP/2 still lives."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.build import build
from proxy.contracts.message import RequestHead
from proxy.dataplane.h2.silence import ANSWER, ASK, CALM, DEAD, FEW, LATE, SOON, Silence
from proxy.dataplane.ports import ServerStream
from tests.support.raw_frames import ping

if build() != "compiled":
    from tests.dataplane.h2.test_h2spec_client import Asker, Server

STEP = 0.5


def looks(silence: Silence, until: float, begin: float = 0.0, busy: bool = True, heard: float = 0.0) -> list[int]:
    """What looks say from `begin` on, twice a second."""
    return [silence.look(busy, heard, 300.0, begin + at * STEP) for at in range(1, int((until - begin) / STEP) + 1)]


def test_a_silent_server_is_asked_once_and_is_dead_without_an_answer() -> None:
    said = looks(Silence(), 300.0 + ANSWER + 2 * STEP)
    assert said.count(ASK) == 1 and said.index(ASK) == int(300.0 / STEP)
    assert said.index(DEAD) == int((300.0 + ANSWER) / STEP) + 1


def test_without_calls_nobody_is_asked() -> None:
    assert set(looks(Silence(), 2000.0, busy=False)) == {CALM}


def test_a_silence_begins_with_the_first_call() -> None:
    silence = Silence()
    looks(silence, 290.0, busy=False)
    assert ASK not in looks(silence, 580.0, begin=290.0)


def test_any_byte_is_an_answer() -> None:
    silence = Silence()
    assert looks(silence, 301.0)[-1] in (ASK, CALM)
    assert silence.asked
    assert silence.look(True, 302.0, 300.0, 302.5) == CALM
    assert not silence.asked
    assert set(looks(silence, 590.0, begin=303.0, heard=302.0)) == {CALM}


def test_a_loop_that_stood_still_has_heard_nothing_and_nobody_is_dead() -> None:
    silence = Silence()
    looks(silence, 302.0)
    assert silence.asked
    assert silence.look(True, 0.0, 300.0, 1000.0) == CALM
    assert silence.look(True, 1000.1, 300.0, 1000.5) == CALM and not silence.asked


@given(st.lists(st.tuples(st.floats(0.1, 1.9), st.booleans(), st.booleans()), max_size=300))
def test_it_is_asked_no_sooner_than_after_its_time_and_lets_nobody_go_unasked(
    steps: list[tuple[float, bool, bool]],
) -> None:
    silence, now, heard, since, asked = Silence(), 0.0, 0.0, 0.0, 0.0
    for seconds, busy, speaks in steps:
        now += seconds
        if speaks:
            heard = now
        if not busy:
            since, asked = now, 0.0
        elif heard > since:
            since, asked = heard, 0.0
        what = silence.look(busy, heard, 5.0, now)
        if what == ASK:
            assert not asked and now - since > 5.0
            asked = now
        elif what == DEAD:
            assert asked and now - asked > ANSWER


def test_calls_that_were_given_up_in_a_silence_are_a_reason_to_go_elsewhere() -> None:
    silence = Silence()
    silence.sent(100.0)
    assert not silence.gave_up(99.0, 100.0 + SOON + 0.1)  # one alone
    assert not any(silence.gave_up(99.0, 100.0 + SOON - 0.1) for _ in range(2 * FEW))  # cancelled at once
    assert silence.gave_up(99.0, 100.0 + SOON + 0.1)
    silence.sent(200.0)
    assert silence.gave_up(199.0, 200.0 + LATE)


def test_a_server_that_was_heard_meanwhile_is_slow_and_not_gone() -> None:
    silence = Silence()
    silence.sent(100.0)
    assert not any(silence.gave_up(101.0, 160.0) for _ in range(2 * FEW))


class Deaf:
    """A server of HTTP/2 whose socket is full, and that goes on sending."""

    def __init__(self) -> None:
        self.server = Server()
        self.unread = 1000
        self.server.socket.get_write_buffer_size = lambda: self.unread  # type: ignore[method-assign]
        self.upstream = self.server.upstream
        self.upstream.pause_writing()

    def ask(self) -> tuple[Asker, ServerStream]:
        user, stream = Asker(), self.upstream.open_stream()
        stream.begin(user, RequestHead(b"GET", b"m", b"/"), b"", b"", -1)
        stream.end()
        stream.flush()
        return user, stream

    def speak(self) -> None:
        self.server.send(ping())


@pytest.mark.skipif(build() == "compiled", reason="a user here is no compiled one")
def test_streams_that_are_given_up_come_back_from_a_server_that_reads_nothing() -> None:
    async def test() -> None:
        deaf = Deaf()
        lent = deaf.upstream.lent
        streams = [deaf.ask()[1] for _ in range(20)]
        deaf.speak()
        for stream in streams:
            stream.reset()
        assert deaf.upstream.lent == lent

    asyncio.run(test())


@pytest.mark.skipif(build() == "compiled", reason="a user here is no compiled one")
def test_what_a_server_says_that_reads_nothing_is_no_sign_of_life() -> None:
    async def test() -> None:
        deaf = Deaf()
        streams = [deaf.ask()[1] for _ in range(FEW)]
        deaf.upstream._silence.waiting -= SOON + 0.1
        for stream in streams:
            deaf.speak()
            assert deaf.upstream.is_available()
            stream.reset()
        assert not deaf.upstream.is_available()

    asyncio.run(test())


@pytest.mark.skipif(build() == "compiled", reason="a user here is no compiled one")
@pytest.mark.parametrize("reads", [True, False])
def test_calls_of_a_server_that_reads_nothing_end_with_it(reads: bool) -> None:
    async def test() -> None:
        deaf = Deaf()
        begin = monotonic()
        for at in range(1, int(400.0 / STEP)):
            deaf.speak()
            deaf.unread += reads  # its socket takes something now and then
            deaf.upstream.look(300.0, begin + at * STEP)
        assert deaf.server.user.ends == ([] if reads else ["reset"])
        assert deaf.server.socket.ended is not reads

    asyncio.run(test())
