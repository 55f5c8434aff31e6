"""Connections of one listening socket of the admin API, taken by us: the loop would reset those for which there is no
descriptor.

1. Where the limit of open files was lowered while we ran, it is raised again, and nobody notices.
2. Where it cannot be, a descriptor that was kept for it serves for the answer 503, to one connection after the other:
   who asks whether we live learns that we do, and what is wrong.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from proxy.descriptor_limit import raise_descriptor_limit

log = logging.getLogger("penumbra.control")

AT_ONCE = 64
"""Connections that are taken before other work has its turn."""

TOLD_SECONDS = 60.0
"""Seconds before the log says it again."""

REFUSED_SECONDS = 0.05
"""Seconds for which a refused connection is kept, so that its answer is not lost: so at most 20 a second."""

SPENT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors of this process or its host; all others are of the connection, which is gone."""

_DETAIL = b'{"type":"/problems/no-descriptors","title":"No more open files","status":503}'
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_DETAIL), _DETAIL)
)


class Acceptor:
    """Takes connections of `sock` from now until `close`. `protocol`: makes one for each."""

    __slots__ = ("_loop", "_protocol", "_refused", "_reserve", "_sock", "_tasks", "_told")

    def __init__(
        self, sock: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._sock, self._protocol, self._loop = sock, protocol, loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = float("-inf")
        self._refused: socket.socket | None = None
        self._reserve = os.eventfd(0)
        sock.setblocking(False)
        loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Takes no more; those that were taken go on."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()
        self._let_go()
        self._give_reserve()

    def _readable(self) -> None:
        for _ in range(AT_ONCE):
            try:
                taken = self._taken()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in SPENT:
                    self._without_descriptor(error)
                    return
                continue
            taken.setblocking(False)
            task = self._loop.create_task(self._serve(taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _taken(self) -> socket.socket:
        try:
            return self._sock.accept()[0]
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        raise_descriptor_limit()
        return self._sock.accept()[0]

    async def _serve(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, taken)
        except OSError:  # it has ended meanwhile
            taken.close()

    def _without_descriptor(self, error: OSError) -> None:
        """Refuses one connection, and looks again a little later."""
        now = self._loop.time()
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            log.error("connections to the admin API are refused: %s", error.strerror)
        self._loop.remove_reader(self._sock)
        self._give_reserve()
        with suppress(OSError):
            self._refused, _ = self._sock.accept()
            self._refused.setblocking(False)
            self._refused.send(REFUSAL)
            self._refused.shutdown(socket.SHUT_WR)
        self._loop.call_later(REFUSED_SECONDS, self._go_on)

    def _let_go(self) -> None:
        if self._refused is not None:
            with suppress(OSError):
                self._refused.recv(65536)  # else the kernel would reset it
            self._refused.close()
            self._refused = None

    def _go_on(self) -> None:
        self._let_go()
        if self._sock.fileno() < 0:
            return
        with suppress(OSError):
            self._reserve = os.eventfd(0)
        self._loop.add_reader(self._sock, self._readable)

    def _give_reserve(self) -> None:
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1
