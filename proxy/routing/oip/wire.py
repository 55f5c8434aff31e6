"""Fields of protocol buffers, written and read (protobuf "Encoding"): those of the Open Inference Protocol have
varints, numbers of 64 bits and lengths. Reading is bounded: `MAX_FIELDS` in a message, no length leads beyond it."""

from __future__ import annotations

from typing import Final

from proxy.routing.protobuf import NotProtobuf

MAX_FIELDS: Final = 65_536
"""Fields of one message that are read: a text of a tensor is one."""

_CONTINUED: Final = bytes(range(0x80, 0x100))
"""All bytes of varints but their last ones."""

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_ALL: Final = 0xFFFF_FFFF_FFFF_FFFF


def varint(value: int) -> bytes:
    """A number of 64 bits; a negative one as its two's complement."""
    if 0 <= value < 0x80:
        return b"%c" % value
    value &= _ALL
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A field of a varint."""
    return varint(number << 3 | _VARINT) + varint(value)


def double_field(number: int, raw: bytes) -> bytes:
    """A field of eight bytes."""
    return varint(number << 3 | _FIXED64) + raw


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of bytes, of a text or of a message."""
    return varint(number << 3 | _BYTES) + varint(len(value)) + value


class WireField:
    """One field. `value`: of a varint; `data`: of anything else; `kind`: its wire type."""

    __slots__ = ("data", "kind", "number", "value")

    def __init__(self, number: int, kind: int, value: int, data: bytes) -> None:
        self.number, self.kind, self.value, self.data = number, kind, value, data

    def text(self) -> str:
        """As a text. Raises NotProtobuf."""
        try:
            return self.message().decode()
        except UnicodeDecodeError as error:
            raise NotProtobuf from error

    def message(self) -> bytes:
        """As bytes. Raises NotProtobuf."""
        if self.kind != _BYTES:
            raise NotProtobuf
        return self.data

    def numbers(self, found: list[int]) -> None:
        """Adds the varints of a repeated field, packed or not. Raises NotProtobuf."""
        if self.kind == _VARINT:
            found.append(self.value)
            return
        data = self.message()
        at, end = 0, len(data)
        while at < end:
            value, at = read_varint(data, at)
            found.append(value)

    def count(self) -> int:
        """How many varints a repeated field has, before any of them is read."""
        return 1 if self.kind == _VARINT else len(self.data.translate(None, _CONTINUED))

    def fixed(self, width: int) -> bytes:
        """The bytes of a repeated field of numbers of `width` bytes, packed or not. Raises NotProtobuf."""
        if self.kind not in (_BYTES, _FIXED64 if width == 8 else _FIXED32) or len(self.data) % width:
            raise NotProtobuf
        return self.data


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, unsigned, and where it ends. Raises NotProtobuf."""
    value = shift = 0
    end = len(data)
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _ALL, at
        shift += 7
    raise NotProtobuf


def signed(value: int) -> int:
    """A varint as a number of two's complement."""
    return value - _ALL - 1 if value > _ALL >> 1 else value


def fields_of(data: bytes) -> list[WireField]:
    """The fields of a message. Raises NotProtobuf, also for groups, which nobody has written since proto2."""
    found: list[WireField] = []
    at, end = 0, len(data)
    while at < end:
        tag, at = read_varint(data, at)
        number, kind, value, begin = tag >> 3, tag & 7, 0, at
        if kind == _VARINT:
            value, at = read_varint(data, at)
        elif kind == _BYTES:
            size, begin = read_varint(data, at)
            at = begin + size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotProtobuf
        if not number or at > end or len(found) == MAX_FIELDS:
            raise NotProtobuf
        found.append(WireField(number, kind, value, b"" if kind == _VARINT else data[begin:at]))
    return found
