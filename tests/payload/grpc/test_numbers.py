"""Repeated numbers, against protobuf's own library."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.grpc.numbers import BOOL, DOUBLE, FEW, FLOAT, INT32, INT64, UINT32, UINT64, Numbers
from proxy.payload.grpc.wire import BYTES, FIXED32, FIXED64, VARINT, fields_in
from proxy.payload.reading import Unreadable
from tests.support.oip_messages import message

KINDS: dict[str, tuple[int, Numbers, st.SearchStrategy[Any]]] = {
    "bool_contents": (1, BOOL, st.booleans()),
    "int_contents": (2, INT32, st.integers(-(1 << 31), (1 << 31) - 1)),
    "int64_contents": (3, INT64, st.integers(-(1 << 63), (1 << 63) - 1)),
    "uint_contents": (4, UINT32, st.integers(0, (1 << 32) - 1)),
    "uint64_contents": (5, UINT64, st.integers(0, (1 << 64) - 1)),
    "fp32_contents": (6, FLOAT, st.floats(width=32, allow_nan=False)),
    "fp64_contents": (7, DOUBLE, st.floats(allow_nan=False)),
}


def read(numbers: Numbers, place: int, data: bytes, most: int = 10_000) -> list[Any]:
    found: list[Any] = []
    for number, kind, value in fields_in(data):
        assert number == place
        numbers.take(found, kind, value, most)
    return found


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_packed_or_not_the_values_are_those_of_the_oracle(name: str, data: st.DataObject) -> None:
    place, numbers, strategy = KINDS[name]
    values = data.draw(st.lists(strategy, max_size=40))
    packed = message("Contents", **{name: values}).SerializeToString()
    alone = b"".join(unpacked(message("Contents", **{name: [each]}).SerializeToString(), numbers) for each in values)
    assert read(numbers, place, packed) == read(numbers, place, alone) == values
    assert list(getattr(message("Contents").FromString(alone), name)) == values
    assert read(numbers, place, packed + alone) == values * 2


def unpacked(packed: bytes, numbers: Numbers) -> bytes:
    """A packed field of one value as a field of its own: the tag has another type, and there is no length."""
    return bytes([packed[0] & 0xF8 | numbers.kind]) + packed[2:]


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=FEW, max_size=200))
def test_many_varints_are_read_at_once(values: list[int]) -> None:
    packed = message("Contents", uint64_contents=values).SerializeToString()
    assert read(UINT64, 5, packed) == values


@given(st.binary(max_size=200))
def test_any_bytes_are_numbers_or_unreadable(data: bytes) -> None:
    for numbers in (BOOL, INT32, INT64, UINT32, UINT64, FLOAT, DOUBLE):
        found: list[Any] = []
        try:
            numbers.take(found, BYTES, data, 1000)
        except Unreadable as error:
            assert error.reason == "binary"
        else:
            assert len(found) <= len(data)


@pytest.mark.parametrize("length", [4, FEW + 4])
def test_a_varint_without_an_end_is_unreadable(length: int) -> None:
    with pytest.raises(Unreadable, match="binary"):
        UINT64.take([], BYTES, b"\x01" * length + b"\x80", 1000)
    with pytest.raises(Unreadable, match="binary"):
        UINT64.take([], BYTES, b"\x01" * length + b"\xff" * 11 + b"\x01", 1000)


@pytest.mark.parametrize("numbers", [INT64, DOUBLE])
def test_more_than_are_looked_at_are_not_read(numbers: Numbers) -> None:
    value = bytes(80)
    numbers.take([], BYTES, value, 80)
    with pytest.raises(Unreadable, match="too_many_values"):
        numbers.take([], BYTES, value, 9)
    with pytest.raises(Unreadable, match="too_many_values"):
        INT64.take([1, 2], VARINT, 3, 2)


def test_another_wire_type_is_unreadable() -> None:
    for numbers, kind, value in ((INT64, FIXED32, bytes(4)), (DOUBLE, FIXED32, bytes(4)), (FLOAT, FIXED64, bytes(8))):
        with pytest.raises(Unreadable, match="binary"):
            numbers.take([], kind, value, 9)
    with pytest.raises(Unreadable, match="binary"):
        DOUBLE.take([], VARINT, 1, 9)
