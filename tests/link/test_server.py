"""Control's end of the link without a socket: ticks once, hellos first, tables to whoever comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import cast
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.record import Tick
from proxy.contracts.table import Table
from proxy.link.backlog import MAX_PART, MAX_WAIT
from proxy.link.frames import Ack, Apply, FrameReader, Hello, Message, Records, Ticks, encode
from proxy.link.server import MAX_PUBLISHED, MAX_SILENT_LOOKS, TURN_SECONDS, LinkServer, _Connection
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
        self.heard: list[int | str] = []
        self.lost: list[tuple[str, int]] = []
        self.most, self.now = 1000, 0.0
        self.server = LinkServer(
            self.on_tick, self.on_records, 0, lambda reason, count: self.lost.append((reason, count)), lambda: self.now
        )

    def on_tick(self, tick: Tick) -> float:
        self.ticks.append(tick)
        self.heard.append(f"tick {tick.seq}")
        return 0.5

    def on_records(self, batch: Records) -> int:
        taken = batch.records[: self.most]
        self.batches.append(Records(batch.worker, batch.incarnation, taken))
        self.heard += [record.exchange for record in taken]
        self.now += TURN_SECONDS / 2
        return len(taken)

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
    server = LinkServer(lambda tick: 1.0, lambda batch: 1, expected=2)
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


def test_a_worker_follows_a_table_once_a_tick_says_so_and_the_time_until_then_is_kept() -> None:
    end = End()
    connection, _ = end.connect(HELLO)
    (status,) = end.server.workers
    end.now = 10.0
    end.server.publish(Table(4, {}, ()))
    connection.data_received(encode(Ticks(Tick(0, "a", 1, 3))))
    assert (status.follows(4), status.delays) == (False, {})
    end.now = 10.25
    connection.data_received(encode(Ticks(Tick(0, "a", 2, 4))))
    assert (status.follows(4), status.delays) == (True, {4: 0.25})
    end.now = 99.0
    connection.data_received(encode(Ticks(Tick(0, "a", 3, 4, leased=False))))
    assert (status.follows(4), status.delays) == (False, {4: 0.25})
    end.server.publish(Table(5, {}, ()))
    end.server.publish(Table(6, {}, ()))
    end.now = 100.0
    connection.data_received(encode(Ticks(Tick(0, "a", 4, 6))))
    assert status.delays == {4: 0.25, 5: 1.0, 6: 1.0}


def test_of_many_tables_the_newest_are_remembered() -> None:
    end = End()
    connection, _ = end.connect(HELLO)
    for revision in range(1, 3 * MAX_PUBLISHED):
        end.server.publish(Table(revision, {}, ()))
        connection.data_received(encode(Ticks(Tick(0, "a", revision, revision))))
    assert [*end.server.workers[0].delays] == [*range(2 * MAX_PUBLISHED, 3 * MAX_PUBLISHED)]


def test_a_worker_that_comes_later_is_no_slower_for_it() -> None:
    end = End()
    end.server.publish(Table(4, {}, ()))
    end.now = 3600.0
    connection, _ = end.connect(HELLO)
    end.now = 3600.5
    connection.data_received(encode(Ticks(Tick(0, "a", 1, 4))))
    assert end.server.workers[0].delays == {4: 0.5}


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


def records(numbers: Iterable[int], size: int = 0) -> Records:
    return Records(0, "a", [record(exchange=number, response=bytes(size)) for number in numbers])


def in_a_loop(do: Callable[[End], None]) -> End:
    async def main() -> End:
        end = End()
        do(end)
        while end.server._turn is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return end

    return asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=8), st.integers(1, 300))
def test_all_is_handed_on_in_order_a_part_at_a_time(sizes: list[int], most: int) -> None:
    messages: list[Message] = [HELLO]
    sent: list[int | str] = []
    for seq, size in enumerate(sizes, 1):
        numbers = range(1000 * seq, 1000 * seq + size)
        messages += [records(numbers), Ticks(Tick(0, "a", seq, 5))]
        sent += [*numbers, f"tick {seq}"]

    def send(end: End) -> None:
        end.most = most
        with patch("proxy.link.backlog.MAX_WAIT", inf):
            end.connect(*messages)

    with patch("proxy.link.backlog.MAX_WAIT", inf):
        end = in_a_loop(send)
    assert end.heard == sent
    assert not end.lost
    assert all(len(batch.records) <= min(most, MAX_PART) for batch in end.batches)


def test_between_two_parts_everything_else_has_its_turn() -> None:
    heard: list[int] = []

    def send(end: End) -> None:
        end.connect(HELLO, records(range(10 * MAX_PART)), Ticks(Tick(0, "a", 1, 5)))
        heard.append(len(end.heard))
        asyncio.get_running_loop().call_soon(lambda: heard.append(len(end.heard)))

    end = in_a_loop(send)
    assert heard == [2 * MAX_PART, 4 * MAX_PART]
    assert end.heard[-1] == "tick 1" and not end.lost


def test_a_tick_does_not_wait_for_records_that_nobody_gets_to() -> None:
    def send(end: End) -> None:
        end.connect(HELLO, records(range(10 * MAX_PART)), Ticks(Tick(0, "a", 1, 5)))
        end.now += 2 * MAX_WAIT

    end = in_a_loop(send)
    assert end.heard == [*range(2 * MAX_PART), "tick 1"]
    assert end.lost == [("backlog_late", 8 * MAX_PART)]


def test_what_has_come_is_handed_on_before_the_end() -> None:
    async def main() -> None:
        end = End()
        end.connect(HELLO, records(range(10 * MAX_PART)), Ticks(Tick(0, "a", 1, 5)))
        await end.server.close()
        assert end.heard == [*range(10 * MAX_PART), "tick 1"]

    asyncio.run(main())
