"""One stream of a client, without a socket: what is said, what is credited, who waits."""

from __future__ import annotations

from typing import Any, cast

import pytest

from proxy.contracts.build import build
from proxy.contracts.failure import FAILURES
from proxy.contracts.message import ResponseHead
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.h2.client_stream import HIGH, Http2ClientStream
from proxy.dataplane.h2.connection import Http2Connection
from proxy.http2.codes import CANCEL, INTERNAL_ERROR, NO_ERROR
from proxy.http2.fields import FieldGroup, FieldList
from proxy.http2.request import Http2RequestHead

if build() == "compiled":
    pytest.skip("a compiled stream takes no other connection than a compiled one", allow_module_level=True)


class FakeConnection:
    """What a stream says to its connection."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.credits = self.waits = 0
        self.blocked = self.feeding = False
        self.waiters: set[object] = set()

    def queued(self, stream: int) -> int:
        return self.waits

    def changed(self) -> None:
        """Nothing is written here."""

    def credit(self, stream: int) -> bool:
        self.credits += 1
        return True

    def respond(self, stream: int, fields: FieldList, ended: bool, group: FieldGroup | None = None) -> None:
        self.said.append(("respond", stream, (group.fields if group else []) + fields, ended))

    def trailers(self, stream: int, fields: FieldList, group: FieldGroup | None = None) -> None:
        self.said.append(("trailers", stream, (group.fields if group else []) + fields))

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.said.append((name, *given))


class FakeExchange:
    """What a stream says to its exchange."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.faulty = False

    def request_body(self, data: bytes) -> None:
        self.told.append(data)

    def resume_answer(self) -> None:
        if self.faulty:
            raise ZeroDivisionError
        self.told.append("resume")

    def aborted(self) -> None:
        if self.faulty:
            raise ZeroDivisionError
        self.told.append("aborted")

    def fault(self) -> None:
        self.told.append("fault")

    def over(self) -> bool:
        return self.faulty


def made(fields: bytes = b"") -> tuple[Http2ClientStream, FakeConnection, FakeExchange]:
    connection, exchange = FakeConnection(), FakeExchange()
    stream = Http2ClientStream(cast(Http2Connection, connection), 1, Http2RequestHead(b"POST", b"m", b"/", fields))
    stream.exchange = cast(Exchange, exchange)
    return stream, connection, exchange


def test_an_answer_at_hand_is_a_head_and_a_body_with_its_end() -> None:
    stream, connection, _ = made()
    stream.head(ResponseHead(200), b"", b"")
    stream.data(b"a")
    stream.data(b"b")
    stream.end()
    assert stream.flush()
    assert connection.said == [("respond", 1, [(b":status", b"200")], False), ("data", 1, b"ab", True)]
    assert not stream.flush()


def test_an_answer_without_a_body_ends_with_its_head() -> None:
    stream, connection, _ = made()
    stream.head(ResponseHead(204), b"", b"")
    stream.end()
    stream.flush()
    assert connection.said == [("respond", 1, [(b":status", b"204")], True)]


def test_an_end_that_comes_later_is_said_alone_or_with_trailers() -> None:
    stream, connection, _ = made()
    stream.head(ResponseHead(200), b"", b"")
    stream.flush()
    stream.end()
    stream.flush()
    assert connection.said[1:] == [("end", 1)]
    stream, connection, _ = made()
    stream.head(ResponseHead(200), b"", b"")
    stream.data(b"a")
    stream.trailers(b"grpc-status: 0\r\n")
    stream.end()
    stream.flush()
    assert connection.said[1:] == [("data", 1, b"a", False), ("trailers", 1, [(b"grpc-status", b"0")])]


def test_another_leg_begins_anew() -> None:
    stream, connection, _ = made()
    stream.head(ResponseHead(500), b"", b"")
    stream.data(b"bad")
    stream.discard()
    assert not stream.flush()
    assert connection.said == []


