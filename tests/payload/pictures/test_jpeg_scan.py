"""The mean of a JPEG is that of its first blocks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.pictures.head import segments
from proxy.payload.pictures.jpeg_scan import MAX_SYMBOLS, mean_of
from tests.payload.painted import jpeg, segment

SHADES = st.lists(st.integers(-128, 127), min_size=1, max_size=30)
GREY = jpeg([[-28, 100, 3] * 20])


def light(shades: list[int]) -> float:
    return (128 + sum(shades) / len(shades)) / 255


@given(st.lists(SHADES, min_size=1, max_size=4), st.booleans())
def test_the_mean_of_all_blocks(intervals: list[list[int]], progressive: bool) -> None:
    shades = [shade for interval in intervals for shade in interval]
    assert mean_of(jpeg(intervals, progressive)) == pytest.approx(light(shades), abs=0.5 / 255 * (1 + len(intervals)))


def test_of_many_blocks_the_first() -> None:
    first = MAX_SYMBOLS // 2
    assert mean_of(jpeg([[-100] * first + [100] * 5000])) == pytest.approx(light([-100]))


@given(st.integers(0, len(GREY)), st.integers(0, 255))
def test_any_end_and_any_wrong_byte_is_read_or_nothing(at: int, wrong: int) -> None:
    for data in (GREY[:at], GREY[:at] + bytes((wrong,)) + GREY[at + 1 :]):
        mean = mean_of(data)
        assert math.isnan(mean) or 0.0 <= mean <= 1.0


def test_tables_that_mean_harm_are_none() -> None:
    """Two components without blocks would be read for ever; thousands of tables would be made."""
    none = GREY.replace(b"\x08\x01\xe0\x02\x80\x01\x01\x11\0", b"\x08\x01\xe0\x02\x80\x02\x01\0\0\x02\0\0")
    none = none.replace(b"\xff\xc0\0\x0b", b"\xff\xc0\0\x0e").replace(
        b"\xff\xda\0\x08\1\1\0", b"\xff\xda\0\x0a\2\1\0\2\0"
    )
    many = b"\xff\xd8" + segment(0xC4, (b"\0\1" + bytes(16)) * 3000) * 200
    for data in (none, many + GREY[2:9], b"\xff\xd8" + segment(0xC4, b"\0" + b"\xff" * 16) + GREY[2:]):
        assert math.isnan(mean_of(data))
    assert segments(none)[-1][0] == 0xDA


def test_what_is_not_read() -> None:
    four = GREY.replace(b"\x08\x01\xe0\x02\x80\x01", b"\x08\x01\xe0\x02\x80\x04")
    deep = GREY.replace(b"\x08\x01\xe0\x02\x80\x01", b"\x0c\x01\xe0\x02\x80\x01")
    arithmetic = GREY.replace(b"\xff\xc0", b"\xff\xc9")
    for data in (four, deep, arithmetic, b"\xff\xd8\xff\xd9"):
        assert data != GREY and math.isnan(mean_of(data))
