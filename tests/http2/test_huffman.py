"""The code of HPACK's strings, against hpack, the reference."""

from __future__ import annotations

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from proxy.http2.huffman import decoded

ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


@given(st.binary(max_size=60))
def test_whatever_is_written_is_read(data: bytes) -> None:
    assert decoded(ENCODER.encode(data)) == data


def test_every_symbol_is_read() -> None:
    for symbol in range(256):
        assert decoded(ENCODER.encode(bytes([symbol]) * 3)) == bytes([symbol]) * 3


def test_what_fills_the_last_byte_is_the_beginning_of_its_end_and_no_more() -> None:
    assert decoded(b"") == b""
    assert decoded(b"\x1f") == b"a"  # 00011, and ones
    assert decoded(b"\x18") is None  # 00011, and zeros
    assert decoded(b"\x1f\xff") is None  # a whole byte of ones
    assert decoded(b"\xff\xff\xff\xff") is None  # the end itself


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_are_none(data: bytes) -> None:
    value = decoded(data)
    if value is not None:
        assert ENCODER.encode(value) == data  # there is one way to write a string
