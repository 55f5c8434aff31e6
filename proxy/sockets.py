"""Sockets and files that the supervisor opens once and its children inherit: listening sockets, slots, the lifeline."""

from __future__ import annotations

import os
import socket

from proxy.contracts.settings import Settings
from proxy.contracts.worker_args import LISTEN_BACKLOG
from proxy.link.pulse import page
from proxy.link_folder import LinkFolder
from proxy.listening import listen, listen_each


class Sockets:
    """Sockets and files that are bound or opened once and inherited.

    - `data`, `admin`, `link`: listening sockets of the traffic, of the admin API, and of control for its workers
    - `listeners`: of each of `data` the number of its listener
    - `slot`, `settings`: anonymous files of the last published table and of the settings in force
    - `pulse`: a page of memory with the beats of all processes
    - `lifeline`: reading end of a pipe whose writing end is the supervisor's alone: it ends with the supervisor
    """

    def __init__(self, settings: Settings) -> None:
        by_address = listen_each(settings.listen)
        self.data = [sock for socks in by_address for sock in socks]
        owners = settings.listener_of or (0,) * len(settings.listen)
        self.listeners = [owner for owner, socks in zip(owners, by_address, strict=True) for _ in socks]
        self.admin = listen(settings.admin.listen)
        of_state = os.path.dirname(os.path.abspath(settings.state))
        self._folder = LinkFolder("" if settings.state == ":memory:" else of_state)
        self.link_path = self._folder.socket
        try:
            self.link = _listen_at(self.link_path)
        except OSError:
            self._folder.close()
            raise
        self.slot = os.memfd_create("penumbra-table")
        self.settings = os.memfd_create("penumbra-settings")
        self.pulse = page(1 + settings.workers)
        self.lifeline, self._lifeline_writer = os.pipe()

    def renew_link(self) -> bool:
        """Binds the link again where somebody has removed it, so that workers find it; True where that was done. Raises
        OSError."""
        if os.path.exists(self.link_path):
            return False
        self._folder.renew()
        lost, self.link = self.link, _listen_at(self.link_path)
        lost.close()
        return True

    def close(self) -> None:
        for each in (*self.data, *self.admin, self.link):
            each.close()
        for fd in (self.slot, self.settings, self.pulse, self.lifeline, self._lifeline_writer):
            os.close(fd)
        self._folder.close()


def _listen_at(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        sock.listen(LISTEN_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
