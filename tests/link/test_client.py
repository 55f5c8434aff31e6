"""The worker's end of the link without a socket: what a new connection begins with, and who renews the lease."""

from __future__ import annotations

import asyncio
from typing import cast

from proxy.contracts.record import Tick
from proxy.contracts.table import Table
from proxy.link.client import LinkClient, hello
from proxy.link.frames import Ack, Apply, FrameReader, Hello, Message, Records, Ticks
from proxy.link.outbox import MAX_UNSENT, Outbox
from tests.support.records import record

HELLO = Hello(0, "a", 7)
TICK = Tick(0, "a", 1, 5)


class Transport:
    """Keeps what is written; `unsent` bytes wait in it."""

    def __init__(self) -> None:
        self.reader, self.sent = FrameReader(), list[Message]()
        self.unsent = 0

    def write(self, data: bytes) -> None:
        self.sent += self.reader.feed(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent


class End:
    """A client, its outbox, and a clock by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tables: list[Table] = []
        self.outbox = Outbox(0, "a")
        self.client = LinkClient("nowhere", self.outbox, HELLO, self.tables.append, lambda: self.now)

    def connect(self) -> Transport:
        transport = Transport()
        self.client.connected(cast("asyncio.Transport", transport))
        return transport


def test_a_tick_that_was_not_acknowledged_is_said_again_after_hello() -> None:
    end = End()
    end.client.send_tick(TICK)
    assert end.connect().sent == [HELLO, Ticks(TICK)]
    end.client.disconnected()
    assert end.connect().sent == [HELLO, Ticks(TICK)]
    end.client.received(Ack(1, 0.25))
    assert end.connect().sent == [HELLO]
    assert (end.client.sample, end.outbox.may_tick) == (0.25, True)


def test_every_word_of_control_renews_the_lease() -> None:
    end, table = End(), Table(3, {}, ())
    for message in (Apply(table), Ack(1)):
        end.now += 5.0
        end.client.received(message)
        assert end.client.heard == end.now
    assert end.tables == [table]


def test_records_wait_without_a_connection_and_while_the_socket_is_full() -> None:
    end = End()
    end.outbox.put(record())
    end.client.send_records()
    transport = end.connect()
    transport.unsent = MAX_UNSENT + 1
    end.client.send_records()
    assert transport.sent == [HELLO]
    transport.unsent = 0
    end.client.send_records()
    assert transport.sent == [HELLO, Records(0, "a", [record()])]


def test_each_start_of_a_worker_is_another_incarnation() -> None:
    assert hello(2).worker == 2
    assert len({hello(2).incarnation for _ in range(100)}) == 100
