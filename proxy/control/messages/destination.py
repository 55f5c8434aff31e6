"""One destination's queue and task: a dead one costs the others nothing, and order is kept.

- When `MAX_QUEUED` messages or `MAX_QUEUED_BYTES` wait, the oldest goes, counted.
- A matter that is told again while it waits to be told takes the place of what waits.
- What cannot be delivered is given up, counted, logged once, and a warning of the page until something is delivered.
- TLS is spoken as `notify[].tls` says; other certificates are in force with the next attempt, and what waits goes on
  waiting.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress

import aiohttp

from proxy.contracts.operation import Hook
from proxy.control.messages import retries
from proxy.control.messages.attempt import Answered, attempt, session, takes
from proxy.control.messages.formats.call import in_json
from proxy.control.messages.formats.plain_json import document
from proxy.control.messages.message import Message
from proxy.control.messages.retries import delivered
from proxy.control.messages.secrets import shown
from proxy.tls.calls import CallContext

log = logging.getLogger("penumbra.notify")

MAX_QUEUED = 256
"""Messages that wait for one destination: days of releases, some MB."""
MAX_QUEUED_BYTES = 1 << 22
"""Bytes of messages that wait for one destination."""
CLOSE_SECONDS = 1.0
"""Seconds that the end of this process waits for a destination."""


class Destination:
    """One hook's queue and task. `outcomes` counts sent, failed, dropped; `counts` the same by event; `settled` hears
    of each message that was delivered or given up."""

    __slots__ = (
        *("_clock", "_counts", "_dry", "_hook", "_instance", "_queue", "_secured", "_settled", "_task", "_wake"),
        *("fault", "name", "outcomes"),
    )

    def __init__(
        self,
        hook: Hook,
        name: str,
        counts: Counter[tuple[str, str]],
        clock: Callable[[], float],
        instance: str = "",
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._settled = settled
        self._hook, self.name, self._counts, self._clock, self._instance = hook, name, counts, clock, instance
        self._secured = CallContext(f"notify ({shown(hook.url)})", hook.tls) if hook.tls else None
        self._queue: deque[tuple[Message, int]] = deque()
        self._wake, self._dry = asyncio.Event(), asyncio.Event()
        self._dry.set()
        self.fault = ""
        """Why the last message was not delivered; "": it was, or there was none."""
        self.outcomes: Counter[str] = Counter()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def waiting(self) -> int:
        """Messages that are not delivered yet."""
        return len(self._queue)

    @property
    def undelivered(self) -> list[Message]:
        """The same themselves, oldest first, but for those that are told again anyhow."""
        return [message for message, _ in self._queue if not message.again]

    @property
    def idle(self) -> bool:
        """Whether everything was delivered, or given up."""
        return self._dry.is_set()

    def renew(self, hook: Hook) -> None:
        """The same destination, of which the files may hold something else."""
        if self._secured is not None and hook.tls is not None:
            self._secured.use(hook.tls)

    def put(self, message: Message) -> None:
        """Queues a message, where the destination is told of such."""
        if not takes(self._hook, message):
            return
        if message.again:
            first, *others = self._queue or (None,)  # the first is under way
            kept = [each for each in others if each and not (each[0].again and each[0].key == message.key)]
            self._queue = deque([*([first] if first else []), *kept])
        self._queue.append((message, len(in_json(document(message)))))
        while len(self._queue) > MAX_QUEUED or sum(size for _, size in self._queue) > MAX_QUEUED_BYTES:
            self._count(self._queue.popleft()[0], "dropped")
        self._dry.clear()
        self._wake.set()

    def close(self) -> None:
        """Stops at once."""
        self._task.cancel()

    async def settle(self) -> None:
        """Lets the queue run dry, for a moment."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._dry.wait(), CLOSE_SECONDS)

    async def finish(self) -> None:
        """Lets the queue run dry for a moment, then stops."""
        await self.settle()
        self.close()
        await asyncio.gather(self._task, return_exceptions=True)

    def _count(self, message: Message, outcome: str) -> None:
        self._counts[message.event, outcome] += 1
        self.outcomes[outcome] += 1

    async def _run(self) -> None:
        async with session() as client:
            while True:
                self._wake.clear()
                while self._queue:
                    message, _ = self._queue[0]
                    self._count(message, "sent" if await self._deliver(client, message) else "failed")
                    if self._queue and self._queue[0][0] is message:
                        self._queue.popleft()
                    self._settled()
                self._dry.set()
                await self._wake.wait()

    async def _deliver(self, client: aiohttp.ClientSession, message: Message) -> bool:
        made, paused, answer = 0, 0.0, Answered(0, "")
        while True:
            answer = await attempt(client, self._hook, self._secured, message, self._instance, self._clock())
            made += 1
            if delivered(answer.status):
                self._recovered()
                return True
            wait = retries.pause(made, answer.status, answer.after, int.from_bytes(os.urandom(2)) / 65536, paused)
            if wait is None:
                break
            paused += wait
            await asyncio.sleep(wait)
        if not self.fault:
            where = shown(self._hook.url)
            log.error("messages cannot be delivered to %s, %s (%s: %s)", self.name, where, message.event, answer.said)
        self.fault = answer.said or "no answer"
        return False

    def _recovered(self) -> None:
        if self.fault:
            log.info("messages are delivered to %s again", self.name)
        self.fault = ""
