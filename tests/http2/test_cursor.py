"""Where in a client's bytes the frames are."""

from __future__ import annotations

from math import inf

import pytest
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.cursor import FrameCursor

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = frames.HeadersFrame(1, data=b"abc", flags=["END_HEADERS"]).serialize()
OPEN_HEAD = frames.HeadersFrame(1, data=b"abc").serialize()
MORE = frames.ContinuationFrame(1, data=b"abc").serialize()
LAST = frames.ContinuationFrame(1, data=b"", flags=["END_HEADERS"]).serialize()
PING = frames.PingFrame(0, opaque_data=b"12345678").serialize()
DATA = frames.DataFrame(1, data=b"abc").serialize()


def since(*pieces: bytes) -> float:
    """Which piece, from 1 on, began what has not ended."""
    cursor = FrameCursor()
    cursor.follow(PREFACE, 0.0)
    for at, piece in enumerate(pieces):
        cursor.follow(piece, at + 1.0)
    return cursor.since


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((HEAD,), inf),
        ((PING, HEAD[:5]), 2.0),
        ((HEAD[:5], HEAD[5:11]), 1.0),
        ((HEAD[:5], HEAD[5:]), inf),
        ((OPEN_HEAD,), 1.0),
        ((OPEN_HEAD, MORE, MORE), 1.0),
        ((OPEN_HEAD, MORE, LAST), inf),
        ((OPEN_HEAD + LAST, HEAD[:-1]), 2.0),
        ((HEAD + OPEN_HEAD,), 1.0),
        ((DATA[:10], DATA[10:11]), inf),
        ((DATA[:10], DATA[10:] + PING[:12]), 2.0),
    ],
)
def test_what_has_not_ended_is_told_since_it_began(pieces: tuple[bytes, ...], expected: float) -> None:
    assert since(*pieces) == expected


def test_a_preface_that_stops_counts_as_well() -> None:
    cursor = FrameCursor()
    cursor.follow(PREFACE[:10], 1.0)
    assert (cursor.since, cursor.size) == (1.0, 10)


@given(st.lists(st.sampled_from([HEAD, PING, DATA, OPEN_HEAD + MORE + LAST]), max_size=8), st.data())
def test_whole_frames_however_they_are_cut_leave_nothing_open(whole: list[bytes], data: st.DataObject) -> None:
    sent, cursor, at = PREFACE + b"".join(whole), FrameCursor(), 0
    while at < len(sent):
        step = data.draw(st.integers(1, 12))
        cursor.follow(sent[at : at + step], 1.0)
        at += step
    assert (cursor.since, cursor.size) == (inf, 0)


def test_frames_that_ask_for_nothing_are_counted_and_those_that_are_answered_twice() -> None:
    window = frames.WindowUpdateFrame(1, window_increment=1).serialize()
    unknown = bytes((0, 0, 0, 0xEE, 0, 0, 0, 0, 0))
    settings = frames.SettingsFrame(0).serialize()
    cursor = FrameCursor()
    for byte in PREFACE + settings + HEAD + OPEN_HEAD + MORE + LAST + DATA + window + unknown + PING:
        cursor.follow(bytes([byte]), 1.0)
    assert cursor.idle == 2 + 1 + 1 + 2
