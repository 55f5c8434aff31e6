"""Heads of pictures: what they say is told, whatever they claim; what is none is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.pictures.head import MAX_SEGMENTS, READERS, head_of, segments
from tests.payload.painted import HEADS, bmp, jpeg, png, segment

WHOLE = {
    "png": png([b"\1\2\3"], 1),
    "jpeg": jpeg([[0] * 12]),
    "bmp": bmp([b"\1\2\3"], 1),
    **HEADS,
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("png", ("png", 1, 1, 3, 8)),
        ("jpeg", ("jpeg", 640, 480, 1, 8)),
        ("bmp", ("bmp", 1, 1, 3, 8)),
        ("gif", ("gif", 640, 480, 3, 8)),
        ("webp", ("webp", 640, 480, 3, 8)),
        ("webp extended", ("webp", 640, 480, 4, 8)),
        ("webp lossless", ("webp", 640, 480, 4, 8)),
        ("tiff", ("tiff", 640, 480, 3, 8)),
    ],
)
def test_what_a_head_says(name: str, told: tuple[str, int, int, int, int]) -> None:
    assert head_of(WHOLE[name]) == told


def test_what_is_no_picture() -> None:
    for data in (b"", b"<html>", b"\x89PNG", b"RIFF\0\0\0\0WAVEfmt ", b"BM what begins a text, too", b'{"a": 1}'):
        assert head_of(data) is None


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 700))
def test_a_head_that_is_cut_off_says_the_same_or_nothing(name: str, end: int) -> None:
    whole, cut = head_of(WHOLE[name]), head_of(WHOLE[name][:end])
    assert whole is not None
    if cut is not None:
        assert cut.format == whole.format
        for told, cut_off in zip(whole[1:], cut[1:], strict=True):
            assert cut_off in (told, 1) or math.isnan(cut_off)


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=300))
def test_anything_behind_the_first_bytes_is_read_or_none(magic: bytes, rest: bytes) -> None:
    head = head_of(magic + rest)
    assert head is None or head.format


def test_segments_without_end_are_not_followed() -> None:
    for filler in (segment(0xE0, b""), b"\xff\xe0\0\0", b"\xff" * 9 + segment(0xE0, b"a")):
        assert len(segments(b"\xff\xd8" + filler * (1 << 16))) == MAX_SEGMENTS
    assert segments(b"\xff" * (1 << 20)) == []
