"""What `proxy.sockets` holds, bound and opened as the settings say. It takes many imports, and is done once."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import NamedTuple

from proxy.contracts.settings import Settings
from proxy.link.pulse import page
from proxy.link_place import new_folder
from proxy.listening import bound, listen, listen_each
from proxy.sockets import OpenFiles, Sockets, bound_link


class Opened(NamedTuple):
    """Sockets and files. `listeners`: of each of the traffic's sockets the number of its listener; `data`, `admin`:
    addresses as bound, for people."""

    sockets: Sockets
    listeners: list[int]
    data: str
    admin: str


def opened(settings: Settings) -> Opened:
    """Binds and opens. Raises OSError whose `filename` is the address, and nothing stays bound."""
    with ExitStack() as bound_so_far:

        def kept(socks: list[socket.socket]) -> list[socket.socket]:
            return [bound_so_far.enter_context(sock) for sock in socks]

        by_address = [kept(socks) for socks in listen_each(settings.listen)]
        data, admin = [sock for socks in by_address for sock in socks], kept(listen(settings.admin.listen))
        owners = settings.listener_of or (0,) * len(settings.listen)
        listeners = [owner for owner, socks in zip(owners, by_address, strict=True) for _ in socks]
        addresses = bound(data), bound(admin)
        of_state = os.path.dirname(os.path.abspath(settings.state))
        folder = new_folder("" if settings.state == ":memory:" else of_state)
        try:
            link = bound_link(folder.socket)
        except OSError:
            folder.close()
            raise
        bound_so_far.pop_all()
    slot, in_force = os.memfd_create("penumbra-table"), os.memfd_create("penumbra-settings")
    traffic, api = ([sock.detach() for sock in socks] for socks in (data, admin))
    files = slot, in_force, page(1 + settings.workers), *os.pipe()
    return Opened(Sockets(folder, OpenFiles(traffic, api, link, *files)), listeners, *addresses)
