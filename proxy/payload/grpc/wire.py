"""The fields of one protocol buffer, in the order of the wire (protobuf "Encoding").

1. Fields come in any order and more than once; unknown ones are passed over, groups included.
2. Everything is bounded: a varint has at most ten bytes, groups within groups are `MAX_GROUPS` deep, no length leads
   beyond the message, and fields are counted: two bytes are enough for one, and megabytes of them cost seconds.
3. The serialised form is not canonical: messages are compared by what they say, never by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from proxy.payload.reading import Unreadable

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
"""Wire types."""

WIDTHS = {FIXED64: 8, FIXED32: 4}
"""Bytes of the types of fixed width."""

MAX_GROUPS = 4
MAX_VARINT = 10
"""Bytes: of 64 bits, seven at a time."""

MAX_FIELDS = 4_096
"""Fields of one message beside the values of its tensors: 256 tensors, their contents, and parameters."""
LEAST = 2
"""Bytes of the smallest field."""
MAX_GROUP_FIELDS = 64
"""Fields of a group, and those of the groups in it: nobody has written any since proto2."""

Found = TypeVar("Found")
WireValue = int | bytes
"""A varint as an unsigned number of 64 bits; anything else as its bytes."""


def fields_in(data: bytes, most: int = MAX_FIELDS) -> Iterator[tuple[int, int, WireValue]]:
    """(number, wire type, value) of each field, groups left out. Raises Unreadable, `binary`; `too_many_values` beyond
    `most` fields."""
    found = _fields(data)
    return found if len(data) <= LEAST * most else _within(found, most)


def _within(found: Iterator[Found], most: int) -> Iterator[Found]:
    for count, each in enumerate(found):
        if count == most:
            raise Unreadable("too_many_values")
        yield each


def _fields(data: bytes) -> Iterator[tuple[int, int, WireValue]]:
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise Unreadable("binary")
        if kind == BYTES:
            if at < end and data[at] < 0x80:
                size, at = data[at], at + 1
            else:
                size, at = varint(data, at)
            begin, at = at, at + size
            if at > end:
                raise Unreadable("binary")
            yield number, kind, data[begin:at]
        elif kind == VARINT:
            value, at = varint(data, at)
            yield number, kind, value
        elif kind in WIDTHS:
            begin, at = at, at + WIDTHS[kind]
            if at > end:
                raise Unreadable("binary")
            yield number, kind, data[begin:at]
        elif kind == GROUP:
            at = _behind_group(data, at, number)
        else:
            raise Unreadable("binary")


def located(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, begin, end) of each field in a part of `data`, the bounds of its value. Raises Unreadable,
    `binary`, for a group as well; `too_many_values` beyond `MAX_FIELDS`."""
    found = _located(data, at, end)
    return found if end - at <= LEAST * MAX_FIELDS else _within(found, MAX_FIELDS)


def _located(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    while at < end:
        tag, at = varint(data, at)
        number, kind, begin = tag >> 3, tag & 7, at
        if kind == BYTES:
            size, begin = varint(data, at)
            at = begin + size
        elif kind == VARINT:
            _, at = varint(data, at)
        elif kind in WIDTHS:
            at += WIDTHS[kind]
        else:
            raise Unreadable("binary")
        if at > end or not number:
            raise Unreadable("binary")
        yield number, kind, begin, at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, as an unsigned number of 64 bits, and where it ends. Raises Unreadable, `binary`."""
    value = shift = 0
    for byte in data[at : at + MAX_VARINT]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise Unreadable("binary")


def _behind_group(data: bytes, at: int, number: int) -> int:
    """Where the group with `number` ends, whose first field is at `at`."""
    open_groups, end, count = [number], len(data), 0
    while open_groups:
        count += 1
        if count > MAX_GROUP_FIELDS:
            raise Unreadable("too_many_values")
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == GROUP:
            open_groups.append(number)
            if len(open_groups) > MAX_GROUPS:
                raise Unreadable("binary")
        elif kind == GROUP_END:
            if open_groups.pop() != number:
                raise Unreadable("binary")
        elif kind == VARINT:
            _, at = varint(data, at)
        elif kind == BYTES:
            size, at = varint(data, at)
            at += size
        elif kind in WIDTHS:
            at += WIDTHS[kind]
        else:
            raise Unreadable("binary")
        if at > end or not number:
            raise Unreadable("binary")
    return at
