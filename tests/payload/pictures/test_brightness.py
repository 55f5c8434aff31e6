"""Brightness is the mean luminance of a bounded part; nothing that a picture claims makes it cost more."""

from __future__ import annotations

import math
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.pictures.brightness import brightness_of
from proxy.payload.pictures.head import head_of
from tests.payload.painted import bmp, chunk, jpeg, png

ROWS = st.integers(1, 6).flatmap(lambda width: st.lists(st.binary(min_size=3 * width, max_size=3 * width), min_size=1))
FILTERS = st.lists(st.integers(0, 4), min_size=1, max_size=5)


def of(data: bytes) -> float:
    head = head_of(data)
    assert head is not None
    return brightness_of(data, head)


def light(rows: list[bytes], weights: tuple[float, ...] = (0.299, 0.587, 0.114)) -> float:
    data = b"".join(rows)
    return sum(value * weights[at % len(weights)] for at, value in enumerate(data)) / (len(data) / len(weights)) / 255


@given(ROWS, FILTERS)
def test_of_a_png_whatever_its_rows_are_told_by(rows: list[bytes], filters: list[int]) -> None:
    assert of(png(rows, len(rows[0]) // 3, 2, filters)) == pytest.approx(light(rows))


@given(ROWS)
def test_of_other_colours(rows: list[bytes]) -> None:
    width = len(rows[0])
    assert of(png(rows, width, 0)) == pytest.approx(light(rows, (1.0,)))
    assert of(png([row + row for row in rows], width, 4)) == pytest.approx(
        light([(row + row)[::2] for row in rows], (1.0,))
    )
    palette = bytes([value for index in range(256) for value in (index, index, index)])
    assert of(png(rows, width, 3, palette=palette)) == pytest.approx(light(rows, (1.0,)))


@given(ROWS)
def test_of_a_bmp(rows: list[bytes]) -> None:
    assert of(bmp(rows, len(rows[0]) // 3)) == pytest.approx(light(rows, (0.114, 0.587, 0.299)))


def test_of_a_jpeg() -> None:
    assert of(jpeg([[0, 0]])) == pytest.approx(128 / 255)


def test_of_a_large_png_the_first_rows() -> None:
    dark, white = bytes(3 * 1000), b"\xff" * 3 * 1000
    assert of(png([dark] * 20 + [white] * 500, 1000)) == 0.0
    assert of(png([white] * 20 + [dark] * 500, 1000, 2, [4])) == pytest.approx(1.0)


def test_a_head_may_claim_what_it_likes() -> None:
    for width, height in ((100_000, 100_000), (1, 2**31 - 1), (2**31 - 1, 1), (0, 0), (0xFFFFFFFF, 0xFFFFFFFF)):
        data = bytearray(png([b"\x40\x40\x40"], 1))
        data[16:24] = struct.pack(">II", width, height)
        assert math.isnan(of(bytes(data))) or 0.0 <= of(bytes(data)) <= 1.0
        flat = bytearray(bmp([b"\x40\x40\x40"], 1))
        flat[18:26] = struct.pack("<II", width, height)
        assert math.isnan(of(bytes(flat))) or 0.0 <= of(bytes(flat)) <= 1.0


def test_a_bomb_is_not_unpacked() -> None:
    packed = zlib.compress(bytes(64 << 20), 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 5000, 5000, 8, 2, 0, 0, 0))
    assert of(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed)) == 0.0


PICTURES = [png([b"\1\2\3" * 9] * 9, 9, 2, [0, 1, 2, 3, 4]), bmp([b"\1\2\3" * 9] * 9, 9), jpeg([[5] * 40])]


@given(st.sampled_from(PICTURES), st.integers(0, 400), st.binary(max_size=4))
def test_any_cut_and_any_garbage_is_a_brightness_or_none(picture: bytes, at: int, garbage: bytes) -> None:
    for data in (picture[:at], picture[:at] + garbage + picture[at + len(garbage) :]):
        if (head := head_of(data)) is not None:
            found = brightness_of(data, head)
            assert math.isnan(found) or 0.0 <= found <= 1.0
