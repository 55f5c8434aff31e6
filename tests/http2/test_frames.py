"""Frames as bytes, against hyperframe."""

from __future__ import annotations

from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.frames import (
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE,
    MAX_REMEMBERED,
    _begun,
    begun,
    frame,
    headers_frames,
    settings_frame,
)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=20))
def test_a_frame_says_what_it_is(kind: int, flags: int, stream: int, payload: bytes) -> None:
    data = frame(kind, flags, stream, payload)
    assert len(data) == 9 + len(payload) and data[9:] == payload
    assert (int.from_bytes(data[:3], "big"), data[3], data[4]) == (len(payload), kind, flags)
    assert int.from_bytes(data[5:9], "big") == stream


def test_settings() -> None:
    assert settings_frame({3: 100, 4: 65_536}) == frames.SettingsFrame(0, settings={3: 100, 4: 65_536}).serialize()


@given(st.integers(0, 3 * FRAME_SIZE + 1))
def test_a_block_is_cut_into_frames_of_which_the_last_one_says_so(size: int) -> None:
    data, kinds, flags, block, at = headers_frames(bytes(size), END_STREAM, (7).to_bytes(4, "big")), [], [], b"", 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        assert length <= FRAME_SIZE and data[at + 5 : at + 9] == b"\0\0\0\7"
        kinds.append(data[at + 3])
        flags.append(data[at + 4])
        block += data[at + 9 : at + 9 + length]
        at += 9 + length
    assert block == bytes(size)
    assert kinds == [1] + [9] * (len(kinds) - 1)
    assert flags[0] & END_STREAM and flags[-1] & END_HEADERS
    assert not any(each & END_HEADERS for each in flags[:-1])


def test_beginnings_that_are_remembered_are_bounded() -> None:
    for length in range(2 * MAX_REMEMBERED):
        assert begun(length, 1, 4) == length.to_bytes(3, "big") + b"\1\4"
    assert len(_begun) <= MAX_REMEMBERED
