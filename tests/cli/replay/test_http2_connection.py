"""One connection by HTTP/2, as bytes come and go; the other side is an engine, too, and the transport is invented."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from proxy.cli.replay.connection import SentRequest, ServerTally
from proxy.cli.replay.http2_connection import NO_HTTP2, NO_STREAMS, Http2ServerConnection
from proxy.cli.replay.message import RequestMessage
from proxy.control.replay.asking import LiveAnswer
from proxy.http2.bounds import Http2Bounds
from proxy.http2.engine import Http2Engine

HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/M"), (b":authority", b"h")]
ANSWER = [(b":status", b"200"), (b"content-type", b"application/grpc")]
Fields = tuple[tuple[bytes, bytes], ...]


class Model(Http2Engine):
    """The server. `seen`: streams whose head came; `resets`: those that were reset."""

    def __init__(self, streams: int = 100) -> None:
        super().__init__(False, Http2Bounds(streams))
        self.seen: list[int] = []
        self.resets: list[int] = []

    def stream_head(self, stream: int, fields: Fields, ended: bool) -> None:
        self.seen.append(stream)

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        self.credit(stream)

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        if code:
            self.resets.append(stream)

    def good(self, stream: int) -> None:
        self.respond(stream, ANSWER, False)
        self.data(stream, b"\0\0\0\0\1a", False)
        self.trailers(stream, [(b"grpc-status", b"0")])


class Wire(asyncio.Transport):
    """A transport to the server, and back once `Talk.hear` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.protocol: Http2ServerConnection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    def abort(self) -> None:
        self.close()


class Talk:
    """A connection, its server, and everything that it told."""

    def __init__(self, streams: int = 100) -> None:
        self.answers: list[LiveAnswer] = []
        self.left: list[tuple[str, bool]] = []
        self.changes = 0
        self.wire, self.model, self.tally = Wire(), Model(streams), ServerTally()
        self.connection = Http2ServerConnection(
            self._changed, lambda _, reason, unprocessed: self.left.append((reason, unprocessed)), 60.0
        )
        self.wire.protocol = self.connection
        self.connection.connection_made(self.wire)
        self.pass_on()

    def _changed(self) -> None:
        self.changes += 1

    def ask(
        self, body: bytes = b"", call: bool = True, done: Callable[[LiveAnswer], None] | None = None
    ) -> SentRequest:
        message = RequestMessage(body, False, list(HEAD), call)
        asking = SentRequest(message, done or self.answers.append, self.tally, 0.0, 1e9)
        self.connection.ask(asking)
        self.connection.flush()
        return asking

    def pass_on(self) -> None:
        """What each has to say reaches the other, until both are silent."""
        while True:
            for data in self.wire.written:
                self.model.feed(data, 0.0)
            self.wire.written.clear()
            said = self.model.take()
            if said and not self.wire.closed:
                self.connection.data_received(said)
            elif not self.wire.written:
                return


def within_a_loop(test: Callable[[], None]) -> Callable[[], None]:
    """The same where there is a loop: futures need one."""

    @functools.wraps(test)
    def run() -> None:
        async def main() -> None:
            test()

        asyncio.run(main())

    return run


@within_a_loop
def test_requests_share_a_connection_once_the_server_has_spoken() -> None:
    talk = Talk(streams=2)
    assert talk.connection.ready.done() and talk.connection.has_room()
    talk.ask(b"one")
    talk.ask(b"two")
    assert not talk.connection.has_room()
    talk.pass_on()
    for stream in reversed(talk.model.seen):
        talk.model.good(stream)
    before = talk.changes
    talk.pass_on()
    assert [(answer.call, answer.body) for answer in talk.answers] == [(0, b"\0\0\0\0\1a")] * 2
    assert talk.connection.has_room() and talk.changes > before
    assert (talk.tally.answered, talk.tally.lost) == (2, 0)


