"""Lists of header fields, written (RFC 7541).

1. A field enters the peer's table when the same value is said of its name a second time: values that differ each time,
   as ids and times do, would only push out those that repeat.
2. The table is never made to evict: once it is full nothing enters it, and when much is missed it is emptied and begun
   anew. So the place of an entry follows from when it entered alone.
3. What may be in a table at all, `indexing` says. Secrets are written so that no table keeps them (RFC 7541 §7.1.3).
4. Strings are not in Huffman's code: bytes between a sidecar and its model cost less than their coding.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.http2.fields import FieldGroup, FieldList
from proxy.http2.hpack_reader import NeverIndexed
from proxy.http2.hpack_table import OVERHEAD, STATIC, TABLE
from proxy.http2.indexing import is_shared

MAX_NAMES: Final = 64
"""Names of a connection whose last value is remembered."""

MAX_NAME: Final = 64
"""Bytes of a name that is remembered, or enters the table: clients choose names."""

MAX_GROUPS: Final = 64
"""Groups of fields of a connection of which it is remembered how they are written, each of no more than so many bytes:
"""

MAX_GROUP: Final = 1_024

MAX_VALUE: Final = 256
"""Bytes of a value that may enter the table."""

MISSES: Final = 1_024
"""Fields that would have entered a full table until it is emptied."""

SECRET: Final = frozenset((b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"))

_NEVER: Final = 0x10
_KEPT: Final = 0x40
_EMPTIED: Final = b"\x20"


def integer(first: int, bits: int, value: int) -> bytes:
    """An integer behind the bits of `first` (RFC 7541 §5.1).

    >>> integer(0x80, 7, 2).hex(), integer(0, 5, 1337).hex()
    ('82', '1f9a0a')
    """
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _names() -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for place, (name, _) in enumerate(STATIC, 1):
        places.setdefault(name, place)
    return places


_PLACES: Final = _names()
_INDEXED: Final = [integer(0x80, 7, index) for index in range(256)]
_LENGTHS: Final = [integer(0, 7, length) for length in range(MAX_VALUE + 1)]
_STATIC: Final[dict[Any, bytes]] = {each: _INDEXED[at] for at, each in enumerate(STATIC, 1) if each[1]}
_BITS: Final = {0: 4, _NEVER: 4, _KEPT: 6}


def _prefix(kind: int, name: bytes) -> bytes:
    """A literal's beginning, up to its value."""
    place = _PLACES.get(name, 0)
    named = integer(kind, _BITS[kind], place)
    return named if place else named + integer(0, 7, len(name)) + name


_prefixes: dict[bytes, bytes] = {}
"""Of literals that enter no table, of all connections; at most MAX_PREFIXES."""

MAX_PREFIXES: Final = 512


class HpackWriter:
    """The encoder of one direction of a connection."""

    __slots__ = ("_before", "_entered", "_groups", "_last", "_limit", "_may_enter", "_missed", "_places", "_size")

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}
        self._entered = self._size = self._missed = 0
        self._limit = TABLE
        self._last: dict[bytes, bytes] = {}
        self._before = b""  # what has to be said of the table first
        self._groups: dict[FieldGroup, bytes] = {}  # how they are written while the table is as it is
        self._may_enter = False  # a field was written that may enter the table when it is said again

    def resize(self, limit: int) -> None:
        """The peer keeps a table of so many bytes at most."""
        self._limit = min(limit, TABLE)
        self._begin()

    def _begin(self) -> None:
        self._places.clear()
        self._groups.clear()
        self._last.clear()
        self._entered = self._size = self._missed = 0
        self._before = _EMPTIED + (integer(0x20, 5, self._limit) if self._limit else b"")

    def write(self, fields: FieldList, group: FieldGroup | None = None) -> bytes:
        """The block of a list of fields, behind those of a group. What is written has to be sent, in this order."""
        if self._missed > MISSES:
            self._begin()
        parts: list[bytes] = []
        if self._before:
            parts.append(self._before)
            self._before = b""
        if group is not None:
            known = self._groups.get(group)
            parts.append(self._write_group(group) if known is None else known)
        if fields:
            self._write(fields, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _write_group(self, group: FieldGroup) -> bytes:
        """Writes a group, and remembers how where it will be written so again."""
        parts: list[bytes] = []
        entered, self._may_enter = self._entered, False
        self._write(group.fields, parts)
        block = b"".join(parts)
        if not self._may_enter and self._entered == entered and len(block) <= MAX_GROUP:
            if len(self._groups) >= MAX_GROUPS:
                self._groups.clear()
            self._groups[group] = block
        return block

    def _write(self, fields: FieldList, parts: list[bytes]) -> None:
        places = self._places
        pairs: list[Any] = fields
        for pair in pairs:
            known = _STATIC.get(pair)
            place = -1 if known is not None else places.get(pair, -1)
            if (known is None and place < 0) or type(pair[1]) is NeverIndexed:
                self._literal(pair, parts)
            elif known is not None:
                parts.append(known)
            else:
                parts.append(_INDEXED[len(STATIC) + self._entered - place])

    def _literal(self, pair: Any, parts: list[bytes]) -> None:
        name: bytes = pair[0]
        value: bytes = pair[1]
        size = len(value)
        if name in SECRET or type(value) is NeverIndexed:
            parts.append(_prefix(_NEVER, name))
        elif self._is_kept(name, value):
            self._places[(name, value)] = self._entered
            self._entered += 1
            self._groups.clear()  # all places have moved
            self._size += len(name) + size + OVERHEAD
            parts.append(_prefix(_KEPT, name))
        else:
            parts.append(_plain(name))
        parts.append(_LENGTHS[size] if size <= MAX_VALUE else integer(0, 7, size))
        parts.append(value)

    def _is_kept(self, name: bytes, value: bytes) -> bool:
        if len(value) > MAX_VALUE or len(name) > MAX_NAME or not is_shared(name, value):
            return False
        last = self._last
        if last.get(name) != value:
            if len(last) >= MAX_NAMES and name not in last:
                last.clear()
            last[name] = value
            self._may_enter = True
            return False
        if self._size + len(name) + len(value) + OVERHEAD > self._limit:
            self._missed += 1
            self._may_enter = True
            return False
        return True


def _plain(name: bytes) -> bytes:
    prefix = _prefixes.get(name)
    if prefix is None:
        if len(_prefixes) >= MAX_PREFIXES:
            _prefixes.clear()
        prefix = _prefix(0, name)
        if len(name) <= MAX_NAME:
            _prefixes[name] = prefix
    return prefix
