"""Whether a file has changed and stands still again: one that is being written is a part of what it will be."""

from __future__ import annotations

import os

Stamp = tuple[int, int, int] | None


class FileWatch:
    """The file at `path`, looked at now and then."""

    __slots__ = ("_path", "_seen", "_taken")

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = self._taken = stamp(path)

    def take(self) -> None:
        """The file is read as it is now."""
        self._seen = self._taken = stamp(self._path)

    def changed(self) -> bool:
        """Whether the file is another one than was taken, and the same as at the last look."""
        before, self._seen = self._seen, stamp(self._path)
        return self._seen == before != self._taken


def stamp(path: str) -> Stamp:
    """A value that changes when the file does: device-independent and cheap; None while there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
