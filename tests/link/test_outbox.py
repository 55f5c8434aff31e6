"""Ticks are never dropped, records are, and every drop is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import Record, Tick
from proxy.link.frames import FrameReader, Records
from proxy.link.outbox import FRAME_BYTES, MAX_PART_BYTES, MAX_RECORD_BYTES, MAX_RECORDS, MAX_UNSENT, Outbox
from tests.support.records import record as made


def record(n: int = 1, request: bytes | None = None) -> Record:
    return made(exchange=n, request=request)


def test_records_go_out_in_order_once() -> None:
    outbox = Outbox(0, "abc")
    for n in range(5):
        outbox.put(record(n))
    (batch,) = FrameReader().feed(outbox.flush(0))
    assert isinstance(batch, Records)
    assert [r.exchange for r in batch.records] == list(range(5))
    assert outbox.flush(0) == b""


def test_too_many_records_are_dropped_and_counted() -> None:
    outbox = Outbox(0, "abc")
    for _ in range(MAX_RECORDS + 3):
        outbox.put(record())
    assert outbox.take_dropped() == {"outbox_full": 3}
    assert outbox.take_dropped() == {}


def test_too_many_bytes_are_dropped_and_counted() -> None:
    outbox = Outbox(0, "abc")
    outbox.put(record(request=b"x" * MAX_RECORD_BYTES))
    outbox.put(record())
    assert outbox.take_dropped() == {"outbox_full": 1}
    assert outbox.flush(0)
    outbox.put(record())
    assert outbox.take_dropped() == {}


def test_parts_leave_room_for_records_and_go_in_their_order() -> None:
    outbox, part = Outbox(0, "abc"), made(response=bytes(MAX_PART_BYTES // 4), partial=True)
    assert [outbox.put_part(part) for _ in range(5)] == [True, True, True, True, False]
    outbox.put(record(7))
    assert outbox.take_dropped() == {}
    reader, read = FrameReader(), list[Record]()
    while frame := outbox.flush(0):
        for message in reader.feed(frame):
            assert isinstance(message, Records)
            read += message.records
    assert [each.partial for each in read] == [True] * 4 + [False]


@given(st.lists(st.integers(0, 3 * FRAME_BYTES // 2), max_size=12))
def test_no_frame_is_larger_than_what_control_decodes_in_milliseconds(sizes: list[int]) -> None:
    outbox, reader, read = Outbox(0, "abc"), FrameReader(), list[Record]()
    for n, size in enumerate(sizes):
        outbox.put(record(n, bytes(size)))
    while frame := outbox.flush(0):
        assert len(frame) < FRAME_BYTES + max(sizes) + 1000
        for batch in reader.feed(frame):
            assert isinstance(batch, Records)
            read += batch.records
    assert len(read) + sum(outbox.take_dropped().values()) == len(sizes)
    assert [each.exchange for each in read] == sorted(each.exchange for each in read)
    outbox.put(record())
    assert outbox.flush(0) and not outbox.dropped  # what was sent waits no more


def test_records_wait_while_the_socket_is_full() -> None:
    outbox = Outbox(0, "abc")
    outbox.put(record())
    assert outbox.flush(MAX_UNSENT + 1) == b""
    assert outbox.flush(0)


def test_what_waits_is_known_here_and_in_the_socket() -> None:
    outbox = Outbox(0, "abc")
    outbox.put(record(request=b"x" * 1000))
    assert 1000 < outbox.waiting() < 2000
    frame = outbox.flush(70)
    assert outbox.waiting() == 70 + len(frame)
    outbox.flush(0)
    assert outbox.waiting() == 0


def test_a_tick_is_said_again_until_it_is_acknowledged() -> None:
    outbox = Outbox(0, "abc")
    tick = Tick(0, "abc", 1, 1)
    frame = outbox.tick(tick)
    assert not outbox.may_tick
    assert outbox.resend() == frame
    outbox.ack(7)
    assert not outbox.may_tick
    outbox.ack(1)
    assert outbox.may_tick and outbox.resend() == b""
