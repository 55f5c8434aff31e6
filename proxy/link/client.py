"""The worker's end of the link: connects again when control comes back, and knows for how long it has been silent."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import cast

from proxy.contracts.record import Tick
from proxy.contracts.table import Table
from proxy.link.frames import Ack, Apply, BrokenLinkError, FrameReader, Hello, encode
from proxy.link.outbox import Outbox

log = logging.getLogger("penumbra.link")

RETRY_SECONDS = 0.05
"""Seconds between attempts to connect; a Unix socket answers at once, so this costs nothing."""


class LinkClient:
    """Keeps one connection to control at `path`. `on_table` gets each table; `heard` is the time of control's last
    word.

    `now` is a monotonic clock, in seconds.
    """

    def __init__(
        self, path: str, outbox: Outbox, hello: Hello, on_table: Callable[[Table], None], now: Callable[[], float]
    ) -> None:
        self._path, self._outbox, self._hello = path, outbox, hello
        self._on_table, self._now = on_table, now
        self._transport: asyncio.Transport | None = None
        self.heard = now()
        self.sample = 1.0

    async def run(self) -> None:
        """Connects, and connects again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, protocol = await loop.create_unix_connection(lambda: _Connection(self), self._path)
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await protocol.closed
            log.warning("link to control lost")
            await asyncio.sleep(RETRY_SECONDS)

    def send_tick(self, tick: Tick) -> None:
        """Sends a tick; only when `outbox.may_tick`. Without a connection it goes out with the next one."""
        self._write(self._outbox.tick(tick))

    def send_records(self) -> None:
        """Sends the waiting records if control takes them; otherwise they wait (bounded by the outbox)."""
        while self._transport is not None and (frame := self._outbox.flush(self._transport.get_write_buffer_size())):
            self._transport.write(frame)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and frame:
            self._transport.write(frame)

    def connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(encode(self._hello) + self._outbox.resend())

    def disconnected(self) -> None:
        self._transport = None
        self._outbox.unsent = 0

    def received(self, message: object) -> None:
        self.heard = self._now()
        if isinstance(message, Ack):
            self._outbox.ack(message.seq)
            self.sample = message.sample
        elif isinstance(message, Apply):
            self._on_table(message.table)


class _Connection(asyncio.Protocol):
    def __init__(self, client: LinkClient) -> None:
        self._client = client
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._client.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except BrokenLinkError as error:
            log.error("link to control broken: %s", error)
            assert self._transport is not None
            self._transport.abort()
            return
        for message in messages:
            self._client.received(message)

    def connection_lost(self, error: Exception | None) -> None:
        self._client.disconnected()
        if not self.closed.done():
            self.closed.set_result(None)


def hello(worker: int) -> Hello:
    """This process's introduction: the incarnation is unique for each start."""
    return Hello(worker, os.urandom(8).hex(), os.getpid())
