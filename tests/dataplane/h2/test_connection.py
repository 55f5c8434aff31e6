"""An engine on a socket: what is written, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proxy.contracts.build import build
from proxy.dataplane.h2.connection import MOST_READ, MOST_READS, TURN, Http2Connection, Waiter
from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import Http2Error

if build() == "compiled":
    pytest.skip("the connection here is a base of the compiled one", allow_module_level=True)

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


class Socket(asyncio.Transport):
    """A socket that notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.ends: list[str] = []

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.writes.append(data)

    def is_closing(self) -> bool:
        return bool(self.ends)

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def get_write_buffer_size(self) -> int:
        return 7


class Noted(Http2Connection):
    """A server's end that says something whenever it is read."""

    def __init__(self) -> None:
        super().__init__(False, Http2Bounds())
        self.errors: list[Http2Error] = []
        self.faulty = False

    def broken(self, error: Http2Error) -> None:
        self.errors.append(error)

    def handed_over(self) -> None:
        if self.faulty:
            raise ZeroDivisionError
        self.ping()
        self.changed()
        self.changed()


@pytest.fixture
def socket() -> Socket:
    return Socket()


def begun(socket: Socket) -> Noted:
    connection = Noted()
    connection.connection_made(socket)
    assert len(socket.writes) == 1  # SETTINGS, before anything was read
    return connection


def test_what_one_read_leads_to_leaves_in_one_write(socket: Socket) -> None:
    connection = begun(socket)
    connection.data_received(HELLO)
    assert len(socket.writes) == 2
    assert TURN.depth == 0
    assert TURN.waiting == []


def test_what_another_connection_is_told_meanwhile_leaves_with_it(socket: Socket) -> None:
    first, other = begun(socket), Socket()
    second = begun(other)

    class Relay(Noted):
        def handed_over(self) -> None:
            second.ping()
            second.changed()
            second.ping()
            second.changed()
            assert len(other.writes) == 1

    relay = Relay()
    relay.connection_made(Socket())
    relay.data_received(HELLO)
    assert len(other.writes) == 2
    first.ping()
    first.changed()
    assert len(socket.writes) == 2  # at any other time at once


def test_what_was_read_in_one_turn_of_the_loop_leaves_in_one_write(socket: Socket) -> None:
    later: list[Callable[[], None]] = []
    connections = [begun(each) for each in (socket, Socket())]
    TURN.begin(later.append)
    try:
        for each in connections:
            each.data_received(HELLO)
            each.data_received(b"")
            each.changed()
        assert len(socket.writes) == 1 and len(later) == 1
        later.pop()()
        assert len(socket.writes) == 2
        connections[0].ping()
        connections[0].changed()
        assert len(socket.writes) == 2 and len(later) == 1
        later.pop()()
        assert len(socket.writes) == 3 and TURN.waiting == []
    finally:
        TURN.begin(None)


@pytest.mark.parametrize("reads", [[bytes(1)] * (MOST_READS - 1), [bytes(MOST_READ)]])
def test_a_turn_that_reads_much_writes_in_between(socket: Socket, reads: list[bytes]) -> None:
    later: list[Callable[[], None]] = []
    connection = begun(socket)
    TURN.begin(later.append)
    try:
        connection.data_received(HELLO)
        for data in reads:
            assert len(socket.writes) == 1
            connection.data_received(data)
        assert len(socket.writes) == 2 and len(later) == 1
        later.pop()()  # it finds nothing
        assert len(socket.writes) == 2
    finally:
        TURN.begin(None)


def test_a_socket_that_does_not_take_more_gets_no_more(socket: Socket) -> None:
    connection = begun(socket)
    connection.pause_writing()
    connection.ping()
    connection.changed()
    assert len(socket.writes) == 1
    connection.resume_writing()
    assert len(socket.writes) == 2
    assert connection.unsent() == 7


def test_who_waits_is_looked_at_after_each_write(socket: Socket) -> None:
    looked: list[str] = []

    class Waiting(Waiter):
        def opened(self) -> None:
            looked.append("opened")

    connection = begun(socket)
    connection.waiters.add(Waiting())
    connection.changed()
    assert looked == ["opened"]


def test_a_peer_that_breaks_a_rule_is_told_of_to_the_end(socket: Socket) -> None:
    connection = begun(socket)
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * 2)
    assert len(connection.errors) == 1
    assert TURN.depth == 0


def test_an_unexpected_exception_ends_the_connection_alone(socket: Socket) -> None:
    connection = begun(socket)
    connection.faulty = True
    connection.data_received(HELLO)
    assert socket.ends == ["abort"]
    assert TURN.depth == 0


def test_what_is_said_while_something_is_written_leaves_after_it(socket: Socket) -> None:
    class Chatty(Noted):
        armed = False

        def _hand_over(self) -> None:
            super()._hand_over()
            if self.armed:
                self.armed = False
                self.notice()
                self.changed()

    connection = Chatty()
    connection.connection_made(socket)
    connection.armed = True
    connection.ping()
    connection.changed()
    assert [each[3] for each in socket.writes] == [4, 6, 7]  # SETTINGS, PING, and the GOAWAY after it


def test_a_socket_that_ends_gets_no_more(socket: Socket) -> None:
    connection = begun(socket)
    socket.close()
    connection.ping()
    connection.changed()
    assert len(socket.writes) == 1
    assert socket.ends == ["close"]
