"""Shadows that misbehave, each in its own way, without a byte of cleverness in the proxies' favour.

- hung: connections and requests are taken, answers never come
- dead: nothing listens; connections are refused at once
- black hole: no answer even to the connection's first packet. A listening socket whose backlog is full drops it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from loadtests.processes import free_ports

BACKLOG = 4096
"""Connections that may come at once."""

FILLERS = 16
"""Connections that are tried to fill a backlog of nothing; the kernel lets one or two in."""


@contextmanager
def hung() -> Iterator[int]:
    """A server that accepts and never looks: the kernel takes the bytes. One that read them would take CPU from the
    proxies, where a shadow is on another machine."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as sock:
        threading.Thread(target=_accept, args=(sock, taken), daemon=True).start()
        yield sock.getsockname()[1]
        sock.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()


def _accept(sock: socket.socket, taken: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            taken.append(sock.accept()[0])


@contextmanager
def dead() -> Iterator[int]:
    """A port that refuses."""
    yield free_ports(1)[0]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that drops whoever tries to connect."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(FILLERS):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]


MISBEHAVING: dict[str, Callable[[], AbstractContextManager[int]]] = {
    "hung": hung,
    "dead": dead,
    "black hole": black_hole,
}
