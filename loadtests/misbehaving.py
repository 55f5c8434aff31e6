"""Shadows that misbehave, each in its own way, without a byte of cleverness in the proxies' favour.

- hung: accepts connections, reads requests, never answers
- dead: nothing listens; connections are refused at once
- black hole: no answer even to the connection's first packet. A listening socket whose backlog is full drops it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from loadtests.processes import free_ports, stop

_HUNG = """
import asyncio, socket, sys
class Reads(asyncio.Protocol): pass
async def main():
    sock = socket.socket(fileno=int(sys.argv[1]))
    server = await asyncio.get_running_loop().create_server(Reads, sock=sock, backlog=4096)
    await server.serve_forever()
asyncio.run(main())
"""
FILLERS = 16
"""Connections that are tried to fill a backlog of nothing; the kernel lets one or two in."""


@contextmanager
def hung() -> Iterator[int]:
    """A server that reads everything and says nothing; in a process of its own, not to disturb the load."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        process = subprocess.Popen([sys.executable, "-c", _HUNG, str(sock.fileno())], pass_fds=[sock.fileno()])
    try:
        yield port
    finally:
        stop(process)


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
