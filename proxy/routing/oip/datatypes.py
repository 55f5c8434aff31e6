"""The values of a tensor in its three forms: in JSON, typed (`contents` of gRPC), and raw (little endian, the same
bytes in both protocols). FP16 and BF16 have no typed form."""

from __future__ import annotations

import struct
from math import isfinite
from typing import Any, Final

from proxy.contracts.datatypes import CONTENTS_FIELDS, FLOAT_TYPES, LETTERS, WIDTHS
from proxy.routing.oip.wire import WireField, bytes_field, fields_of, signed, varint
from proxy.routing.protobuf import NotProtobuf

RAW_ALONE: Final = frozenset(WIDTHS) - frozenset(CONTENTS_FIELDS)
"""Datatypes that messages of gRPC have in raw contents alone."""

_LETTERS: Final = LETTERS | {"BF16": "H"}
"""Datatype to how `struct` writes it: of BF16 its bits."""

_WIDTHS: Final = WIDTHS
_CONTENTS: Final = CONTENTS_FIELDS
_FLOATS: Final = FLOAT_TYPES

MAX_VALUES: Final = 131_072
"""Values of a request, or of an answer, that are written anew: its worker does nothing else meanwhile. They are counted
before any is read."""

_NUMBERS: Final = frozenset((float, int, bool))

_AS_THEY_ARE: Final = {
    datatype: {bool} if datatype == "BOOL" else {int, float} if datatype in _FLOATS else {int} for datatype in _LETTERS
}
"""Datatype to the kinds of JSON's values that are written as they are."""


class TooMany(Exception):
    """More values than are written anew."""


class Unfit(Exception):
    """Values that are none of their datatype."""


def is_known(datatype: str) -> bool:
    """Whether the protocol has such a datatype."""
    return datatype in _LETTERS or datatype == "BYTES"


def checked(datatype: str, values: list[Any]) -> list[Any]:
    """The values of JSON as those of the datatype. Raises Unfit."""
    kinds = set(map(type, values))
    if datatype == "BYTES":
        if not kinds <= {str}:
            raise Unfit
        return values
    if kinds <= _AS_THEY_ARE[datatype]:
        return values
    return [_number(datatype, value) for value in values]


def _number(datatype: str, value: Any) -> Any:
    kind = type(value)
    if datatype == "BOOL":
        if kind is bool or value == 0 or value == 1:
            return bool(value)
    elif kind not in _NUMBERS:
        raise Unfit
    elif datatype in _FLOATS:
        return float(value)
    elif kind is not float or value.is_integer():
        return int(value)
    raise Unfit


def to_raw(datatype: str, values: list[Any]) -> bytes:
    """Checked values, raw. Raises Unfit: a number is beyond the datatype."""
    if datatype == "BYTES":
        texts = [value.encode() if isinstance(value, str) else value for value in values]
        return b"".join([struct.pack("<I", len(text)) + text for text in texts])
    try:
        if datatype == "BF16":
            return _bfloats(struct.pack(f"<{len(values)}f", *values))
        return struct.pack(f"<{len(values)}{_LETTERS[datatype]}", *values)
    except (struct.error, OverflowError) as error:
        raise Unfit from error


def _bfloats(raw: bytes) -> bytes:
    """The upper halves of numbers of 32 bits, rounded to even."""
    whole = struct.unpack(f"<{len(raw) // 4}I", raw)
    halves = [(bits if bits & 0x7F80_0000 == 0x7F80_0000 else bits + 0x7FFF + (bits >> 16 & 1)) >> 16 for bits in whole]
    return struct.pack(f"<{len(halves)}H", *halves)


def to_contents(datatype: str, values: list[Any]) -> bytes:
    """Checked values as typed contents, of a datatype that has such. Raises Unfit."""
    place = _CONTENTS[datatype]
    if datatype == "BYTES":
        return b"".join([bytes_field(place, value.encode()) for value in values])
    if not values:
        return b""
    raw = to_raw(datatype, values)  # so that both forms have the same bounds
    if datatype == "FP32" or datatype == "FP64":
        return bytes_field(place, raw)
    if min(values) >= 0 and max(values) < 0x80:
        return bytes_field(place, bytes(values))  # a byte each
    return bytes_field(place, b"".join([varint(value) for value in values]))


def from_raw(datatype: str, raw: bytes, most: int = MAX_VALUES) -> list[Any]:
    """The values of raw contents: numbers, or bytes. Raises NotProtobuf; TooMany: they are more than `most`."""
    if datatype == "BYTES":
        return _strings(raw, most)
    width = _WIDTHS.get(datatype, 0)
    if not width or len(raw) % width:
        raise NotProtobuf
    count = len(raw) // width
    if count > most:
        raise TooMany
    if datatype == "BF16":
        whole = bytearray(2 * len(raw))
        whole[2::4], whole[3::4] = raw[::2], raw[1::2]
        return list(struct.unpack(f"<{count}f", whole))
    return list(struct.unpack(f"<{count}{_LETTERS[datatype]}", raw))


def _strings(raw: bytes, most: int) -> list[Any]:
    values: list[Any] = []
    at, end = 0, len(raw)
    while at < end:
        begin = at + 4
        at = begin + int.from_bytes(raw[at:begin], "little")
        if at > end or begin > end:
            raise NotProtobuf
        if len(values) == most:
            raise TooMany
        values.append(raw[begin:at])
    return values


def from_contents(datatype: str, contents: bytes, most: int = MAX_VALUES) -> list[Any]:
    """The values of typed contents: numbers, or bytes. Raises NotProtobuf; TooMany: they are more than `most`."""
    place = _CONTENTS.get(datatype, 0)
    if not place:
        raise NotProtobuf
    found: list[Any] = []
    for each in fields_of(contents):
        if each.number == place:
            _take(found, datatype, each, most - len(found))
        elif each.number <= len(_CONTENTS):
            raise NotProtobuf  # values of another datatype
    return found


def _take(found: list[Any], datatype: str, field: WireField, most: int) -> None:
    if datatype == "BYTES":
        if most < 1:
            raise TooMany
        found.append(field.message())
    elif datatype == "FP32" or datatype == "FP64":
        found += from_raw(datatype, field.fixed(_WIDTHS[datatype]), most)
    elif field.count() > most:
        raise TooMany
    else:
        numbers: list[int] = []
        field.numbers(numbers)
        found += [_whole(datatype, number) for number in numbers]


def _whole(datatype: str, number: int) -> Any:
    if datatype == "BOOL":
        return number != 0
    if datatype == "UINT64":
        return number
    if datatype == "INT64":
        return signed(number)
    low = number & 0xFFFF_FFFF
    return low if datatype.startswith("U") else low - (low >> 31 << 32)


def to_json(datatype: str, values: list[Any]) -> list[Any]:
    """Values as JSON has them: what is no number there is null, as servers of REST write it. Raises
    UnicodeDecodeError: bytes that are no text."""
    if datatype == "BYTES":
        return [value.decode() for value in values]
    if datatype in _FLOATS:
        return [value if isfinite(value) else None for value in values]
    return values
