"""What a replay needs of a model server, whatever version of HTTP it speaks, and how a connection to it is made.

A server that never answered is no candidate that has failed: `silent` says so.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from proxy.cli.replay.connection import ServerTally
from proxy.cli.replay.message import RequestMessage
from proxy.cli.wording import counted
from proxy.contracts.settings import Settings
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

Made = TypeVar("Made", bound=asyncio.Protocol)


class UnreachableError(Exception):
    """A server that cannot be reached, or never answers; the message says which and why."""


class ReplayTarget:
    """One server that requests are sent to; `tally` is what came of them."""

    alpn = ""
    """The protocol that is offered by TLS."""

    def __init__(self, settings: Settings, version: Version, timeouts: Timeouts) -> None:
        self.version = version
        self.tally = ServerTally()
        self._timeouts = timeouts
        self._tls = settings.tls.get(version.name, ClientTls())
        self._context: ssl.SSLContext | None = None
        self._turns = asyncio.Semaphore(MAX_CONNECTING)

    @property
    def silent(self) -> bool:
        """Whether it has never answered, often enough to say so."""
        return not self.tally.answered and self.tally.lost >= MAX_SILENT

    def unreachable(self) -> UnreachableError:
        """It has never answered."""
        lost = f"{self.version.url} gave no answer to {counted(self.tally.lost, 'request')}"
        return UnreachableError(f"{lost}: {self.tally.told}")

    async def reach(self) -> None:
        """Opens the first connection. Raises UnreachableError."""
        try:
            if self.version.secure:
                self._context = client_context(self._tls, [self.alpn])
            await self._open_first()
        except (OSError, TlsError, TimeoutError) as error:
            raise UnreachableError(f"{self.version.url} cannot be reached: {why_not_reached(error)}") from error

    # what each version of HTTP does in its own way

    def message(self, asked: Captured) -> RequestMessage:
        """A captured request as it is sent here. Raises Unwritable."""
        raise NotImplementedError

    def ask(self, message: RequestMessage, done: Callable[[LiveAnswer], None]) -> None:
        """Sends a request; `done` gets what comes of it, later."""
        raise NotImplementedError

    def expire(self, now: float) -> None:
        """Ends requests that have made no progress by their deadline."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends all connections; what is under way is not told."""
        raise NotImplementedError

    async def _open_first(self) -> None:
        """Opens a connection, for the first request. Raises OSError, TlsError, TimeoutError."""
        raise NotImplementedError

    # connections

    async def _dialled(self, make: Callable[[], Made]) -> Made:
        """A connection whose server is who it has to be. Raises OSError, TlsError, TimeoutError."""
        secure = self._context is not None
        transport, connection = await asyncio.get_running_loop().create_connection(
            make, self.version.host, self.version.port, ssl=self._context,
            server_hostname=(self._tls.server_name or self.version.host) if secure else None,
        )  # fmt: skip
        if secure:
            verify(self._tls, shown(transport.get_extra_info("ssl_object")))
        return connection


def reason_of(error: Exception) -> str:
    """The reason for which a request has failed that got no connection."""
    if isinstance(error, TimeoutError):
        return "connect_timeout"
    if isinstance(error, TlsError | ssl.SSLError):
        return "tls_failed"
    own = isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno in OWN_ERRORS
    return "no_resources" if own else "connect_failed"


def why_not_reached(error: BaseException) -> str:
    """Why there is no connection, for people."""
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, TlsError | ssl.SSLError):
        return told(error)
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
