"""Happy Eyeballs (RFC 8305): several addresses are tried, each a little after the one before, and the first one wins.

1. The next address is tried after `STAGGER_SECONDS`, or as soon as one has failed.
2. A socket beyond the first needs a descriptor of the same purpose (`ConnectionOwner.spare`); where there is none, the
   next address is tried when one has failed.
3. Who could not be reached, or was tried earlier than the winner and is still silent, is remembered (`endpoints`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.local_fault import reason_of
from proxy.dataplane.ports import Connection, ConnectionOwner

STAGGER_SECONDS: Final = 0.25
"""Seconds until the next address is tried (RFC 8305 §5: "Connection Attempt Delay")."""

BLAMED: Final = frozenset(("connect_failed", "tls_failed"))
"""Reasons for which an address comes last for a while."""


class Attempts:
    """What a race needs of a protocol."""

    async def attempt(self, endpoint: ServerEndpoint) -> Connection:
        """A connection to `endpoint`. Raises OSError."""
        raise NotImplementedError

    def drop(self, connection: Connection, endpoint: ServerEndpoint) -> None:
        """Closes a connection that came too late."""
        raise NotImplementedError

    def ejected(self, endpoint: ServerEndpoint) -> None:
        """Tells that `endpoint` cannot be reached any more."""


class Race:
    """One race for `owner`. `winner`: the endpoint of the connection that `run` has returned."""

    __slots__ = ("_attempts", "_clock", "_error", "_owner", "_spares", "_tasks", "_waiting", "winner")

    def __init__(
        self, attempts: Attempts, owner: ConnectionOwner, endpoints: list[ServerEndpoint], clock: Callable[[], float]
    ) -> None:
        self._attempts, self._owner, self._clock = attempts, owner, clock
        self._waiting = deque(endpoints)
        self._tasks: dict[asyncio.Task[Connection], ServerEndpoint] = {}
        self._spares = 0
        self._error: BaseException | None = None
        self.winner = endpoints[0]

    async def run(self) -> Connection:
        """The connection that was made first. Raises the last error where all have failed."""
        if len(self._waiting) == 1:
            return await self._attempts.attempt(self.winner)
        try:
            while True:
                self._start_next()
                timeout = STAGGER_SECONDS if self._waiting else None
                done, _ = await asyncio.wait(self._tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                won = self._winner_of(done)
                if won is not None:
                    return won
                if self._error is not None and not self._tasks and not self._waiting:
                    raise self._error
        except asyncio.CancelledError:
            self._blame(list(self._tasks.values()))  # in all that time, none of them has answered
            raise
        finally:
            self._end()

    def _start_next(self) -> None:
        if not self._waiting:
            return
        if self._tasks:
            if not self._owner.spare():
                return
            self._spares += 1
        endpoint = self._waiting.popleft()
        self._tasks[asyncio.get_running_loop().create_task(self._attempts.attempt(endpoint))] = endpoint

    def _winner_of(self, done: set[asyncio.Task[Connection]]) -> Connection | None:
        silent: list[ServerEndpoint] = []
        for task, endpoint in list(self._tasks.items()):
            if task not in done:
                silent.append(endpoint)
                continue
            error = task.exception()
            if error is None:
                self._blame(silent)
                endpoint.reached(self._clock())
                self.winner = endpoint
                del self._tasks[task]  # not before: where one of these raises, it is dropped with the others
                return task.result()
            del self._tasks[task]
            self._failed(endpoint, error)
        return None

    def _failed(self, endpoint: ServerEndpoint, error: BaseException) -> None:
        self._error = error
        if isinstance(error, OSError) and reason_of(error) in BLAMED:
            self._blame([endpoint])
        if self._spares:
            self._give_back(1)

    def _blame(self, endpoints: list[ServerEndpoint]) -> None:
        now = self._clock()
        for each in endpoints:
            if each.failed(now):
                self._attempts.ejected(each)

    def _give_back(self, count: int) -> None:
        self._spares -= count
        for _ in range(count):
            self._owner.spared()

    def _end(self) -> None:
        self._give_back(self._spares)
        for task, endpoint in self._tasks.items():
            task.add_done_callback(Loser(self._attempts, endpoint).done)
            task.cancel()


class Loser:
    """An attempt that nobody waits for any more."""

    __slots__ = ("_attempts", "_endpoint")

    def __init__(self, attempts: Attempts, endpoint: ServerEndpoint) -> None:
        self._attempts, self._endpoint = attempts, endpoint

    def done(self, task: asyncio.Task[Connection]) -> None:
        """It has ended; a connection that it made is closed."""
        if not task.cancelled() and task.exception() is None:
            self._attempts.drop(task.result(), self._endpoint)
