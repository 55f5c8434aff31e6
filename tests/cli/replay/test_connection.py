"""One connection, as bytes come and go; the transport is invented."""

from __future__ import annotations

import asyncio

from proxy.cli.replay import connection
from proxy.cli.replay.connection import SentRequest, ServerConnection, ServerTally
from proxy.cli.replay.message import RequestMessage
from proxy.control.replay.asking import LiveAnswer
from tests.support.replayed import whole


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and tells the protocol of its end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.protocol: ServerConnection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    def abort(self) -> None:
        self.close()


class Talk:
    """A connection, and everything that it told."""

    def __init__(self) -> None:
        self.answers: list[LiveAnswer] = []
        self.freed: list[ServerConnection] = []
        self.gone: list[tuple[SentRequest | None, str, bool]] = []
        self.wire = Wire()
        self.tally = ServerTally()
        self.connection = ServerConnection(
            self.freed.append, lambda _, asking, reason, stale: self.gone.append((asking, reason, stale)), 60.0
        )
        self.wire.protocol = self.connection
        self.connection.connection_made(self.wire)

    def ask(self, head_only: bool = False) -> SentRequest:
        asking = SentRequest(RequestMessage(b"GET", head_only), self.answers.append, self.tally, 0.0, 1e9)
        self.connection.ask(asking)
        return asking

    def hear(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)


def test_an_answer_is_told_once_and_the_connection_is_free() -> None:
    talk = Talk()
    for number in range(3):
        talk.ask()
        talk.hear(whole(b"{}"))
        assert (talk.answers[number].status, talk.answers[number].body) == (200, b"{}")
    assert talk.wire.written == b"GETGETGET" and len(talk.freed) == 3 and not talk.gone


def test_an_answer_byte_by_byte_is_the_same() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(*(bytes([byte]) for byte in whole(b"{}")))
    assert talk.answers[0].body == b"{}" and not talk.answers[0].ends


def test_times_of_a_stream_are_noted() -> None:
    talk = Talk()
    talk.ask()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    talk.hear(head, b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n")
    assert (talk.answers[0].body, talk.answers[0].ends) == (b"abcde", [3, 5])
    assert len(talk.answers[0].chunks) == 2


def test_of_a_large_answer_the_beginning_is_kept() -> None:
    talk = Talk()
    talk.ask()
    size = connection.MAX_KEPT + 10
    talk.hear(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[b"x" * (size // 10)] * 10, b"y" * (size % 10))
    (answer,) = talk.answers
    assert answer.body is None and len(answer.beginning) == connection.MAX_END and not answer.ending


def test_a_connection_that_its_server_ends_is_not_used_again() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(whole(b"{}", more=b"connection: close\r\n"))
    assert talk.answers and not talk.freed and talk.gone[0][0] is None


def test_an_answer_that_the_end_of_the_connection_ends_is_whole() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(b"HTTP/1.1 200 OK\r\n\r\n", b"{}")
    talk.connection.eof_received()
    assert talk.answers[0].body == b"{}" and not talk.freed


def test_an_answer_that_is_cut_off_is_handed_back() -> None:
    talk = Talk()
    asking = talk.ask()
    talk.hear(whole(b"{}")[:-1])
    talk.connection.eof_received()
    talk.wire.close()
    assert talk.gone == [(asking, "reset", False)] and not talk.answers


def test_an_idle_connection_that_ends_before_any_byte_may_be_stale() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(whole(b"{}"))
    asking = talk.ask()
    talk.wire.close()
    assert talk.gone == [(asking, "reset", True)]


def test_what_is_no_answer_is_malformed() -> None:
    talk = Talk()
    asking = talk.ask()
    talk.hear(b"SSH-2.0-OpenSSH\r\n\r\n")
    assert talk.gone == [(asking, "malformed", False)]


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    talk = Talk()
    talk.hear(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert talk.wire.closed and not talk.answers


def test_an_answer_that_says_that_it_is_too_large_is_not_waited_for() -> None:
    talk = Talk()
    talk.ask()
    talk.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\nx")
    ((asking, reason, stale),) = talk.gone
    assert asking is not None and (reason, stale) == ("answer_too_large", False) and talk.wire.closed