@within_a_loop
def test_another_request_may_be_sent_while_an_answer_is_handed_over() -> None:
    talk = Talk()

    def done(answer: LiveAnswer) -> None:
        talk.answers.append(answer)
        talk.ask(b"two")

    talk.ask(b"one", done=done)
    talk.pass_on()
    talk.model.good(talk.model.seen[0])
    talk.pass_on()
    talk.model.good(talk.model.seen[1])
    talk.pass_on()
    assert len(talk.answers) == 2


@within_a_loop
def test_a_request_that_is_no_call_has_no_status_of_its_own() -> None:
    talk = Talk()
    talk.ask(call=False)
    talk.pass_on()
    talk.model.respond(talk.model.seen[0], [(b":status", b"200"), (b"content-length", b"2")], False)
    talk.model.data(talk.model.seen[0], b"{}", True)
    talk.pass_on()
    (answer,) = talk.answers
    assert (answer.status, answer.call, answer.body, answer.ends) == (200, -1, b"{}", [])


@within_a_loop
def test_one_that_fails_is_reset_and_ends_alone() -> None:
    talk = Talk()
    talk.ask(b"one")
    talk.ask(b"two")
    talk.pass_on()
    number = next(iter(talk.connection.asked))
    talk.connection.fail(number, "response_timeout")
    talk.pass_on()
    assert talk.answers[0].failure == "response_timeout" and talk.model.resets == [number]
    assert not talk.connection.leaving, "something was heard since"
    talk.model.good(talk.model.seen[1])
    talk.pass_on()
    assert talk.answers[1].call == 0


@within_a_loop
def test_nobody_stays_where_nothing_is_heard() -> None:
    talk = Talk()
    asking = talk.ask(b"one")
    asking.began = 1e9
    talk.connection.fail(next(iter(talk.connection.asked)), "response_timeout")
    assert talk.connection.leaving and talk.wire.closed


@within_a_loop
def test_a_server_that_goes_finishes_what_it_has_taken() -> None:
    talk = Talk()
    talk.ask(b"one")
    talk.pass_on()
    talk.model.goaway(0)
    talk.pass_on()
    assert not talk.connection.has_room() and not talk.wire.closed
    talk.model.good(talk.model.seen[0])
    talk.pass_on()
    assert talk.answers[0].call == 0 and talk.wire.closed


@within_a_loop
def test_requests_that_an_end_leaves_unanswered_are_handed_back() -> None:
    talk = Talk()
    talk.ask(b"one")
    talk.wire.close()
    assert talk.left == [("reset", False)], "the connection was new"
    talk = Talk()
    talk.ask(b"one")
    talk.pass_on()
    talk.model.good(talk.model.seen[0])
    talk.pass_on()
    late = talk.ask(b"two")
    late.began = 1e9
    talk.wire.close()
    assert talk.left == [("reset", True)], "it had been idle"


@within_a_loop
def test_bytes_that_are_no_http2_end_everything() -> None:
    talk = Talk()
    talk.ask(b"one")
    talk.connection.data_received(b"\0\0\1\1\4\0\0\0\1\xff")
    (answer,) = talk.answers
    assert answer.failure == "malformed" and answer.detail and talk.wire.closed


@within_a_loop
def test_a_server_that_never_spoke_is_told_as_one() -> None:
    for data, why in ((b"", NO_HTTP2), (b"HTTP/1.1 400 Bad Request\r\n\r\n", NO_HTTP2)):
        wire = Wire()
        connection = wire.protocol = Http2ServerConnection(lambda: None, lambda *_: None, 1.0)
        connection.connection_made(wire)
        if data:
            connection.data_received(data)
        wire.close()
        assert str(connection.ready.exception()) == why
    model = Model(streams=0)
    wire = Wire()
    connection = wire.protocol = Http2ServerConnection(lambda: None, lambda *_: None, 1.0)
    connection.connection_made(wire)
    connection.data_received(model.take())
    assert str(connection.ready.exception()) == NO_STREAMS


@within_a_loop
def test_a_socket_that_takes_no_more_gets_no_more() -> None:
    talk = Talk()
    talk.connection.pause_writing()
    talk.ask(b"one")
    assert not talk.wire.written
    talk.connection.resume_writing()
    assert talk.wire.written
    talk.connection.drop()
    assert talk.wire.closed and not talk.answers
