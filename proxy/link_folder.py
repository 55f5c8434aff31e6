"""The folder of the link's socket: private, locked while its supervisor lives, and removed by the next one if that was
killed (`proxy.link_place`). Only this user may reach the link.
"""

from __future__ import annotations

import fcntl
import os

SOCKET = "link"


class LinkFolder:
    """A folder at `path`, and the descriptor of its `lock`; `socket` is where the link is to be bound."""

    __slots__ = ("lock", "path", "socket")

    def __init__(self, path: str, lock: int) -> None:
        self.path, self.lock = path, lock
        self.socket = os.path.join(path, SOCKET)

    def renew(self) -> None:
        """Makes the folder again after somebody removed it, under the same name. Raises OSError."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        lock = opened(self.path)
        os.close(self.lock)
        self.lock = lock
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Removes the folder."""
        removed(self.path)
        os.close(self.lock)


def opened(path: str) -> int:
    """A descriptor of a folder. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def removed(path: str) -> bool:
    """Whether the folder is gone by this; one that holds something else stays."""
    try:
        if os.path.lexists(socket := os.path.join(path, SOCKET)):
            os.unlink(socket)
        os.rmdir(path)
    except OSError:
        return False
    return True
