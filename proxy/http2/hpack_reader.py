"""Blocks of header fields, read (RFC 7541), and judged as they are read (RFC 9113 §8).

1. A block is read as a whole, and no further than the bounds of a list: a small block may stand for a large one.
2. What a block that changes no table says depends on its bytes and on the table alone: it is remembered until the table
   changes. Heads of a client, and of a server, are mostly such blocks. One that says something itself is, once it has
   come twice in a row: heads that differ each time are not worth their memory.
3. An entry of a table is judged once, not each time that it is named.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.contracts.compiler import mypyc_attr
from proxy.http2.hpack_table import OVERHEAD, STATIC, TABLE
from proxy.http2.huffman import decoded

METHOD: Final = 1
SCHEME: Final = 2
PATH: Final = 4
AUTHORITY: Final = 8
STATUS: Final = 16
HOST: Final = 32
LENGTH: Final = 64
BAD: Final = 128
"""What a field is; none of these: one as others. Each may be there once, Host in requests."""

PSEUDO: Final = METHOD | SCHEME | PATH | AUTHORITY | STATUS

_KINDS: Final[dict[bytes, int]] = {
    b":method": METHOD,
    b":scheme": SCHEME,
    b":path": PATH,
    b":authority": AUTHORITY,
    b":status": STATUS,
    b"host": HOST,
    b"content-length": LENGTH,
}
_FORBIDDEN: Final = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_NAME: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_UNFIT: Final = bytes([at == 127 or (at < 32 and at != 9) for at in range(256)])
"""What each byte of a value becomes, 1 where it has no place there."""

_PATH: Final = bytes([*range(33, 127), *range(128, 256)])
_BLANK: Final = b" \t"
_MOST_DIGITS: Final = 19

MAX_REMEMBERED: Final = 32
"""Blocks of a connection that are remembered, each of no more than so many bytes:"""

MAX_REMEMBERED_BYTES: Final = 512

MAX_REMEMBERED_LIST: Final = 4_096
"""Bytes of their lists: a small block may name a large entry of the table many times, and more is made of lists."""

MAX_NAMES: Final = 512
"""Names that were judged, of all connections."""

MAX_NAME: Final = 64

_names: dict[bytes, int] = {}
"""Names to their kinds."""


class HpackError(Exception):
    """The block cannot be read, and so no later one."""


class ListTooLarge(Exception):
    """The list is larger by far than allowed."""


@mypyc_attr(native_class=False)
class NeverIndexed(bytes):
    """A value that no table may keep, here or further on (RFC 7541 §7.1.3)."""


def kind_of(name: bytes, value: bytes) -> int:
    """What a field is; BAD: none at all.

    >>> kind_of(b"x-user", b"7"), kind_of(b"X-User", b"7"), kind_of(b":path", b"/a")
    (0, 128, 4)
    """
    kind = _names.get(name, -1)
    if kind < 0:
        kind = _kind_of_name(name)
        if len(name) <= MAX_NAME:
            if len(_names) >= MAX_NAMES:
                _names.clear()
            _names[name] = kind
    if b"\1" in value.translate(_UNFIT):
        return BAD
    if value and (value[0] in _BLANK or value[-1] in _BLANK):
        return BAD
    if not kind:
        return BAD if name == b"te" and value.lower() != b"trailers" else 0
    return kind if _is_clean(kind, value) else BAD


def _kind_of_name(name: bytes) -> int:
    known = _KINDS.get(name)
    if known is not None:
        return known
    return BAD if not name or name.translate(None, _NAME) or name in _FORBIDDEN else 0


def _is_clean(kind: int, value: bytes) -> bool:
    if kind == LENGTH:
        return value.isdigit() and len(value) <= _MOST_DIGITS
    if kind == STATUS:
        return value.isdigit() and len(value) == 3
    if kind == PATH:
        return bool(value) and not value.translate(None, _PATH)
    if kind == METHOD:
        return bool(value) and not value.lower().translate(None, _NAME)
    if kind == SCHEME:
        return bool(value) and not value.translate(None, _PATH)
    return True if kind == AUTHORITY else kind != BAD and bool(value)


class FieldEntry:
    """An entry of a table. `pair`: its name and value, as one object for all who read it."""

    __slots__ = ("kind", "name", "pair", "size", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name, self.value = name, value
        self.pair: Any = (name, value)
        self.kind = kind_of(name, value)
        self.size = len(name) + len(value) + OVERHEAD


_STATIC: Final = [FieldEntry(name, value) for name, value in STATIC]
_FIRST: Final = len(STATIC) + 1


class HeaderBlock:
    """A block that was read.

    - `fields`: pairs of name and value; `size`: bytes of them (RFC 9113 §6.5.2)
    - `seen`: kinds of fields that are there; `bad`: one breaks a rule, or they stand in no order; `hosts`: there are
      several Host fields, which is none of a request's
    - `never`: no table may keep one of its values (RFC 7541 §7.1.3)
    - `made`: what somebody has made of it, and `made_for`: for what (0: nothing was): equal blocks are one object
    - `length`: that of the body, -1: none was told; `method`, `status`, `path`, `scheme`: of those pseudo-fields
    """

    __slots__ = (
        "bad",
        "fields",
        "hosts",
        "length",
        "made",
        "made_for",
        "method",
        "never",
        "path",
        "regular",
        "scheme",
        "seen",
        "size",
        "status",
    )

    def __init__(self) -> None:
        self.fields: Any = ()
        self.made: Any = None
        self.made_for = 0
        self.size = self.seen = self.status = 0
        self.bad = self.hosts = self.regular = self.never = False
        self.length = -1
        self.method = self.path = self.scheme = b""

    def note(self, kind: int, value: bytes) -> None:
        """A field of some kind stands behind those before."""
        if kind & (self.seen | BAD) or (kind & PSEUDO and self.regular):
            if kind == HOST:
                self.hosts = True
            else:
                self.bad = True
            return
        self.seen |= kind
        if not kind & PSEUDO:
            self.regular = True
        if kind == LENGTH:
            self.length = int(value)
        elif kind == METHOD:
            self.method = value
        elif kind == STATUS:
            self.status = int(value)
        elif kind == PATH:
            self.path = value
        elif kind == SCHEME:
            self.scheme = value

    def is_request(self) -> bool:
        """Whether it is the head of a request (RFC 9113 §8.3.1)."""
        seen = self.seen
        if self.bad or self.hosts or seen & STATUS or not seen & METHOD:
            return False
        if self.method == b"CONNECT":
            return bool(seen & AUTHORITY) and not seen & (SCHEME | PATH)
        if not (seen & SCHEME and seen & PATH and seen & (AUTHORITY | HOST)):
            return False
        if self.path[0] == 0x2F or self.scheme not in (b"http", b"https"):
            return True
        return self.method == b"OPTIONS" and self.path == b"*"

    def is_response(self) -> bool:
        """Whether it is the head of an answer (RFC 9113 §8.3.2), of an interim one too."""
        return not self.bad and self.seen & PSEUDO == STATUS and self.status >= 100

    def is_trailers(self) -> bool:
        """Whether it may stand behind a body (RFC 9113 §8.1)."""
        return not self.bad and not self.seen & PSEUDO


class HpackReader:
    """The decoder of one direction of a connection. Lists of more than `most` fields, or `most_bytes`, are not read, or
    where the connection has to go on (`lenient`) read as bad ones of which nothing is kept."""

    __slots__ = (
        "_at",
        "_changed",
        "_data",
        "_entries",
        "_lenient",
        "_limit",
        "_literals",
        "_most",
        "_most_bytes",
        "_once",
        "_remembered",
        "_size",
    )

    def __init__(self, most: int, most_bytes: int, lenient: bool = False) -> None:
        self._most, self._most_bytes, self._lenient = most, most_bytes, lenient
        self._entries: list[FieldEntry] = []  # the newest is the last
        self._size, self._limit = 0, TABLE
        self._remembered: dict[bytes, HeaderBlock] = {}
        self._data, self._at = b"", 0
        self._changed = self._literals = False
        self._once = b""

    def read(self, data: bytes) -> HeaderBlock:
        """Reads a whole block. Raises HpackError or ListTooLarge; nothing is to be read after either."""
        known = self._remembered.get(data)
        if known is not None:
            return known
        self._data, self._at, self._changed, self._literals = data, 0, False, False
        try:
            block = self._read(len(data))
        except IndexError:
            raise HpackError("a block of fields ends within one") from None
        if self._changed:
            self._remembered.clear()
        elif len(data) <= MAX_REMEMBERED_BYTES and block.size <= MAX_REMEMBERED_LIST:
            if self._literals and data != self._once:
                self._once = data
                return block
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[data] = block
        return block

    def _read(self, end: int) -> HeaderBlock:
        block = HeaderBlock()
        fields: list[Any] = []
        size, most_bytes = 0, self._most_bytes
        while self._at < end:
            first = self._data[self._at]
            if first & 0xE0 == 0x20:
                if fields:
                    raise HpackError("the size of the table is changed within a block")
                self._resize(self._integer(5))
                continue
            if first & 0x80:
                entry = self._entry(self._integer(7))
            else:
                entry = self._literal(first)
                if first & 0xF0 == 0x10:
                    block.never = True
            size += entry.size
            if size > most_bytes or len(fields) >= self._most:
                if not self._lenient:
                    raise ListTooLarge("a list of fields is larger by far than allowed")
                block.bad = True
                continue
            fields.append(entry.pair)
            if entry.kind:
                block.note(entry.kind, entry.value)
            else:
                block.regular = True
        block.fields, block.size = tuple(fields), size
        return block

    def _integer(self, bits: int) -> int:
        """An integer (RFC 7541 §5.1), whose first byte is at hand."""
        most = (1 << bits) - 1
        value = self._data[self._at] & most
        self._at += 1
        if value < most:
            return value
        for shift in (0, 7, 14, 21):
            byte = self._data[self._at]
            self._at += 1
            value += (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise HpackError("an integer is too large")

    def _string(self) -> bytes:
        coded = self._data[self._at] & 0x80
        length = self._integer(7)
        begin = self._at
        end = self._at = begin + length
        if end > len(self._data):
            raise HpackError("a string ends beyond its block")
        raw = self._data[begin:end]
        if not coded:
            return raw
        value = decoded(raw)
        if value is None:
            raise HpackError("a string is not in Huffman's code")
        return value

    def _entry(self, index: int) -> FieldEntry:
        if 0 < index < _FIRST:
            return _STATIC[index - 1]
        place = len(self._entries) - 1 - (index - _FIRST)
        if index == 0 or place < 0:
            raise HpackError("a field is named that no table has")
        return self._entries[place]

    def _literal(self, first: int) -> FieldEntry:
        self._literals = True
        kept = first & 0x40
        index = self._integer(6 if kept else 4)
        name = self._entry(index).name if index else self._string()
        value = self._string()
        if first & 0xF0 == 0x10:
            value = NeverIndexed(value)
        entry = FieldEntry(name, value)
        if kept:
            self._keep(entry)
        return entry

    def _keep(self, entry: FieldEntry) -> None:
        self._changed = True
        self._shrink(self._limit - entry.size)
        if entry.size <= self._limit:
            self._entries.append(entry)
            self._size += entry.size

    def _resize(self, limit: int) -> None:
        if limit > TABLE:
            raise HpackError("the table is made larger than allowed")
        self._changed, self._limit = True, limit
        self._shrink(limit)

    def _shrink(self, most: int) -> None:
        gone = 0
        while self._size > most and gone < len(self._entries):
            self._size -= self._entries[gone].size
            gone += 1
        if gone:
            del self._entries[:gone]
