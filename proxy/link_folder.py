"""The folder of the link's socket: private, locked while its supervisor lives, and removed by the next one if that was
killed.

1. Only this user may reach the link.
2. The path of a Unix socket is short (`MAX_PATH`). Where the folder for temporary files is too deep or cannot be
   written, another one is taken; /dev/shm serves containers whose file system is read-only, the folder of the state
   those that have not even that.
3. A folder whose lock is free has no owner any more: the kernel gives up the locks of the dead. It is removed if it
   holds nothing but a socket.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import tempfile
from collections.abc import Iterator

from proxy.logs import fields

log = logging.getLogger("penumbra.supervisor")

PREFIX = "penumbra-link-"
SOCKET = "link"

MAX_PATH = 107
"""Bytes of a Unix socket's path (`sun_path` has 108, with the final zero)."""

FALLBACKS = ("/tmp", "/dev/shm")
_SUFFIX = 8 + 1 + len(SOCKET)  # what mkdtemp adds, and the socket


class LinkFolder:
    """A new folder; `socket` is where the link is to be bound, `last` a folder that may hold it if no other may. Raises
    OSError that says where none could be made."""

    def __init__(self, last: str = "") -> None:
        self.path, self._lock = _made(last)
        self.socket = os.path.join(self.path, SOCKET)

    def renew(self) -> None:
        """Makes the folder again after somebody removed it, under the same name. Raises OSError."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        lock = _opened(self.path)
        os.close(self._lock)
        self._lock = lock
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Removes the folder."""
        _remove(self.path)
        os.close(self._lock)


def _made(last: str) -> tuple[str, int]:
    problem: OSError | None = None
    for parent in _parents(last):
        clean(parent)
        while True:
            try:
                path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
                lock = _opened(path)
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                problem = error
                break
            if os.path.isdir(path):  # otherwise another supervisor took it for one that was left behind
                return path, lock
            os.close(lock)
    why = (
        f"{problem.strerror}; set TMPDIR to a folder that can be written"
        if problem
        else f"a path of a socket has at most {MAX_PATH} bytes; set TMPDIR to a shorter one"
    )
    raise OSError(problem.errno if problem else errno.ENAMETOOLONG, f"no folder for a socket: {why}", _first())


def _parents(last: str) -> Iterator[str]:
    """Folders that may hold the link, the best first; each once."""
    for parent in dict.fromkeys((_first(), *FALLBACKS, *filter(None, (last,)))):
        if len(os.fsencode(os.path.join(parent, PREFIX))) + _SUFFIX <= MAX_PATH:
            yield parent


def _first() -> str:
    """The folder for temporary files; the first fallback where there is none."""
    try:
        return os.path.abspath(tempfile.gettempdir())
    except OSError:
        return FALLBACKS[0]


def clean(parent: str) -> None:
    """Removes the folders below `parent` that killed supervisors of this user have left."""
    try:
        with os.scandir(parent) as entries:
            found = [each.path for each in entries if each.name.startswith(PREFIX) and _own(each)]
    except OSError:
        return
    for path in found:
        _remove_if_left(path)


def _own(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _remove_if_left(path: str) -> None:
    try:
        lock = _opened(path)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if set(os.listdir(lock)) <= {SOCKET} and _remove(path):
            log.info("removed what a killed supervisor left", extra=fields(path=path))
    except OSError:
        pass  # it has an owner
    finally:
        os.close(lock)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _remove(path: str) -> bool:
    """Whether the folder is gone by this; one that holds something else stays."""
    try:
        if os.path.lexists(socket := os.path.join(path, SOCKET)):
            os.unlink(socket)
        os.rmdir(path)
    except OSError:
        return False
    return True
