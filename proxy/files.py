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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

MAX_READS = 3
"""Attempts at a file that changes: a writer takes less than the reading of it all."""

BLOCK = 64 * 1024
"""Bytes that are read at a time of a file that is gone through: more than a processor has near at hand cost more."""

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


def descriptor(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file at `path`; never waits for anybody at the other end. Raises OSError."""
    refuse_irregular(path)
    if flags & os.O_CREAT:
        create(path)
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _regular(os.fstat(fd), path)  # it may be another one by now
    except OSError:
        os.close(fd)
        raise
    return fd


def beginning(path: Path, most: int) -> bytes:
    """The first bytes of a file, at most `most` of them: what is longer is not read. Raises OSError."""
    fd = descriptor(path)
    try:
        return os.read(fd, most)
    finally:
        os.close(fd)


def create(path: Path, mode: int = 0o600) -> None:
    """An empty file where there is none; where its folder is its group's as well (and not
    everybody's), so is the file: the next process may have another user id and the same group, as on OpenShift.
    Raises OSError."""
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    except FileExistsError:
        return
    try:
        if _is_of_a_group(_folder(path)):
            os.fchmod(fd, mode | stat.S_IRGRP | stat.S_IWGRP)
    except OSError:
        pass  # a volume without modes
    finally:
        os.close(fd)


def put(path: Path, body: bytes) -> None:
    """Writes a file whole or not at all: beside its place first, then into it. Whoever is ended meanwhile leaves the
    file that was there, or none. What is no regular file (a pipe, `/dev/null`) gets the body as it comes, and so does
    one whose place nothing can take (a file that is mounted by itself). Raises OSError, which names the file."""
    place = os.path.realpath(path)
    beside = f"{place}.{os.getpid()}.part"
    try:
        if os.path.exists(place) and not os.path.isfile(place):
            _written(place, body)
            return
        try:
            _written(beside, body, durable=True)
            _take_mode(place, beside)
            os.replace(beside, place)
        except OSError as error:
            if error.errno not in _UNTAKEN or not os.path.exists(place):
                raise
            _written(place, body)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            os.unlink(beside)


@contextmanager
def putting(path: Path) -> Iterator[BinaryIO]:
    """A file that is written in pieces, and takes its place when all of them are there: as `put`, but that nothing
    takes the place of what is no regular file. Raises OSError."""
    refuse_irregular(path)
    place = os.path.realpath(path)
    beside = f"{place}.{os.getpid()}.part"
    try:
        with open(descriptor(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            yield file
        _take_mode(place, beside)
        os.replace(beside, place)
    except OSError as error:
        if error.filename not in (beside, None):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            os.unlink(beside)


def refuse_unput(path: Path) -> None:
    """Raises OSError where `put` could not write, as far as that is known before: no folder, a directory, no right."""
    place = os.path.realpath(path)
    folder = os.path.dirname(place)
    number = 0
    if not os.path.isdir(folder):
        number = errno.ENOENT
    elif os.path.isdir(place):
        number = errno.EISDIR
    elif not os.access(place if os.path.exists(place) else folder, os.W_OK):
        number = errno.EACCES
    if number:
        raise OSError(number, os.strerror(number), os.fspath(path))


def refuse_over(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raises OSError where something would be written over what it is made of, or two things into one file."""
    taken = dict.fromkeys(map(os.path.realpath, inputs), "a file that is read")
    for path in outputs:
        place = os.path.realpath(path)
        if place in taken and (os.path.isfile(place) or not os.path.exists(place)):
            raise UnusableFileError(path, taken[place], "another file", irregular=True)
        taken[place] = "a file that something else goes to"


_UNTAKEN = frozenset((errno.EACCES, errno.EBUSY, errno.EPERM, errno.EROFS))
"""Why nothing can be made beside a file or put into its place, though the file itself may be written."""


def _written(path: str, body: bytes, *, durable: bool = False) -> None:
    with open(path, "wb") as file:
        file.write(body)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _take_mode(of: str, path: str) -> None:
    with suppress(FileNotFoundError):
        os.chmod(path, stat.S_IMODE(os.stat(of).st_mode))


def create_folder(path: Path) -> None:
    """A folder where there is none, by the rule of `create`. Raises OSError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    with suppress(OSError):
        if _is_of_a_group(_folder(path)):
            os.chmod(path, 0o770)


def _is_of_a_group(folder: str) -> bool:
    """Whether a folder is its group's as well, and not everybody's. Raises OSError."""
    return os.stat(folder).st_mode & (stat.S_IWGRP | stat.S_IWOTH) == stat.S_IWGRP


def refuse_unwritable(path: Path) -> None:
    """Raises OSError when the file at `path`, if there is one, cannot be written."""
    with suppress(FileNotFoundError):
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))


def denied(path: Path, error: OSError) -> str:
    """Why a file could not be written or made: who owns what, as whom this runs, and what helps."""
    folder, why = _folder(path), error.strerror or str(error)
    if error.errno == errno.ENOENT:
        return f"{why}: there is no folder {folder}"
    if error.errno == errno.EROFS:
        return f"{why}: {folder} needs a volume that can be written"
    if error.errno not in (errno.EACCES, errno.EPERM):
        return why
    groups = ",".join(map(str, sorted({os.getegid(), *os.getgroups()})))
    owned = ", ".join(f"{place} is of {found}" for place in (folder, os.fspath(path)) if (found := _owner(place)))
    return (
        f"{why}: {owned}; this runs as user {os.geteuid()} with groups {groups}. Give it to one of these groups "
        f"(`chgrp`, `chmod g+rwX`; on Kubernetes `fsGroup`), or choose another place"
    )


def denied_to_read(path: Path, error: OSError) -> str:
    """Why a file could not be read: where it is only a matter of rights, who owns it and as whom this runs."""
    why = error.strerror or str(error)
    if error.errno not in (errno.EACCES, errno.EPERM):
        return why
    groups = ",".join(map(str, sorted({os.getegid(), *os.getgroups()})))
    owned = f"it is of {found}" if (found := _owner(path)) else f"{_folder(path)} is of {_owner(_folder(path))}"
    return f"{why}: {owned}; this runs as user {os.geteuid()} with groups {groups}"


def _owner(path: Path) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_uid}:{status.st_gid} with mode {stat.S_IMODE(status.st_mode):04o}"


def _folder(path: Path) -> str:
    return os.path.dirname(os.path.abspath(path))


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


def blocks(path: Path, longest: int) -> Iterator[bytes]:
    """The same lines, as many at a time as stand in some `BLOCK` bytes, which is the least that `longest` can be.
    Raises OSError."""
    with open(descriptor(path), "rb", buffering=0) as file:
        held: list[bytes] = []
        size = 0
        while data := file.read(BLOCK):
            end = data.rfind(b"\n") + 1
            if size + (data.find(b"\n") + 1 or len(data)) > longest:
                raise UnusableFileError(path, f"a line of more than {longest} bytes", "lines of at most that")
            if not end:
                held.append(data)
                size += len(data)
                continue
            yield b"".join((*held, data[:end]))
            held, size = [data[end:]], len(data) - end
        if rest := b"".join(held):
            yield rest


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
