"""The reader of bodies in chunks, of requests and answers alike (RFC 9112 §7.1).

1. Lines end by CRLF. A CR or LF that stands alone is an error, and so is anything but CRLF after a chunk's data.
2. A size is hexadecimal digits and nothing else. One that no body can have (`MAX_DIGITS`) is an error as soon as its
   digits have come: two parsers would wrap it differently.
3. Extensions are checked and read over: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
4. Trailers are kept in `trailers`. One of framing is an error: it would be read as the head's by whoever merges them.

Compiled by mypyc: no class keywords, no Structs, no NamedTuple.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.contracts.field_rules import FRAMING
from proxy.http1.fields import field_line

MAX_DIGITS: Final = 15
"""Hexadecimal digits of a chunk size without leading zeros: below 2**60, which no counter of 64 bits wraps."""

MAX_LINES: Final = 64 * 1024
"""Bytes of lines (sizes, extensions, trailers) between two pieces of data: as much as a head may have."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t -\x7e\x80-\xff])*+"'
_EXTENSION = rb"(?:[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?)*+" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE_LINE: Final = re.compile(rb"0*+([0-9A-Fa-f]{0,%d}+)%b\r\n" % (MAX_DIGITS, _EXTENSION))
_SIZE_BEGUN: Final = re.compile(rb"0*+[0-9A-Fa-f]{0,%d}+(?:[ \t]*+|\r)" % MAX_DIGITS)
_CHECKED_AT_ONCE: Final = 64
"""Bytes of a size line that has no end yet. A longer one is checked once it has."""

_CR: Final = 0x0D
_LF: Final = 0x0A

_SIZE: Final = 0
_DATA: Final = 1
_AFTER_DATA: Final = 2
_TRAILERS: Final = 3
_DONE: Final = 4


class ChunkError(Exception):
    """A body that is refused. `too_large`: for its length, not for its form."""

    def __init__(self, detail: str, too_large: bool = False) -> None:
        super().__init__(detail)
        self.too_large = too_large


class ChunkReader:
    """The reader of one body. `done`: its end was read; `trailers`: the fields after it, in their order."""

    __slots__ = ("_left", "_line", "_lines", "_state", "trailers")

    def __init__(self) -> None:
        self.trailers: list[bytes] = []
        self._state = _SIZE
        self._left = 0
        self._line = b""
        self._lines = 0

    @property
    def done(self) -> bool:
        return self._state == _DONE

    def read(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Reads `data` from `at`, appends what is of the body to `pieces`; returns where it stopped: at the end of
        `data`, or behind the end of the body. Raises ChunkError."""
        end = len(data)
        while at < end and self._state != _DONE:
            if self._state == _DATA:
                stop = min(at + self._left, end)
                pieces.append(data[at:stop] if at or stop < end else data)
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._state = _AFTER_DATA
                continue
            if self._state == _SIZE and not self._line and (stop := _whole_chunk(data, at, end, pieces)):
                at, self._lines = stop, 0
                continue
            stop = data.find(b"\n", at) + 1
            if not stop:
                self._begun(data[at:])
                return end
            self._take(self._line + data[at:stop] if self._line else data[at:stop])
            at = stop
        return at

    def _begun(self, part: bytes) -> None:
        """A line whose end has not come. Where its form is wrong already, nobody waits for the rest."""
        line = self._line = self._line + part
        if line.find(b"\r", 0, -1) >= 0 or (self._state == _AFTER_DATA and line != b"\r"):
            raise ChunkError("a CR alone, or a chunk longer than its size")
        if self._state == _SIZE and not _may_be_size(line):
            raise ChunkError("a chunk's size is not valid")
        self._count(len(part))

    def _take(self, line: bytes) -> None:
        """A whole line, with its end."""
        self._line = b""
        if self._state == _AFTER_DATA:
            if line != b"\r\n":
                raise ChunkError("a chunk is longer than its size")
            self._state = _SIZE
            return
        if self._state == _SIZE:
            self._begin_chunk(line)
        elif line == b"\r\n":
            self._state = _DONE
        else:
            self._take_trailer(line)

    def _begin_chunk(self, line: bytes) -> None:
        size = _size_of(line)
        if size:
            self._state, self._left, self._lines = _DATA, size, 0
        else:
            self._state = _TRAILERS

    def _take_trailer(self, line: bytes) -> None:
        field = field_line(line)
        if field is None or field.partition(b":")[0].lower() in FRAMING:
            raise ChunkError("a trailer is not valid")
        self._count(len(line))
        self.trailers.append(field)

    def _count(self, length: int) -> None:
        self._lines += length
        if self._lines > MAX_LINES:
            raise ChunkError(f"chunk extensions or trailers larger than {MAX_LINES} bytes", too_large=True)


def _whole_chunk(data: bytes, at: int, end: int, pieces: list[bytes]) -> int:
    """Takes a chunk that is there whole and has no extension, as nearly all are; returns its end, 0 where it is not."""
    size, place = 0, at
    while place < end and place - at < MAX_DIGITS:
        byte = data[place]
        if 0x30 <= byte <= 0x39:
            size = size * 16 + byte - 0x30
        elif 0x61 <= (byte | 0x20) <= 0x66:
            size = size * 16 + (byte | 0x20) - 0x57
        else:
            break
        place += 1
    start = place + 2
    stop = start + size
    whole = size and stop + 2 <= end and data[place] == _CR and data[place + 1] == _LF
    if not (whole and data[stop] == _CR and data[stop + 1] == _LF):
        return 0
    pieces.append(data[start:stop])
    return stop + 2


def _may_be_size(begun: bytes) -> bool:
    return len(begun) > _CHECKED_AT_ONCE or _SIZE_BEGUN.fullmatch(begun.partition(b";")[0]) is not None


def _size_of(line: bytes) -> int:
    match = _SIZE_LINE.fullmatch(line)
    if match is None or not (match[1] or line[:1] == b"0"):
        raise ChunkError("a chunk's size or extension is not valid")
    if len(line) > MAX_LINES:
        raise ChunkError(f"a chunk extension larger than {MAX_LINES} bytes", too_large=True)
    return int(match[1] or b"0", 16)