def test_what_came_is_credited_once_the_server_keeps_up() -> None:
    stream, connection, exchange = made()
    stream.came(b"abc")
    stream.pause("upstream")
    stream.came(b"de")
    stream.came(b"f")
    assert connection.credits == 1
    stream.resume("other")
    assert connection.credits == 1
    stream.resume("upstream")
    assert connection.credits == 2
    assert exchange.told == [b"abc", b"de", b"f"]


def test_what_comes_after_the_answer_is_credited_and_kept_from_the_exchange() -> None:
    stream, connection, exchange = made()
    stream.pause("upstream")
    stream.exchange = None
    stream.came(b"abc")
    assert connection.credits == 1
    assert exchange.told == []


def test_an_answer_that_its_client_does_not_take_waits() -> None:
    stream, connection, exchange = made()
    connection.waits = HIGH
    stream.head(ResponseHead(200), b"", b"")
    stream.data(b"x" * HIGH)
    stream.flush()
    assert stream.congested()
    stream.opened()
    assert exchange.told == []
    connection.waits = HIGH - 1
    assert stream.takes()
    assert not stream.takes()
    stream.opened()
    assert (stream.congested(), exchange.told, connection.waiters) == (False, ["resume"], set())


@pytest.mark.parametrize("act", ["opened", "gone"])
def test_an_unexpected_exception_ends_the_exchange_alone(act: str) -> None:
    stream, _, exchange = made()
    exchange.faulty = True
    getattr(stream, act)()
    assert exchange.told == ["fault"]


def test_the_rest_of_a_request_is_refused_once_its_answer_was_written() -> None:
    stream, connection, _ = made()
    connection.waits = 1
    stream.done(0.0)
    stream.opened()
    assert connection.said == []
    connection.waits = 0
    stream.opened()
    assert connection.said == [("reset", 1, NO_ERROR)]
    whole, connection, _ = made()
    whole.whole = True
    whole.done(0.0)
    assert connection.said == [] and not connection.waiters


def test_an_answer_that_is_cut_is_reset() -> None:
    stream, connection, _ = made()
    stream.reset()
    assert connection.said == [("reset", 1, INTERNAL_ERROR)]


def test_a_problem_is_one_to_each_kind_of_client() -> None:
    stream, connection, _ = made()
    stream.problem(FAILURES["overloaded"], "the limit is 1", b"x-request-id: r\r\n")
    (_, _, fields, alone), (_, _, body, ended) = connection.said
    assert dict(fields)[b":status"] == b"503"
    assert dict(fields)[b"retry-after"] == b"1"
    assert dict(fields)[b"x-request-id"] == b"r"
    assert (alone, ended, int(dict(fields)[b"content-length"])) == (False, True, len(body))
    stream, connection, _ = made(b"content-type: application/grpc+proto\r\n")
    stream.problem(FAILURES["overloaded"], "the limit is 1", b"")
    ((_, _, fields, alone),) = connection.said
    assert (dict(fields)[b":status"], dict(fields)[b"grpc-status"], alone) == (b"200", b"8", True)
    assert b"the limit is 1" in dict(fields)[b"grpc-message"]


def test_an_answer_that_is_not_taken_ends_once_patience_does() -> None:
    stream, connection, _ = made()
    connection.waits = 1
    stream.done(0.0)
    stream.sweep(1.0, 10.0)
    stream.sweep(11.0, 10.0)
    assert connection.said == []
    stream.sweep(11.1, 10.0)
    assert connection.said == [("reset", 1, CANCEL)]


def test_a_stream_whose_exchange_has_ended_unseen_is_reset() -> None:
    stream, connection, exchange = made()
    stream.sweep(1.0, 10.0)
    assert connection.said == []
    exchange.faulty = True
    stream.sweep(2.0, 10.0)
    assert (connection.said, stream.over) == ([("reset", 1, INTERNAL_ERROR)], True)
