"""Fields of protocol buffers: what is written is read, and whatever else comes is refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.wire import bytes_field, fields_of, number_field, read_varint, signed, varint
from proxy.routing.protobuf import NotProtobuf


@given(st.integers(-(1 << 63), (1 << 64) - 1))
def test_a_number_comes_back(value: int) -> None:
    found, end = read_varint(varint(value), 0)
    assert end == len(varint(value)) and (found == value or signed(found) == value)


@given(st.integers(1, 1000), st.integers(0, 1 << 63), st.binary())
def test_fields_come_back(number: int, value: int, data: bytes) -> None:
    one, other = fields_of(number_field(number, value) + bytes_field(number, data))
    assert (one.number, one.value, other.message()) == (number, value, data)


@given(st.binary())
def test_whatever_comes_is_fields_or_none(data: bytes) -> None:
    try:
        assert all(each.number > 0 for each in fields_of(data))
    except NotProtobuf:
        return
