"""Shadows that misbehave, each in its own way, without a byte of cleverness in the proxies' favour.

- hung: connections and requests are taken, answers never come
- dead: nothing listens; connections are refused at once
- black hole: no answer even to the connection's first packet. A listening socket whose backlog is full drops it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from loadtests.processes import free_ports

BACKLOG = 4096
"""Connections that the kernel takes for a server that does not: more than any proxy here makes."""

FILLERS = 16
"""Connections that are tried to fill a backlog of nothing; the kernel lets one or two in."""


@contextmanager
def hung() -> Iterator[int]:
    """A port whose connections the kernel accepts, and whose bytes it takes, for a server that never looks. A process
    that did so would take CPU from the proxies: a shadow is on another machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as sock:
        yield sock.getsockname()[1]


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
