"""Sockets and files that the first process opens once and its children inherit: listening sockets, slots, the lifeline.
They are numbers of open files, so that they can be told to a process that takes over from this one (execve(2)).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from proxy.contracts.backlog import LISTEN_BACKLOG
from proxy.link_folder import LinkFolder


class OpenFiles(NamedTuple):
    """Numbers of files that are open as long as traffic is served."""

    data: list[int]
    """Listening sockets of the traffic."""
    admin: list[int]
    """Listening sockets of the admin API."""
    link: int
    """Listening socket of control for its workers."""
    slot: int
    """Anonymous file of the last published table."""
    settings: int
    """Anonymous file of the settings in force."""
    pulse: int
    """Page of memory with the beats of all processes."""
    lifeline: int
    """Reading end of a pipe that ends with the supervisor."""
    lifeline_writer: int
    """Its writing end, which is the supervisor's alone."""


class Sockets:
    """The descriptors of a program that starts others, and the `folder` of the link."""

    __slots__ = ("_open", "folder")

    def __init__(self, folder: LinkFolder, descriptors: OpenFiles) -> None:
        self.folder, self._open = folder, descriptors

    @property
    def open(self) -> OpenFiles:
        """As they are now: a link may be bound again, the traffic's sockets are closed for a drain."""
        return self._open

    def told(self) -> tuple[tuple[str, int], OpenFiles]:
        """What `taken_over` makes the same of, as JSON can hold it."""
        return (self.folder.path, self.folder.lock), self._open

    def pass_on(self, through: bool) -> None:
        """Whether a program that takes the place of this one has them. Children have what they are given, else none."""
        for fd in (*self._all(), self.folder.lock):
            os.set_inheritable(fd, through)

    def renew_link(self) -> bool:
        """Binds the link again where somebody has removed it, so that workers find it; True where that was done. Raises
        OSError."""
        if os.path.exists(self.folder.socket):
            return False
        self.folder.renew()
        lost, bound = self._open.link, bound_link(self.folder.socket)
        self._open = self._open._replace(link=bound)
        os.close(lost)
        return True

    def close_data(self) -> None:
        """Nobody connects any more."""
        closed, self._open = self._open.data, self._open._replace(data=[])
        for fd in closed:
            os.close(fd)

    def close(self) -> None:
        for fd in self._all():
            os.close(fd)
        self.folder.close()

    def _all(self) -> tuple[int, ...]:
        data, admin, *others = self._open
        return (*data, *admin, *others)


def taken_over(folder: Sequence[Any], descriptors: Sequence[Any]) -> Sockets:
    """The sockets that another program told of, before this one took its place; from now on they are not passed on."""
    sockets = Sockets(LinkFolder(*folder), OpenFiles(*descriptors))
    sockets.pass_on(False)
    return sockets


def bound_link(path: str) -> int:
    """A listening Unix socket at a path. Raises OSError."""
    import socket  # a folder that somebody removed is rare, and the module takes a quarter of a megabyte

    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        sock.listen(LISTEN_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock.detach()
