"""What of a client's bytes is half sent, and what asks for nothing."""

from __future__ import annotations

from math import inf

import pytest
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.bounds import Http2Bounds
from proxy.http2.codes import FRAME_SIZE_ERROR, NAMES, PROTOCOL_ERROR, Http2Error
from proxy.http2.frames import PREFACE, SETTINGS, frame
from tests.http2.test_engine import Noted

BLOCK = b"\x83\x86\x84\x01\x01x"  # POST, http, /, and an authority
GREETING = PREFACE + frames.SettingsFrame(0).serialize()
BEGUN = GREETING + frames.HeadersFrame(1, data=BLOCK, flags=["END_HEADERS"]).serialize()
HEAD = frames.HeadersFrame(3, data=BLOCK, flags=["END_HEADERS"]).serialize()
OPEN_HEAD = frames.HeadersFrame(3, data=BLOCK[:2]).serialize()
MORE = frames.ContinuationFrame(3, data=BLOCK[2:5]).serialize()
LAST = frames.ContinuationFrame(3, data=BLOCK[5:], flags=["END_HEADERS"]).serialize()
PING = frames.PingFrame(0, opaque_data=b"12345678").serialize()
DATA = frames.DataFrame(1, data=b"abc").serialize()
PADDED = frames.DataFrame(1, data=b"abc", pad_length=5, flags=["PADDED"]).serialize()


def fed(*pieces: bytes) -> Noted:
    """A server that reads the pieces, the first at 0, with stream 1 open."""
    server = Noted(client=False)
    for at, piece in enumerate((BEGUN, *pieces)):
        server.feed(piece, float(at))
    return server


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((HEAD,), inf),
        ((PING, HEAD[:5]), 2.0),
        ((HEAD[:5], HEAD[5:11]), 1.0),
        ((HEAD[:5], HEAD[5:]), inf),
        ((HEAD[:5], HEAD[5:] + PING[:12]), 2.0),
        ((OPEN_HEAD,), 1.0),
        ((OPEN_HEAD, MORE, MORE), 1.0),
        ((OPEN_HEAD, MORE, LAST), inf),
        ((OPEN_HEAD + MORE + LAST, HEAD[:-1]), 2.0),
        ((HEAD + OPEN_HEAD,), 1.0),
        ((DATA[:10], DATA[10:11]), inf),
        ((DATA[:10], DATA[10:] + PING[:12]), 2.0),
        ((PADDED[:11], PADDED[11:13]), inf),
    ],
)
def test_what_has_not_ended_is_told_since_it_began(pieces: tuple[bytes, ...], expected: float) -> None:
    assert fed(*pieces).since == expected


def test_a_preface_that_stops_counts_as_well() -> None:
    server = Noted(client=False)
    server.feed(PREFACE[:10], 1.0)
    assert (server.since, server.size) == (1.0, 10)


@given(st.lists(st.sampled_from([HEAD, PING, DATA, PADDED, OPEN_HEAD + MORE + LAST]), max_size=8), st.data())
def test_whole_frames_however_they_are_cut_leave_nothing_open(whole: list[bytes], data: st.DataObject) -> None:
    sent, server, at = BEGUN + b"".join(whole), Noted(client=False), 0
    while at < len(sent):
        step = data.draw(st.integers(1, 12))
        server.feed(sent[at : at + step], 1.0)
        at += step
    assert (server.since, server.size) == (inf, 0)


def test_frames_that_ask_for_nothing_are_counted_and_those_that_are_answered_twice() -> None:
    window = frames.WindowUpdateFrame(1, window_increment=1).serialize()
    unknown = bytes((0, 0, 0, 0xEE, 0, 0, 0, 0, 0))
    server = Noted(client=False)
    for byte in BEGUN + OPEN_HEAD + MORE + LAST + DATA + window + unknown + PING:
        server.feed(bytes([byte]), 1.0)
    assert server.idle == 2 + 1 + 1 + 2


def test_a_part_of_a_body_is_handed_over_as_it_comes_and_its_end_with_the_last() -> None:
    data = frames.DataFrame(1, data=b"abcdef", flags=["END_STREAM"]).serialize()
    server = fed(data[:12])
    assert server.of("data") == [(1, b"abc", False)]
    server.feed(data[12:], 2.0)
    assert server.of("data") == [(1, b"abcdef", True)]


@pytest.mark.parametrize("count", [0, 1, 32])
def test_each_setting_of_a_frame_counts_as_idle(count: int) -> None:
    server = fed(b"")
    before, entry = server.idle, b"\x00\x04\x00\x01\x00\x00"
    server.feed(frame(SETTINGS, 0, 0, entry * count), 1.0)
    assert server.idle == before + 2 + count


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (PING, PROTOCOL_ERROR),
        (frames.SettingsFrame(0, flags=["ACK"]).serialize(), PROTOCOL_ERROR),
        (b"\xff" + bytes(8), FRAME_SIZE_ERROR),
    ],
    ids=["a ping", "an acknowledgement", "too much"],
)
def test_settings_come_first(first: bytes, code: int) -> None:
    with pytest.raises(Http2Error) as caught:
        Noted(client=False).feed(PREFACE + first, 0.0)
    assert caught.value.code == code


def test_a_block_is_held_as_it_came_and_no_longer_than_its_bounds() -> None:
    server = fed(OPEN_HEAD)
    piece = frames.ContinuationFrame(3, data=b"\xbe" * 16_384).serialize()
    with pytest.raises(Http2Error):
        server.feed(piece * 100, 1.0)
    assert sum(map(len, server._block)) <= (Http2Bounds().continuations + 1) * 16_384


ANY = st.builds(
    frame,
    st.integers(0, 10),
    st.integers(0, 255),
    st.sampled_from([0, 1, 1, 2, 3, 5, 2**31 - 1]),
    st.one_of(st.binary(max_size=40), st.sampled_from([BLOCK, b"\x88", bytes(4), bytes(8), b"\0\0\0\1"])),
)


@given(st.booleans(), st.lists(ANY, max_size=12), st.binary(max_size=30))
def test_any_frames_are_read_or_end_the_connection_by_a_code(client: bool, said: list[bytes], rest: bytes) -> None:
    it = Noted(client)
    if client:
        it.request([(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x")], True)
    it.take()
    try:
        it.feed(b"".join([b"" if client else PREFACE, frames.SettingsFrame(0).serialize(), *said, rest]), 0.0)
    except Http2Error as error:
        assert error.code in NAMES
        it.goaway(error.code)
    it.take()
    assert not it._closing and not it._control
