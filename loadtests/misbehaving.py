"""Versions that misbehave, each in its own way, without a byte of cleverness in the proxies' favour.

- hung: connections and requests are taken, answers never come
- dead: nothing listens; connections are refused at once
- black hole: no answer even to the connection's first packet. A listening socket whose backlog is full drops it.
- garbage: every request is answered at once, by what is not HTTP

And those that are only half there:

- unresolvable: the name does not exist
- slowly resolving: its name servers take `SLOW_SECONDS` for each answer. The proxy is given a resolv.conf of its own,
  which needs root.
- eats descriptors: hung, and the proxy may open `FEW_FILES` files
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loadtests.processes import NotReady, free_ports

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


@contextmanager
def garbage() -> Iterator[int]:
    """A server that answers whatever it reads with what is not HTTP, and closes."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as sock:
        threading.Thread(target=_babble, args=(sock,), daemon=True).start()
        yield sock.getsockname()[1]
        sock.shutdown(socket.SHUT_RDWR)


def _babble(sock: socket.socket) -> None:
    while True:
        try:
            connection = sock.accept()[0]
        except OSError:
            return
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(b"\x00\x01 this is no answer\r\n\r\n")


MISBEHAVING: dict[str, Callable[[], AbstractContextManager[int]]] = {
    "hung": hung,
    "dead": dead,
    "black hole": black_hole,
    "garbage": garbage,
}
"""By port: for every peer."""

SLOW_SECONDS = 0.8
"""What a slow name server takes for an answer."""
FEW_FILES = 256
NAME_SERVER = "127.0.0.153"
"""An address of the loopback that nothing else uses."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version is said to be, port 0: where it is. `within`: what begins the command line of the proxy."""

    host: str
    port: int
    within: tuple[str, ...] = ()


@contextmanager
def unresolvable() -> Iterator[Place]:
    """A name that does not exist (RFC 2606)."""
    yield Place("no-such-name.invalid", 80)


@contextmanager
def slowly_resolving() -> Iterator[Place]:
    """The name of a healthy server. Raises NotReady where that cannot be staged."""
    if os.geteuid():
        raise NotReady("another resolv.conf needs root")
    with tempfile.TemporaryDirectory() as home, socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((NAME_SERVER, 53))
        threading.Thread(target=_name, args=(server,), daemon=True).start()
        conf = Path(home) / "resolv.conf"
        conf.write_text(f"nameserver {NAME_SERVER}\noptions timeout:5 attempts:1\n")
        mount = f'mount --bind {conf} /etc/resolv.conf && exec "$@"'
        yield Place("slow.test", 0, ("unshare", "--mount", "sh", "-c", mount, "sh"))
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _name(server: socket.socket) -> None:
    while True:
        try:
            question, client = server.recvfrom(512)
        except OSError:
            return
        if not question:
            return
        threading.Timer(SLOW_SECONDS, _answer, (server, question, client)).start()


def _answer(server: socket.socket, question: bytes, client: tuple[str, int]) -> None:
    """127.0.0.1 where an address is asked for (RFC 1035), and nothing else."""
    end = question.index(b"\0", 12) + 5
    wanted = question[end - 4 : end - 2] == b"\0\1"
    head = question[:2] + b"\x81\x80" + question[4:6] + (b"\0\1" if wanted else b"\0\0") + bytes(4)
    record = b"\xc0\x0c\0\1\0\1" + (5).to_bytes(4, "big") + b"\0\4" + socket.inet_aton("127.0.0.1")
    with suppress(OSError):
        server.sendto(head + question[12:end] + (record if wanted else b""), client)


@contextmanager
def eats_descriptors() -> Iterator[Place]:
    """A hung server, and a proxy that may not open many files."""
    with hung() as port:
        yield Place("127.0.0.1", port, ("prlimit", f"--nofile={FEW_FILES}:{FEW_FILES}"))


HALF_THERE: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "unresolvable": unresolvable,
    "slowly resolving": slowly_resolving,
    "eats descriptors": eats_descriptors,
}
"""For Penumbra alone: others refuse such a configuration, or have no such budget."""


@contextmanager
def _at(make: Callable[[], AbstractContextManager[int]]) -> Iterator[Place]:
    with make() as port:
        yield Place("127.0.0.1", port)


def places(half_there: bool) -> dict[str, Callable[[], AbstractContextManager[Place]]]:
    """All kinds, or those that every peer can have."""
    by_port: dict[str, Callable[[], AbstractContextManager[Place]]] = {
        name: (lambda make=make: _at(make))  # type: ignore[misc]
        for name, make in MISBEHAVING.items()
    }
    return by_port | (HALF_THERE if half_there else {})
