"""The connections to a model server of HTTP/1.1, and what came of its requests.

1. A request goes out on a connection that is idle, or on a new one; how many there are at once is the caller's bound.
2. One whose connection, idle before, ended without a byte of an answer is sent once more: the server had closed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from proxy.cli.replay.connection import SentRequest, ServerConnection
from proxy.cli.replay.message import Addressed, RequestMessage
from proxy.cli.replay.target import ReplayTarget, reason_of, why_not_reached
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Timeouts, Version
from proxy.control.capture.format import Captured
from proxy.control.replay.asking import LiveAnswer
from proxy.tls.reason import TlsError


class ReplayServer(ReplayTarget):
    """One server that is asked by HTTP/1.1."""

    alpn = "http/1.1"

    def __init__(self, settings: Settings, section: RouteSettings, version: Version, timeouts: Timeouts) -> None:
        super().__init__(settings, version, timeouts)
        self._addressed = Addressed(settings, section, version)
        self._idle: list[ServerConnection] = []
        self._open: set[ServerConnection] = set()
        self._connecting: dict[asyncio.Task[None], SentRequest] = {}

    async def _open_first(self) -> None:
        self._idle.append(await self._connected())

    def message(self, asked: Captured) -> RequestMessage:
        return self._addressed.message(asked)

    def ask(self, message: RequestMessage, done: Callable[[LiveAnswer], None]) -> None:
        self._send(SentRequest(message, done, self.tally, monotonic(), self._timeouts.response))

    def expire(self, now: float) -> None:
        for connection in [each for each in self._open if each.asking is not None]:
            asking = connection.asking
            if asking is not None and now > asking.deadline:
                connection.fail("idle_timeout" if asking.answer.status else "response_timeout")
            elif asking is not None and self._timeouts.total and now - asking.began > self._timeouts.total:
                connection.fail("total_timeout")

    def close(self) -> None:
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
        except (OSError, TlsError, TimeoutError) as error:
            asking.end(reason_of(error), monotonic(), why_not_reached(error))
        else:
            connection.ask(asking)

    async def _connected(self) -> ServerConnection:
        async with self._turns, asyncio.timeout(self._timeouts.connect):
            connection = await self._dialled(lambda: ServerConnection(self._freed, self._ended, self._timeouts.idle))
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
