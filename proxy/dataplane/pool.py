"""Connections to one model server for one purpose (live traffic, or one shadow), so that neither can starve the other.

1. The connection that was idle for the shortest time is used first; the others age out.
2. None idle: a new one is made, up to `limit`; beyond it legs wait in line, up to `MAX_WAITING`, then fail.
3. A connection that may not be used again, or was idle for `MAX_IDLE`, is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Protocol

from proxy.contracts.table import Version
from proxy.dataplane.h1.upstream import Upstream

MAX_IDLE = 55.0
"""Seconds. Shorter than the common server limit of 60; a server that closes sooner costs one silent retry."""

MAX_WAITING = 1024
"""Legs waiting for a connection: Envoy's default for pending requests."""


class Caller(Protocol):
    """Who waits for a connection: a leg."""

    connect_timeout: float

    def connected(self, upstream: Upstream, fresh: bool) -> None:
        """Here is the connection. `fresh`: it was made for this leg."""

    def connect_failed(self, reason: str, detail: str) -> None:
        """There will be none."""


class Pool:
    """Idle and busy connections to `version`."""

    __slots__ = ("_closed", "_connecting", "_idle", "_open", "_waiting", "limit", "version")

    def __init__(self, version: Version, limit: int) -> None:
        self.version = version
        self.limit = limit
        self._idle: list[Upstream] = []
        self._open = 0
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[Caller] = deque()
        self._closed = False

    def __repr__(self) -> str:
        busy = self._open - len(self._idle)
        return f"<Pool {self.version.name}: {busy} busy, {len(self._idle)} idle, {len(self._waiting)} waiting>"

    def acquire(self, caller: Caller, fresh: bool = False) -> None:
        """Gives `caller` a connection, now or later. `fresh`: not an idle one, whose end may not have been seen yet."""
        idle = self._idle
        if idle and not fresh:
            caller.connected(idle.pop(), False)
        elif self._open < self.limit:
            self._connect(caller)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(caller)
        else:
            caller.connect_failed("pool_full", f"{self.limit} connections are busy and {MAX_WAITING} legs wait")

    def abandon(self, caller: Caller) -> None:
        """`caller` does not wait any more (a connection under way goes to the idle ones)."""
        if caller in self._waiting:
            self._waiting.remove(caller)

    def release(self, upstream: Upstream) -> None:
        """A connection that can be used again comes back."""
        if self._waiting:
            self._waiting.popleft().connected(upstream, False)
        elif self._closed:
            upstream.close()
        else:
            upstream.idle_since = monotonic()
            self._idle.append(upstream)

    def lost(self, upstream: Upstream) -> None:
        """A connection has closed."""
        self._open -= 1
        if upstream in self._idle:
            self._idle.remove(upstream)
        self._connect_next()

    def _connect_next(self) -> None:
        if self._waiting and self._open < self.limit:
            self._connect(self._waiting.popleft())

    def sweep(self, now: float) -> None:
        """Closes what was idle for too long. The oldest stand first."""
        idle = self._idle
        stale = 0
        while stale < len(idle) and idle[stale].idle_since < now - MAX_IDLE:
            stale += 1
        for upstream in idle[:stale]:
            upstream.close()
        del idle[:stale]

    def close(self) -> None:
        """Closes the idle connections now and the busy ones when they are done."""
        self._closed = True
        for upstream in self._idle:
            upstream.close()
        self._idle.clear()

    def _connect(self, caller: Caller) -> None:
        self._open += 1
        task = asyncio.get_running_loop().create_task(self._connecting_for(caller))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connecting_for(self, caller: Caller) -> None:
        version = self.version
        try:
            async with asyncio.timeout(caller.connect_timeout):
                _, upstream = await asyncio.get_running_loop().create_connection(
                    lambda: Upstream(self), version.host, version.port
                )
        except TimeoutError:
            self._failed(caller, "connect_timeout", f"no connection within {caller.connect_timeout:g} s")
        except OSError as error:
            self._failed(caller, "connect_failed", error.strerror or str(error))
        else:
            caller.connected(upstream, True)

    def _failed(self, caller: Caller, reason: str, detail: str) -> None:
        self._open -= 1
        caller.connect_failed(reason, detail)
        self._connect_next()
