"""The two files of a capture: lines go into the newer one, which is sealed when it makes room and when it is closed.

- Each holds half of the bytes, and half of the age: when the newer one is full, or its first line is too old, it takes
  the place of the older one (`PATH.1`). What nobody writes to grows old too, so somebody has to `look`.
- What a killed writer left of a line is cut off before anything is written behind it.
- A line is written whole or not at all: what a full disk took of one is taken back.

All may raise OSError; the file is closed then, without a seal, and opened again by the next line.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from proxy import files
from proxy.control.capture.format import Captured, Header, line_of, parsed
from proxy.control.capture.seal import OpenSegment

TAIL = 1 << 16
"""Bytes that are read at a time to find the end of the last whole line."""

MAX_FIRST_LINE = 1 << 16
"""Bytes of a first line that is read for its age."""


class SealedFile:
    """The files at `path` and `path`.1, of at most `max_bytes` together, no line older than `max_age` seconds (0: any
    age). `header` is that of its segments. `capacity`: bytes of lines that fit into a file at all. `replaced`, `aged`:
    files that made room for newer lines, and that grew too old; monotone."""

    __slots__ = (
        "_after",
        "_began",
        "_fd",
        "_half",
        "_header",
        "_max_age",
        "_path",
        "_segment",
        "_size",
        "aged",
        "capacity",
        "replaced",
    )

    def __init__(self, path: str, max_bytes: int, max_age: float, header: Header) -> None:
        self._path, self._half, self._max_age, self._header = path, max_bytes // 2, max_age, header
        self._fd: int | None = None
        self._size = 0
        self._began = 0.0
        self._after = ""
        self._segment = OpenSegment()
        self.replaced = self.aged = 0
        self.capacity = self._half - len(line_of(header)) - 128 - OpenSegment().reserve()

    @property
    def older(self) -> str:
        """The name of the older file."""
        return f"{self._path}.1"

    def append(self, lines: list[bytes], now: float) -> None:
        """Writes lines that fit, at this Unix time."""
        size = sum(map(len, lines))
        if self._fd is None:
            self._open(size, now)
        elif not self._has_room(size):
            self.replaced += 1
            self._turn(size, now)
        self._write(b"".join([self._segment.add(line) for line in lines]))

    def count(self, stratum: str, weight: float, began: float, ended: float) -> None:
        """Counts an exchange whose legs were written."""
        self._segment.count(stratum, weight, began, ended)

    def look(self, now: float) -> None:
        """Lets go of what is too old at this Unix time."""
        if not self._max_age:
            return
        self._began = self._began or self._begin_on_disk()
        if self._began and now - self._began >= self._max_age / 2:
            self.aged += 1
            self.close()
            self._replace()
            self._began = 0.0
        with suppress(FileNotFoundError):
            if now - os.stat(self.older).st_mtime >= self._max_age:
                self.aged += 1
                os.unlink(self.older)

    def close(self) -> None:
        """Seals and closes the file."""
        if self._fd is not None:
            try:
                self._write(self._segment.seal())
            finally:
                self.leave()
        self._after = self._segment.sha256

    def leave(self) -> None:
        """Closes the file as it is."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _turn(self, size: int, now: float) -> None:
        self.close()
        self._replace()
        self._open(size, now)

    def _replace(self) -> None:
        os.replace(self._path, self.older)

    def _has_room(self, size: int) -> bool:
        return self._size + size + self._segment.reserve() <= self._half

    def _open(self, size: int, now: float) -> None:
        """Begins a segment in which there is room for `size` bytes."""
        header = self._begin(now)
        if self._size and not self._has_room(len(header) + size):
            self.leave()
            self._replace()
            self.replaced += 1
            header = self._begin(now)
        self._write(header)

    def _begin(self, now: float) -> bytes:
        self._fd = files.descriptor(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._size = _whole_lines(self._fd)
        os.ftruncate(self._fd, self._size)
        self._began = _begin_of(self._fd) or now
        self._segment = OpenSegment()
        return self._segment.header(replace(self._header, began=now, after=self._after))

    def _begin_on_disk(self) -> float:
        """When the file begins that an earlier process has left; 0: there is none."""
        try:
            fd = files.descriptor(self._path)
        except FileNotFoundError:
            return 0.0
        try:
            return _begin_of(fd)
        finally:
            os.close(fd)

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        written = os.write(self._fd, data)
        if written < len(data):
            os.ftruncate(self._fd, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        self._size += written


def _whole_lines(fd: int) -> int:
    """Bytes of a file up to the end of its last whole line."""
    end = os.fstat(fd).st_size
    while end > 0:
        begin = max(end - TAIL, 0)
        at = os.pread(fd, end - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0


def _begin_of(fd: int) -> float:
    """The Unix time at which the lines of a file begin; 0: it does not say."""
    try:
        first = parsed(os.pread(fd, MAX_FIRST_LINE, 0).partition(b"\n")[0])
    except msgspec.MsgspecError:
        return 0.0
    if isinstance(first, Header):
        return first.began
    return first.started if isinstance(first, Captured) else 0.0
