"""Clients that take turns: one request at a time, over many connections that stay open.

What a request costs beside 10,000 connections is then the same work as beside one, and nothing else differs.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.calls import load_of
from loadtests.exact import read_head, request_bytes
from loadtests.results import Load

PATIENCE = 10.0
"""Seconds for an answer."""


@dataclass(slots=True)
class Turns:
    """`connections`, opened by the first run and kept for the next ones, until `close`."""

    bodies: Path
    connections: int = 1
    _open: list[socket.socket] = field(default_factory=list)
    _next: int = 0

    def drive(self, port: int, seconds: float) -> Load:
        """One run against a loopback port; the first one opens and uses all connections, however long it takes. Raises
        ConnectionError."""
        requests = [request_bytes(body) for body in self.bodies.read_bytes().splitlines()]
        least = self._fill(port)
        began, taken, failed = time.monotonic(), list[int](), 0
        while len(taken) < least or time.monotonic() < began + seconds:
            at, self._next = self._next, (self._next + 1) % self.connections
            sent = time.monotonic()
            failed += _asked(self._open[at], requests[len(taken) % len(requests)]) != 200
            taken.append(int((time.monotonic() - sent) * 1e6))
        return load_of(taken, time.monotonic() - began, 0, failed)

    def _fill(self, port: int) -> int:
        """Opens what is not open; how many requests have to be sent so that all are used."""
        missing = self.connections - len(self._open)
        self._open += [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(missing)]
        return missing

    def close(self) -> None:
        """Closes all."""
        while self._open:
            self._open.pop().close()


def _asked(connection: socket.socket, request: bytes) -> int:
    """The status of the answer."""
    connection.sendall(request)
    data = _more(connection)
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    status, _, length = read_head(data[:end])
    while len(data) < end + 4 + length:
        data += _more(connection)
    return status


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("a connection has ended")
    return data
