"""The connections to a model server of HTTP/2, and what came of its requests.

1. Requests share a connection as far as the server allows; those beyond wait for another one, which is opened then.
2. A request that was not worked on for sure is sent once more.
3. By TLS the server has to agree to HTTP/2 (ALPN); in clear it speaks it from the first byte on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from proxy.cli.replay.connection import SentRequest
from proxy.cli.replay.http2_connection import NO_HTTP2, Http2ServerConnection
from proxy.cli.replay.http2_message import Http2Addressed
from proxy.cli.replay.message import RequestMessage
from proxy.cli.replay.target import ReplayTarget, reason_of, why_not_reached
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Timeouts, Version
from proxy.control.capture.format import Captured
from proxy.control.replay.asking import LiveAnswer
from proxy.tls.reason import TlsError


class Http2ReplayServer(ReplayTarget):
    """One server that is asked by HTTP/2."""

    alpn = "h2"

    def __init__(self, settings: Settings, section: RouteSettings, version: Version, timeouts: Timeouts) -> None:
        super().__init__(settings, version, timeouts)
        self._addressed = Http2Addressed(settings, section, version, timeouts.response)
        self._open: list[Http2ServerConnection] = []
        self._waiting: deque[SentRequest] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._woken = False

    async def _open_first(self) -> None:
        await self._connect()

    def message(self, asked: Captured) -> RequestMessage:
        return self._addressed.message(asked)

    def ask(self, message: RequestMessage, done: Callable[[LiveAnswer], None]) -> None:
        self._send(SentRequest(message, done, self.tally, monotonic(), self._timeouts.response))

    def expire(self, now: float) -> None:
        total = self._timeouts.total
        for connection in tuple(self._open):
            for number, asking in tuple(connection.asked.items()):
                if now > asking.deadline:
                    connection.fail(number, "idle_timeout" if asking.answer.status else "response_timeout")
                elif total and now - asking.began > total:
                    connection.fail(number, "total_timeout")
        self._fill_soon()

    def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        self._waiting.clear()
        for connection in tuple(self._open):
            connection.drop()

    # -- connections

    def _send(self, asking: SentRequest) -> None:
        self._waiting.append(asking)
        self._fill_soon()

    def _fill_soon(self) -> None:
        """Once for all that one turn of the loop brings: requests of a turn leave in one write."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._fill)

    def _fill(self) -> None:
        """Sends what waits, as far as there is room; for the rest another connection is made."""
        self._woken = False
        self._open = [each for each in self._open if each.asked or not each.transport.is_closing()]
        for connection in tuple(self._open):
            while self._waiting and connection.has_room():
                connection.ask(self._waiting.popleft())
            connection.flush()
        if self._waiting and self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect_further())

    async def _connect_further(self) -> None:
        try:
            await self._connect()
        except (OSError, TlsError, TimeoutError) as error:
            self._connecting = None
            self._none_for_those_that_wait(error)
        else:
            self._connecting = None
            self._fill_soon()

    def _none_for_those_that_wait(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for asking in waiting:
            asking.end(reason_of(error), monotonic(), why_not_reached(error))

    async def _connect(self) -> None:
        async with asyncio.timeout(self._timeouts.connect):
            connection = await self._dialled(self._made)
            if not self._speaks_http2(connection):
                connection.drop()
                raise TlsError(NO_HTTP2, "protocol")
            try:
                await connection.ready
            except BaseException:
                connection.drop()
                raise
        self._open.append(connection)

    def _made(self) -> Http2ServerConnection:
        return Http2ServerConnection(self._fill_soon, self._unanswered, self._timeouts.idle)

    def _speaks_http2(self, connection: Http2ServerConnection) -> bool:
        layer = connection.transport.get_extra_info("ssl_object")
        return layer is None or layer.selected_alpn_protocol() == "h2"

    def _unanswered(self, asking: SentRequest, reason: str, unprocessed: bool) -> None:
        if unprocessed and not asking.again:
            asking.again = True
            self._send(asking)
            return
        asking.end(reason, monotonic())
