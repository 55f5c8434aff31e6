"""Webhooks: each change as JSON to those who asked for it, in order, retried, signed.

- A hook has a queue of its own (`MAX_QUEUED` changes, `MAX_QUEUED_BYTES`; when it is full the oldest goes, counted) and
  one task that sends, so that a dead one costs the others nothing and order is kept.
- Anything but 2xx is tried again after 1, 2, 4 … seconds, `MAX_ATTEMPTS` times in all; then the change is given up,
  counted and logged. 4xx other than 408, 425 and 429 will not get better and is given up at once.
- `X-Penumbra-Signature: t=<unix>,v1=<hex>` is HMAC-SHA-256 of "<unix>.<body>" under the hook's secret: a receiver
  checks it and refuses old times, so that nobody else can speak or repeat.
- Notifications never wait for the engine, nor it for them. They hold what the audit holds, with the hash of its head.
- TLS is spoken as `notify[].tls` says; other certificates are in force with the next attempt, and what waits goes on
  waiting.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Any

import aiohttp
from msgspec.structs import replace

from proxy import __version__
from proxy.contracts.bounds import MAX_SENTENCE, clipped
from proxy.contracts.operation import Hook, HookEvent
from proxy.contracts.release import RouteState
from proxy.contracts.tls import TlsMaterial
from proxy.release.audit import Change, plain
from proxy.tls.calls import CallContext
from proxy.tls.reason import TlsError, told

log = logging.getLogger("penumbra.notify")

MAX_QUEUED = 256
"""Changes that wait for one hook: days of releases, some MB."""
MAX_QUEUED_BYTES = 1 << 22
"""Bytes of changes that wait for one hook."""

MAX_ATTEMPTS = 6
"""Attempts to deliver one change: over half a minute, as long as a receiver takes to restart."""
FIRST_RETRY_SECONDS = 1.0
"""Pause before the second attempt; each further one is twice as long."""
CLOSE_SECONDS = 1.0
"""Seconds that the end of this process waits for a hook."""
ATTEMPT_SECONDS = 10.0
"""Seconds for one attempt."""
RETRIED_STATUSES = frozenset({408, 425, 429})

EVENTS: dict[str, HookEvent] = {
    "release": "start",
    "advance": "stage",
    "promote": "promote",
    "rollback": "rollback",
    "leave": "rollback",
    "drop": "breach",
    "notify": "breach",
    "restart": "identity",
    "keep": "identity",
}
"""Action of the audit to event; the rest is `change`, except a pause by the scorecard, which is a breach, and one for
another model, which is `identity`."""


def event_of(change: Change) -> HookEvent:
    """The event of a change, as a hook subscribes to it."""
    if change.who == "scorecard" and change.action == "pause":
        return "breach"
    if change.identity is not None and change.action == "pause":
        return "identity"
    if change.who == "configuration" and _begins(change.before, change.after):
        return "start"
    return EVENTS.get(change.action, "change")


def _begins(before: Any, after: Any) -> bool:
    """Whether a configuration has put a release on its way."""
    if not isinstance(after, RouteState) or after.release is None or after.phase in ("steady", "rolled_back"):
        return False
    return not isinstance(before, RouteState) or before.release != after.release


def body_of(change: Change, head: str, now: float) -> bytes:
    """The JSON document of a notification."""
    document: dict[str, Any] = {
        "event": event_of(change),
        "at": now,
        "route": change.route,
        "action": change.action,
        "who": change.who,
        "why": change.why,
        "before": plain(change.before),
        "after": plain(change.after),
        "beside": plain(change.beside),
        "evidence": plain(change.evidence),
        "examples": list(change.examples),
        "identity": plain(change.identity),
        "audit_head": head,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def signature(body: bytes, secret: str, now: float) -> str:
    """The value of `X-Penumbra-Signature`."""
    signed = f"{int(now)}.".encode() + body
    return f"t={int(now)},v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}"


class Notifier:
    """Takes changes synchronously and sends them in tasks of its own. `head` says the audit's newest hash."""

    def __init__(self, head: Callable[[], str], clock: Callable[[], float]) -> None:
        self._head, self._clock = head, clock
        self._queues: dict[Hook, HookQueue] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    def listen(self, change: Change, now: float) -> None:
        """Queues a change for every hook that wants its event."""
        wanted = [queue for hook, queue in self._queues.items() if not hook.events or event_of(change) in hook.events]
        if wanted:
            body = body_of(change, self._head(), now)
            for queue in wanted:
                queue.put(event_of(change), body)

    def use(self, hooks: Iterable[Hook]) -> None:
        """Sends to these from now on; needs a running loop."""
        wanted = {_as_configured(hook): hook for hook in hooks}
        for gone in [each for each in self._queues if each not in wanted]:
            self._queues.pop(gone).close()
        for configured, hook in wanted.items():
            if configured in self._queues:
                self._queues[configured].renew(hook)
            else:
                self._queues[configured] = HookQueue(hook, self.counts, self._clock)

    async def close(self) -> None:
        """Gives what is queued a moment, then stops."""
        queues, self._queues = list(self._queues.values()), {}
        for queue in queues:
            await queue.finish()


