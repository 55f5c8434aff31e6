"""Fields of a protocol buffer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.grpc.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    MAX_FIELDS,
    MAX_GROUP_FIELDS,
    MAX_GROUPS,
    VARINT,
    fields_in,
    located,
    varint,
)
from proxy.payload.reading import Unreadable


def encoded(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def tag(number: int, kind: int) -> bytes:
    return encoded(number << 3 | kind)


numbers = st.integers(1, (1 << 29) - 1)
fields = st.one_of(
    st.tuples(numbers, st.just(VARINT), st.integers(0, (1 << 64) - 1)),
    st.tuples(numbers, st.just(BYTES), st.binary(max_size=300)),
    st.tuples(numbers, st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    st.tuples(numbers, st.just(FIXED32), st.binary(min_size=4, max_size=4)),
)


def written(number: int, kind: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return tag(number, kind) + encoded(value)
    return tag(number, kind) + (encoded(len(value)) if kind == BYTES else b"") + value


@given(st.lists(fields, max_size=6))
def test_what_was_written_is_read(made: list[tuple[int, int, int | bytes]]) -> None:
    assert list(fields_in(b"".join(written(*field) for field in made))) == made


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(data: bytes) -> None:
    try:
        found = list(fields_in(data))
    except Unreadable as error:
        assert error.reason in ("binary", "too_many_values")
    else:
        assert all(number > 0 for number, _, _ in found)


def group(depth: int, inside: bytes = b"") -> bytes:
    return inside if not depth else tag(9, 3) + group(depth - 1, inside) + tag(9, 4)


def test_a_group_is_passed_over_within_its_bound() -> None:
    inside = (
        written(1, VARINT, 7) + written(2, BYTES, b"x") + written(3, FIXED32, b"1234") + written(4, FIXED64, bytes(8))
    )
    after = written(5, VARINT, 1)
    assert list(fields_in(group(MAX_GROUPS, inside) + after)) == [(5, VARINT, 1)]
    with pytest.raises(Unreadable):
        list(fields_in(group(MAX_GROUPS + 1) + after))


@pytest.mark.parametrize(
    "data",
    [
        tag(9, 3) + tag(8, 4),
        tag(9, 3) + b"\x08",
        tag(9, 3) + tag(1, BYTES) + b"\x05x",
        tag(9, 3) + tag(1, 6),
        tag(9, 3),
        tag(9, 4),
        b"\x00\x00",
        tag(1, 7),
        tag(1, BYTES) + b"\x02x",
        tag(1, FIXED64) + bytes(7),
        tag(1, FIXED32) + bytes(3),
        b"\xff" * 11,
        b"\x80",
    ],
)
def test_what_is_no_field_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable, match="binary"):
        list(fields_in(data))


def test_a_varint_has_at_most_ten_bytes_of_which_64_bits_count() -> None:
    assert varint(b"\xff" * 9 + b"\x7f", 0) == ((1 << 64) - 1, 10)
    with pytest.raises(Unreadable):
        varint(b"\xff" * 10 + b"\x01", 0)


@given(st.integers(MAX_FIELDS - 2, MAX_FIELDS + 2), st.sampled_from([b"\x78\x00", b"\x7a\x00", b"\x7a\x01x"]))
def test_fields_are_counted_whatever_their_size(count: int, field: bytes) -> None:
    for walk in (fields_in(field * count), located(field * count, 0, len(field) * count)):
        if count <= MAX_FIELDS:
            assert sum(1 for _ in walk) == count
        else:
            with pytest.raises(Unreadable, match="too_many_values"):
                list(walk)


def test_those_of_a_group_are_counted_too() -> None:
    assert list(fields_in(group(1, b"\x78\x00" * (MAX_GROUP_FIELDS - 1)))) == []
    with pytest.raises(Unreadable, match="too_many_values"):
        list(fields_in(group(1, b"\x78\x00" * MAX_GROUP_FIELDS)))
