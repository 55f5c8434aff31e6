"""Control's end of the link without a socket: ticks once, hellos first, tables to whoever comes."""

from __future__ import annotations

import asyncio
from typing import cast

from proxy.contracts.record import Tick
from proxy.contracts.table import Table
from proxy.link.frames import Ack, Apply, FrameReader, Hello, Message, Records, Ticks, encode
from proxy.link.server import MAX_SILENT_LOOKS, LinkServer, _Connection
from tests.support.records import record

HELLO = Hello(0, "a", 7)


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.reader, self.sent = FrameReader(), list[Message]()
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent += self.reader.feed(data)

    def abort(self) -> None:
        self.aborted = True


class End:
    """A server, and one connection to it."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.batches: list[Records] = []
        self.server = LinkServer(self.on_tick, self.batches.append)

    def on_tick(self, tick: Tick) -> float:
        self.ticks.append(tick)
        return 0.5

    def connect(self, *messages: Message) -> tuple[_Connection, Transport]:
        connection, transport = _Connection(self.server), Transport()
        connection.connection_made(cast("asyncio.BaseTransport", transport))
        connection.data_received(b"".join(map(encode, messages)))
        return connection, transport


def test_a_tick_is_counted_once_and_acknowledged_each_time() -> None:
    end = End()
    tick = Ticks(Tick(0, "a", 1, 5))
    _, transport = end.connect(HELLO, tick, tick)
    assert len(end.ticks) == 1
    assert transport.sent == [Ack(1, 0.5), Ack(1, 1.0)]


def test_a_worker_that_connects_again_is_the_same_and_a_restarted_one_is_new() -> None:
    end = End()
    connection, _ = end.connect(HELLO, Ticks(Tick(0, "a", 3, 5, leased=False)))
    (status,) = end.server.workers
    assert (status.revision, status.leased, status.connected) == (5, False, True)
    connection.connection_lost(None)
    assert not status.connected
    end.connect(HELLO, Ticks(Tick(0, "a", 3, 5)))
    assert end.server.workers == [status] and status.connected and len(end.ticks) == 1
    end.connect(Hello(0, "b", 8), Ticks(Tick(0, "b", 1, 5)))
    assert [worker.incarnation for worker in end.server.workers] == ["b"] and len(end.ticks) == 2


def test_a_worker_is_up_by_its_last_tick_and_not_by_its_open_link() -> None:
    end = End()
    connection, _ = end.connect(HELLO)
    (status,) = end.server.workers
    assert status.connected and not status.up
    connection.data_received(encode(Ticks(Tick(0, "a", 1, 0))))
    assert not status.up, "it follows no table"
    connection.data_received(encode(Ticks(Tick(0, "a", 2, 5))))
    for _ in range(MAX_SILENT_LOOKS):
        end.server.look()
        assert status.up
    end.server.look()
    assert (status.connected, status.up) == (True, False)
    connection.data_received(encode(Ticks(Tick(0, "a", 2, 5))))
    assert status.up, "a tick that comes again is a word as well"
    connection.connection_lost(None)
    assert not status.up


def test_a_worker_that_never_came_is_known_and_not_up() -> None:
    server = LinkServer(lambda tick: 1.0, lambda batch: None, expected=2)
    assert [(each.index, each.pid, each.connected, each.up) for each in server.workers] == [
        (0, 0, False, False),
        (1, 0, False, False),
    ]


def test_a_table_goes_to_those_that_are_there_and_those_that_come() -> None:
    end, table = End(), Table(4, {}, ())
    _, early = end.connect(HELLO)
    end.server.publish(table)
    _, late = end.connect(Hello(1, "c", 9))
    assert early.sent == late.sent == [Apply(table)]


def test_records_are_handed_on_as_they_came() -> None:
    end = End()
    batch = Records(0, "a", [record(response=b"body")])
    end.connect(HELLO, batch)
    assert end.batches == [batch]


def test_who_does_not_say_hello_or_sends_no_frames_is_disconnected_and_counted() -> None:
    end = End()
    _, silent = end.connect(Ticks(Tick(0, "a", 1, 5)))
    connection, garbage = end.connect(HELLO)
    connection.data_received(b"\xff\xff\xff\xff")
    assert silent.aborted and garbage.aborted and not end.ticks
    assert end.server.bounds_reached() == {"link_frame": 2}