def _as_configured(hook: Hook) -> Hook:
    """Without what its files hold: a rotation makes no other webhook of it."""
    return replace(hook, tls=hook.tls and replace(hook.tls, material=TlsMaterial()))


class HookQueue:
    """One hook's queue and task. Counts (event, outcome): sent, failed, dropped."""

    __slots__ = ("_clock", "_counts", "_dry", "_failing", "_hook", "_queue", "_secured", "_task", "_wake")

    def __init__(self, hook: Hook, counts: Counter[tuple[str, str]], clock: Callable[[], float]) -> None:
        self._hook, self._counts, self._clock = hook, counts, clock
        self._secured = CallContext(f"notify ({_shown(hook.url)})", hook.tls) if hook.tls else None
        self._queue: deque[tuple[HookEvent, bytes]] = deque()
        self._wake, self._dry = asyncio.Event(), asyncio.Event()
        self._dry.set()
        self._failing = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def renew(self, hook: Hook) -> None:
        """The same webhook, of which the files may hold something else."""
        if self._secured is not None and hook.tls is not None:
            self._secured.use(hook.tls)

    def put(self, event: HookEvent, body: bytes) -> None:
        """Queues one notification."""
        self._queue.append((event, body))
        while len(self._queue) > MAX_QUEUED or sum(len(waits) for _, waits in self._queue) > MAX_QUEUED_BYTES:
            dropped, _ = self._queue.popleft()
            self._counts[dropped, "dropped"] += 1
        self._dry.clear()
        self._wake.set()

    def close(self) -> None:
        """Stops at once."""
        self._task.cancel()

    async def finish(self) -> None:
        """Lets the queue run dry for a moment, then stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._dry.wait(), CLOSE_SECONDS)
        self.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._wake.clear()
                while self._queue:
                    event, body = self._queue[0]
                    outcome = "sent" if await self._deliver(session, event, body) else "failed"
                    self._counts[event, outcome] += 1
                    if self._queue and self._queue[0][1] is body:
                        self._queue.popleft()
                self._dry.set()
                await self._wake.wait()

    async def _deliver(self, session: aiohttp.ClientSession, event: HookEvent, body: bytes) -> bool:
        answer = ""
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
            status, answer = await self._post(session, event, body)
            if 200 <= status < 300:
                self._failing = False
                return True
            if 400 <= status < 500 and status not in RETRIED_STATUSES:
                break
        if not self._failing:
            log.error("notifications cannot be delivered to %s (%s: %s)", _shown(self._hook.url), event, answer)
        self._failing = True
        return False

    async def _post(self, session: aiohttp.ClientSession, event: HookEvent, body: bytes) -> tuple[int, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"penumbra/{__version__}",
            "X-Penumbra-Event": event,
        }
        if self._hook.secret:
            headers["X-Penumbra-Signature"] = signature(body, self._hook.secret, self._clock())
        try:
            context = self._secured.get() if self._secured else True
            async with session.post(
                self._hook.url, data=body, headers=headers, allow_redirects=False, ssl=context
            ) as answer:
                return answer.status, f"status {answer.status}"
        except (aiohttp.ClientError, TlsError, TimeoutError, OSError, ValueError) as error:
            return 0, clipped(told(error), MAX_SENTENCE)


def _shown(url: str) -> str:
    """Without the query, which may hold a secret."""
    return url.partition("?")[0]
