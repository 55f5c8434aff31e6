"""The connections to one model server, and what came of its requests.

1. A request goes out on a connection that is idle, or on a new one; how many there are at once is the caller's bound.
2. One whose connection, idle before, ended without a byte of an answer is sent once more: the server had closed it.
3. A server that never answered is no candidate that has failed: `silent` says so.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from time import monotonic

from proxy.cli.replay.connection import SentRequest, ServerConnection, ServerTally
from proxy.cli.replay.message import Addressed, RequestMessage
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Timeouts, Version
from proxy.contracts.tls import ClientTls
from proxy.control.capture.format import Captured
from proxy.control.replay.asking import LiveAnswer
from proxy.tls.client import client_context
from proxy.tls.peer import shown, verify
from proxy.tls.reason import TlsError, told

MAX_SILENT = 10
"""Requests without any answer after which a server that has never answered is given up."""

MAX_CONNECTING = 4
"""Connections that are opened at a time: some servers have a backlog of 5, and a burst is no fault of theirs."""

OWN_ERRORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN))
"""What this host lacks, and no server is charged with."""


class UnreachableError(Exception):
    """A server that cannot be reached, or never answers; the message says which and why."""


class ReplayServer:
    """One server that requests are sent to; `tally` is what came of them."""

    def __init__(self, settings: Settings, section: RouteSettings, version: Version, timeouts: Timeouts) -> None:
        self.version = version
        self._addressed = Addressed(settings, section, version)
        self._timeouts = timeouts
        self._tls = settings.tls.get(version.name, ClientTls())
        self._context: ssl.SSLContext | None = None
        self._idle: list[ServerConnection] = []
        self._open: set[ServerConnection] = set()
        self._connecting: dict[asyncio.Task[None], SentRequest] = {}
        self._turns = asyncio.Semaphore(MAX_CONNECTING)
        self.tally = ServerTally()

    @property
    def silent(self) -> bool:
        """Whether it has never answered, often enough to say so."""
        return not self.tally.answered and self.tally.lost >= MAX_SILENT

    def unreachable(self) -> UnreachableError:
        """It has never answered."""
        why = f": {self.tally.fault}" if self.tally.fault else ""
        return UnreachableError(f"{self.version.url} gave no answer to {self.tally.lost:,} requests{why}")

    async def reach(self) -> None:
        """Opens the first connection. Raises UnreachableError."""
        try:
            if self.version.secure:
                self._context = client_context(self._tls, ["http/1.1"])
            connection = await self._connected()
        except (OSError, TlsError, TimeoutError) as error:
            raise UnreachableError(f"{self.version.url} cannot be reached: {_told(error)}") from error
        self._idle.append(connection)

    def message(self, asked: Captured) -> RequestMessage:
        """A captured request as it is sent here. Raises Unwritable."""
        return self._addressed.message(asked)

    def ask(self, message: RequestMessage, done: Callable[[LiveAnswer], None]) -> None:
        """Sends a request; `done` gets what comes of it, later."""
        self._send(SentRequest(message, done, self.tally, monotonic(), self._timeouts.response))

    def expire(self, now: float) -> None:
        """Ends requests that have made no progress by their deadline."""
        for connection in [each for each in self._open if each.asking is not None]:
            asking = connection.asking
            if asking is not None and now > asking.deadline:
                connection.fail("idle_timeout" if asking.answer.status else "response_timeout")
            elif asking is not None and self._timeouts.total and now - asking.began > self._timeouts.total:
                connection.fail("total_timeout")

    def close(self) -> None:
        """Ends all connections; what is under way is not told."""
        for task in self._connecting:
            task.cancel()
        for connection in tuple(self._open):
            connection.asking = None
            connection.transport.abort()

    # -- connections

    def _send(self, asking: SentRequest) -> None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                connection.ask(asking)
                return
        task = asyncio.get_running_loop().create_task(self._send_anew(asking))
        self._connecting[task] = asking
        task.add_done_callback(self._connecting.pop)

    async def _send_anew(self, asking: SentRequest) -> None:
        try:
            connection = await self._connected()
        except TimeoutError:
            asking.end("connect_timeout", monotonic())
        except (OSError, TlsError) as error:
            self.tally.fault = _told(error)
            asking.end(_reason_of(error), monotonic())
        else:
            connection.ask(asking)

    async def _connected(self) -> ServerConnection:
        async with self._turns, asyncio.timeout(self._timeouts.connect):
            secure = self._context is not None
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: ServerConnection(self._freed, self._ended, self._timeouts.idle),
                self.version.host, self.version.port, ssl=self._context,
                server_hostname=(self._tls.server_name or self.version.host) if secure else None,
            )  # fmt: skip
        if secure:
            verify(self._tls, shown(connection.transport.get_extra_info("ssl_object")))
        self._open.add(connection)
        return connection

    def _freed(self, connection: ServerConnection) -> None:
        self._idle.append(connection)

    def _ended(self, connection: ServerConnection, asking: SentRequest | None, reason: str, stale: bool) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if asking is None:
            return
        if stale and not asking.again:
            asking.again = True
            self._send(asking)
            return
        asking.end(reason, monotonic())


def _reason_of(error: Exception) -> str:
    if isinstance(error, TlsError | ssl.SSLError):
        return "tls_failed"
    own = isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno in OWN_ERRORS
    return "no_resources" if own else "connect_failed"


def _told(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, TlsError | ssl.SSLError):
        return told(error)
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
