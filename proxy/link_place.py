"""Where the folder of the link's socket is made.

1. The path of a Unix socket is short (`MAX_PATH`). Where the folder for temporary files is too deep or cannot be
   written, another one is taken; /dev/shm serves containers whose file system is read-only, the folder of the state
   those that have not even that.
2. A folder whose lock is free has no owner any more: the kernel gives up the locks of the dead. It is removed if it
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

from proxy.link_folder import SOCKET, LinkFolder, opened, removed
from proxy.logs import fields

log = logging.getLogger("penumbra.supervisor")

PREFIX = "penumbra-link-"
MAX_PATH = 107
"""Bytes of a Unix socket's path (`sun_path` has 108, with the final zero)."""

FALLBACKS = ("/tmp", "/dev/shm")

_SUFFIX = 8 + 1 + len(SOCKET)  # what mkdtemp adds, and the socket


def new_folder(last: str = "") -> LinkFolder:
    """A new folder; `last`: one that may hold it if no other may. Raises OSError that says where none could be made."""
    problem: OSError | None = None
    for parent in _parents(last):
        clean(parent)
        while True:
            try:
                path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
                lock = opened(path)
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                problem = error
                break
            if os.path.isdir(path):  # otherwise another supervisor took it for one that was left behind
                return LinkFolder(path, lock)
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
        lock = opened(path)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if set(os.listdir(lock)) <= {SOCKET} and removed(path):
            log.info("removed what a killed supervisor left", extra=fields(path=path))
    except OSError:
        pass  # it has an owner
    finally:
        os.close(lock)
