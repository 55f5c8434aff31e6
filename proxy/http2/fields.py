"""A block of header fields, as heads carry it (`contracts.message`), and the list that HTTP/2 carries.

1. Names are lower case in HTTP/2 (RFC 9113 §8.2.1).
2. Fields for one connection have no place in it (RFC 9113 §8.2.2); `te: trailers` alone may be said.
3. Cookies come in crumbs, one for each field, and go on as one (RFC 9113 §8.2.3).
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.field_rules import HOP_BY_HOP
from proxy.http2.hpack_reader import NeverIndexed

FieldList = list[tuple[bytes, bytes]]
"""(name, value) of each field."""

COLON: Final = 0x3A
"""With which names of pseudo-fields begin."""

FIELD_OVERHEAD: Final = 32
"""Bytes that a field counts beside its name and value (RFC 9113 §6.5.2)."""

MOST_GROWTH: Final = 8
"""A list is less than so many times as large as its block: the least line, of a name and nothing, has 5 bytes."""

MAX_REMEMBERED: Final = 256
"""Blocks whose lists are remembered: those of answers repeat, as do those of health checks."""

MAX_REMEMBERED_BYTES: Final = 2_048

_remembered: dict[bytes, FieldList] = {}

_ID: Final = b"x-request-id: "


class FieldGroup:
    """Fields that are said again and again, one after the other: one object, which never changes."""

    __slots__ = ("fields",)

    def __init__(self, fields: FieldList) -> None:
        self.fields = fields


_groups: dict[bytes, FieldGroup] = {}
"""Of blocks."""


def listed(block: bytes) -> FieldList:
    """The fields of a block, names in lower case; hop-by-hop ones are left out. The list may be shared: it is not to be
    changed. A block that no table may keep is one of such values."""
    never = type(block) is NeverIndexed
    known = None if never else _remembered.get(block)
    if known is not None:
        return known
    fields: FieldList = []
    for line in block.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.lower()
        if name and name not in HOP_BY_HOP:
            value = value.strip(b" \t")
            fields.append((name, NeverIndexed(value) if never else value))
    if not never and len(block) <= MAX_REMEMBERED_BYTES:
        if len(_remembered) >= MAX_REMEMBERED:
            _remembered.clear()
        _remembered[block] = fields
    return fields


def group_of(block: bytes) -> FieldGroup:
    """The fields of a block that is said again and again."""
    if type(block) is NeverIndexed or len(block) > MAX_REMEMBERED_BYTES:
        return FieldGroup(listed(block))
    group = _groups.get(block)
    if group is None:
        if len(_groups) >= MAX_REMEMBERED:
            _groups.clear()
        group = _groups[block] = FieldGroup(listed(block))
    return group


def added(block: bytes) -> FieldList:
    """The fields of a block that this proxy adds to a head, as a list of its own. It mostly begins with an id, which is
    another one each time."""
    if block[: len(_ID)] != _ID:
        return listed(block).copy()
    end = block.index(b"\r\n", len(_ID))
    fields: FieldList = [(b"x-request-id", block[len(_ID) : end])]
    if len(block) > end + 2:
        fields += listed(block[end + 2 :])
    return fields


def block_of(fields: FieldList) -> bytes:
    """The block of a list of fields, as it stands."""
    parts: list[bytes] = []
    for name, value in fields:
        parts.append(name)
        parts.append(b": ")
        parts.append(value)
        parts.append(b"\r\n")
    return b"".join(parts)


def size_of(fields: tuple[tuple[bytes, bytes], ...]) -> int:
    """The size of a list of fields (RFC 9113 §6.5.2), in bytes."""
    size = len(fields) * FIELD_OVERHEAD
    for name, value in fields:
        size += len(name) + len(value)
    return size
