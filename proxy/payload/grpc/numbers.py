"""Repeated numbers of a protocol buffer. A writer may pack them into one field, or write a field for each, or both
(protobuf "Packed Repeated Fields"): the values are the same."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack
from typing import Any

import numpy as np

from proxy.payload.grpc.wire import BYTES, FIXED32, FIXED64, MAX_VARINT, VARINT, WireValue, varint
from proxy.payload.reading import Unreadable

FEW = 64
"""Bytes of packed varints below which numpy costs more than it saves."""

_SIGN, _ALL = 1 << 63, 1 << 64


class Numbers:
    """The kind of a repeated field. `kind`: its wire type where it is not packed."""

    __slots__ = ("_read", "_width", "kind")

    def __init__(self, kind: int, read: Callable[[bytes], list[Any]], width: int = 1) -> None:
        self.kind, self._read, self._width = kind, read, width

    def packed(self, data: bytes) -> list[Any]:
        """The numbers of one packed field. Raises Unreadable, `binary`."""
        return self._read(data)

    def take(self, values: list[Any], kind: int, value: WireValue, most: int) -> None:
        """Adds the numbers of one field. Raises Unreadable: `binary`, or `too_many_values` beyond `most` in all."""
        if isinstance(value, int):
            if self.kind != VARINT:
                raise Unreadable("binary")
            values += self._read(_encoded(value))
        elif kind == BYTES or kind == self.kind:
            if len(value) > (most - len(values)) * (self._width if self._width > 1 else MAX_VARINT):
                raise Unreadable("too_many_values")
            values += self._read(value)
        else:
            raise Unreadable("binary")
        if len(values) > most:
            raise Unreadable("too_many_values")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _fixed(letter: str, width: int) -> Callable[[bytes], list[Any]]:
    def read(data: bytes) -> list[Any]:
        if len(data) % width:
            raise Unreadable("binary")
        return list(unpack(f"<{len(data) // width}{letter}", data))

    return read


def _unsigned(data: bytes) -> list[int]:
    """Packed varints as numbers of 64 bits."""
    if len(data) > FEW:
        many: list[int] = _many(data).tolist()
        return many
    values, at, end = [], 0, len(data)
    while at < end:
        byte = data[at]
        if byte < 0x80:
            values.append(byte)
            at += 1
        else:
            value, at = varint(data, at)
            values.append(value)
    return values


def _many(data: bytes) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The same, all at once: seven bits of each place at a time."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    if not len(ends) or ends[-1] != len(octets) - 1:
        raise Unreadable("binary")
    begins = np.concatenate(([0], ends[:-1] + 1))
    widths = ends - begins + 1
    if widths.max() > MAX_VARINT:
        raise Unreadable("binary")
    values = np.zeros(len(ends), np.uint64)
    for place in range(int(widths.max())):
        there = np.flatnonzero(widths > place)
        septets = (octets[begins[there] + place] & 0x7F).astype(np.uint64)
        values[there] |= septets << np.uint64(7 * place)
    return values


def _signed(data: bytes) -> list[int]:
    """Two's complement: a negative number has all ten bytes, whatever its width."""
    return [value - _ALL if value >= _SIGN else value for value in _unsigned(data)]


def _short(data: bytes) -> list[int]:
    """Numbers of 32 bits: a parser drops what is above them."""
    return [(value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000 for value in _unsigned(data)]


BOOL = Numbers(VARINT, lambda data: [value != 0 for value in _unsigned(data)])
INT32 = Numbers(VARINT, _short)
INT64 = Numbers(VARINT, _signed)
UINT32 = Numbers(VARINT, lambda data: [value & 0xFFFF_FFFF for value in _unsigned(data)])
UINT64 = Numbers(VARINT, _unsigned)
FLOAT = Numbers(FIXED32, _fixed("f", 4), 4)
DOUBLE = Numbers(FIXED64, _fixed("d", 8), 8)
