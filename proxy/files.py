"""The one place that opens files which people name: configurations, profiles, captures, state. A name may lead
anywhere, and none of it may stop a process or fill its memory.

- Only regular files, behind symbolic links or not (a ConfigMap is one). Pipes, terminals, devices and sockets have no
  end, or none that is known, and opening them may wait for ever; a directory is a mistake.
- What is read whole has a bound, which is looked at before anything is read.
- A file that somebody writes while it is read is read again; one that does not stand still is refused. The beginning of
  a configuration may be a valid one of which half of the routes are missing.

Errors are OSError; those that are found here, and not by the system, say what was found and what is allowed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

MAX_READS = 3
"""Attempts at a file that changes: a writer takes less than the reading of it all."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

Path = str | os.PathLike[str]


class UnusableFileError(OSError):
    """There is a file, and it cannot be used. `irregular`: not because of what is in it."""

    def __init__(self, path: Path, found: str, allowed: str, *, irregular: bool = False) -> None:
        super().__init__(errno.EINVAL, f"{found}; allowed: {allowed}", os.fspath(path))
        self.found, self.allowed, self.irregular = found, allowed, irregular


def refuse_irregular(path: Path) -> None:
    """Raises OSError when there is something at `path` that is no regular file; it is not opened."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    except ValueError as error:  # a zero byte, or a character that no path can have
        raise UnusableFileError(ascii(path), "a name that no file can have", "a regular file") from error
    _regular(status, path)


def descriptor(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """A descriptor of the regular file at `path`; never waits for anybody at the other end. Raises OSError."""
    refuse_irregular(path)
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    try:
        _regular(os.fstat(fd), path)  # it may be another one by now
    except OSError:
        os.close(fd)
        raise
    return fd


def content(path: Path, limit: int) -> bytes:
    """All of a regular file of at most `limit` bytes, as it stood at one moment. Raises OSError."""
    fd = descriptor(path)
    try:
        for _ in range(MAX_READS):
            before = os.fstat(fd)
            if before.st_size > limit:
                raise UnusableFileError(path, f"{before.st_size} bytes", f"at most {limit} bytes")
            body = _first(fd, limit + 1)
            if len(body) == before.st_size and _stamp(os.fstat(fd)) == _stamp(before):
                return body
    finally:
        os.close(fd)
    raise UnusableFileError(path, "a file that changes while it is read", "a file that does not")


def lines(path: Path, longest: int) -> Iterator[bytes]:
    """The lines of a regular file of any size, each of at most `longest` bytes with its end. Raises OSError."""
    with open(descriptor(path), "rb") as file:
        while line := file.readline(longest + 1):
            if len(line) > longest:
                raise UnusableFileError(path, f"a line of more than {longest} bytes", "lines of at most that")
            yield line


def _first(fd: int, count: int) -> bytes:
    """The first `count` bytes, or all that there are."""
    parts, at = [], 0
    while at < count and (part := os.pread(fd, count - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _regular(status: os.stat_result, path: Path) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise UnusableFileError(path, _KINDS.get(kind, "no file"), "a regular file", irregular=True)


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
