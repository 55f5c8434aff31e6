"""A text in a protocol buffer, by the numbers of the fields that lead to it (protobuf "Encoding").

1. Fields come in any order and more than once. The last text counts; messages of one field are merged, so that the
   last text of any of them does. Fields of other numbers, and of another wire type than they should have, are passed
   over.
2. Everything is bounded: fields (`MAX_FIELDS`), groups within groups (`MAX_GROUPS`), and no length leads beyond the
   message.
3. Of a message that is cut only its beginning is read.
"""

from __future__ import annotations

from typing import Final

MAX_FIELDS: Final = 4_096
"""Fields of a message that are looked at, in all of its levels: the widest request that is analysed has an eighth."""

MAX_GROUPS: Final = 100
"""As deep as parsers of protocol buffers go."""

MAX_VARINT: Final = 10
"""Bytes: of 64 bits, seven at a time."""

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_GROUP: Final = 3
_GROUP_END: Final = 4
_FIXED32: Final = 5


class NotProtobuf(Exception):
    """What is to be read is no protocol buffer."""


class Costly(Exception):
    """The message has too many fields."""


class _Ended(Exception):
    """A field leads beyond the end of the message."""


def last_text(data: bytes, place: list[int], whole: bool = True) -> str:
    """The text at `place`, "" where there is none. Raises NotProtobuf, Costly. `whole`: `data` is all of it."""
    parts, walk = [data], _Walk(whole)
    for number in place:
        parts = walk.values(parts, number)
    try:
        return parts[-1].decode() if parts else ""
    except UnicodeDecodeError as error:
        raise NotProtobuf from error


class _Walk:
    """A walk through the fields of a message. `whole`: the end of the message is its own."""

    __slots__ = ("_left", "_whole")

    def __init__(self, whole: bool) -> None:
        self._left, self._whole = MAX_FIELDS, whole

    def values(self, parts: list[bytes], number: int) -> list[bytes]:
        """The values of a field of messages or texts in all of the messages `parts`."""
        found: list[bytes] = []
        for part in parts:
            try:
                self._walk(part, number, found)
            except _Ended as error:
                if self._whole:
                    raise NotProtobuf from error
        return found

    def _walk(self, data: bytes, wanted: int, found: list[bytes]) -> None:
        at, end = 0, len(data)
        groups: list[int] = []
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Costly
            tag, at = _varint(data, at)
            number, kind = tag >> 3, tag & 7
            if not number or tag >> 32:
                raise NotProtobuf
            if kind == _BYTES:
                size, at = _varint(data, at)
                if size > end - at:
                    raise _Ended
                if number == wanted and not groups:
                    found.append(data[at : at + size])
                at += size
            elif kind == _VARINT:
                _, at = _varint(data, at)
            elif kind == _FIXED64:
                at += 8
            elif kind == _FIXED32:
                at += 4
            else:
                _group(groups, number, kind)
        if at > end or groups:
            raise _Ended


def _group(groups: list[int], number: int, kind: int) -> None:
    """A group begins or ends; what is within it is no field of the message."""
    if kind == _GROUP and len(groups) < MAX_GROUPS:
        groups.append(number)
    elif kind != _GROUP_END or not groups or groups.pop() != number:
        raise NotProtobuf


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where it ends."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    for byte in data[at : at + MAX_VARINT]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    if shift == 7 * MAX_VARINT:
        raise NotProtobuf
    raise _Ended
