"""A block of header fields, as heads carry it (`contracts.message`), and the list that HTTP/2 carries.

1. Names are lower case in HTTP/2 (RFC 9113 §8.2.1).
2. Fields for one connection have no place in it (RFC 9113 §8.2.2); `te: trailers` alone may be said.
3. Cookies come in crumbs, one for each field, and go on as one (RFC 9113 §8.2.3).
"""

from __future__ import annotations

from typing import Any, Final

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

MAX_LINES: Final = 512
"""Fields whose lines are remembered: most are said in each head, and those that are not do no harm."""

MAX_LINE_BYTES: Final = 256

_lines: dict[Any, bytes] = {}


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


def block_of(fields: FieldList) -> bytes:
    """The block of a list of fields, as it stands."""
    pairs: Any = fields  # a pair that is only ever an `Any` is not made again
    return b"".join([_lines.get(pair) or _line(pair) for pair in pairs])


def _line(pair: Any) -> bytes:
    line: bytes = b"".join((pair[0], b": ", pair[1], b"\r\n"))
    if len(line) <= MAX_LINE_BYTES:
        if len(_lines) >= MAX_LINES:
            _lines.clear()
        _lines[pair] = line
    return line


def size_of(fields: tuple[tuple[bytes, bytes], ...]) -> int:
    """The size of a list of fields (RFC 9113 §6.5.2), in bytes."""
    size = len(fields) * FIELD_OVERHEAD
    for name, value in fields:
        size += len(name) + len(value)
    return size
