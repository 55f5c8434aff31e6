"""The door to messages: what happens, and what lasts, to everyone who asked for it (`control.messages`).

- Messages never wait for the engine, nor it for them. Those of changes hold what the audit holds, with the hash of its
  head.
- In a fleet the judge alone sends. A new one sends again what the one before it may have died with: the fleet's
  evidence says up to which entry of the audit everything was delivered (`idle`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from proxy.contracts.messages import NO_ACCOUNT, Account
from proxy.contracts.operation import Hook
from proxy.contracts.tls import TlsMaterial
from proxy.control.containment import contained
from proxy.control.disk_thread import DiskThread
from proxy.control.engine import Engine
from proxy.control.messages.changes import BY_ITSELF, Trouble, event_of, message_of, routes_of, trouble_of
from proxy.control.messages.destination import MAX_QUEUED, MAX_QUEUED_BYTES, Destination
from proxy.control.messages.kept import MAX_KEPT, KeptMessages
from proxy.control.messages.matters import Facts, Matters
from proxy.control.messages.message import Message
from proxy.control.messages.trial import name_of
from proxy.release.audit import Change

__all__ = ["MAX_QUEUED", "MAX_QUEUED_BYTES", "Notifier", "event_of"]

LOOK_SECONDS = 5.0
"""Seconds between looks at warnings, which have a span of as many."""


class Notifier:
    """Takes changes and facts synchronously and sends messages in tasks of its own. `head` says the audit's newest
    hash, `clock` the time of people, `instance` who this is, `state` the path of the state file, `account` what to tell
    of a change beside it: of its routes, at its Unix time."""

    def __init__(
        self,
        head: Callable[[], str],
        clock: Callable[[], float],
        instance: str = "",
        state: str = ":memory:",
        account: Callable[[Change, tuple[str, ...], float], Account] = lambda change, routes, at: NO_ACCOUNT,
    ) -> None:
        self._head, self._clock, self._instance, self._account = head, clock, instance, account
        self._queues: dict[Hook, Destination] = {}
        self._matters, self._releases = Matters(), dict[str, tuple[str, tuple[str, ...]]]()
        self._base, self._looked, self._sends = "", float("-inf"), True
        self._kept = KeptMessages(state)
        self._recalled = False
        self.counts: Counter[tuple[str, str]] = Counter()
        """Messages by event and outcome."""
        self.faults: dict[str, str] = {}
        """Route to what cannot be delivered, which is the same for all of them; live."""

    @property
    def destinations(self) -> list[Destination]:
        """All of them, in the order of the file."""
        return list(self._queues.values())

    @property
    def open(self) -> int:
        """Matters that last and were told of."""
        return len(self._matters.open)

    @property
    def file_errors(self) -> int:
        """Reads and writes of what outlives this process that failed. Monotone."""
        return self._kept.errors

    def bounds_reached(self) -> dict[str, int]:
        """Matters that were not told for want of room. Monotone."""
        return {"matters": self._matters.left_out}

    @property
    def idle(self) -> bool:
        """Whether everything was delivered, or given up."""
        return all(queue.idle for queue in self._queues.values())

    def listen(self, change: Change, now: float) -> None:
        """Tells of a change."""
        if self._queues:
            release, account = self._releases.get(change.route, (change.route, (change.route,))), NO_ACCOUNT
            with contained("telling of whom a change happened to"):
                account = self._account(change, routes_of(change, release), now)
            message = message_of(change, release, self._head(), now, account)
            by_hand = change.who not in BY_ITSELF and change.identity is None
            self._tell(self._matters.on_change(message, by_hand, release[0]))
            self._keep()
            self._looked = float("-inf")  # it may have ended something

    def look(self, engine: Engine, sends: bool) -> None:
        """Looks at what lasts; to be called often. `sends`: whether this process tells of it, and not another one of
        its fleet."""
        began = sends and not self._sends
        now = self._clock()
        if not began and now - self._looked < LOOK_SECONDS:
            return
        self._looked, self._sends = now, sends
        named = [(each.name, tuple(route.section.name for route in each.routes)) for each in engine.releases.values()]
        self._releases = {route: release for release in named for route in release[1]}
        self._releases |= {release[0]: release for release in named}
        self._note_faults(engine.routes)
        if self._queues:
            self._recall(sends, now)
            notices = {name: engine.notices(name) for name in engine.routes}
            facts = Facts(self._releases, notices, _troubles(engine))
            told = self._matters.look(facts, now)
            if sends:
                self._tell([*(self._matters.taken_over(now) if began else ()), *told])
            self._keep()

    def _recall(self, sends: bool, now: float) -> None:
        """Takes up, once, what the process before this one told of, and what waited there."""
        if self._recalled:
            return
        self._recalled, kept = True, self._kept.read()
        self._matters.recall(kept, now)
        for queue in self._queues.values() if sends else ():
            for message in kept.waiting.get(queue.name, ()):
                queue.put(message)

    def use_thread(self, disk: DiskThread) -> None:
        """From now on what outlives this process is written in this thread."""
        self._kept.use(disk)

    def _keep(self, wait: bool = False) -> None:
        if self._recalled:
            waiting = {each.name: each.undelivered[-MAX_KEPT:] for each in self._queues.values() if each.undelivered}
            self._kept.keep(replace(self._matters.kept(), waiting=waiting), wait)

    def use(self, hooks: Iterable[Hook], base: str = "") -> None:
        """Sends to these from now on, with links that begin with `base`; needs a running loop."""
        self._base = base.rstrip("/")
        wanted = {_as_configured(hook): (index, hook) for index, hook in enumerate(hooks)}
        for gone in [each for each in self._queues if each not in wanted]:
            self._queues.pop(gone).close()
        for configured, (index, hook) in wanted.items():
            if configured in self._queues:
                self._queues[configured].renew(hook)
            else:
                name = name_of(hook, index)
                made = Destination(hook, name, self.counts, self._clock, self._instance, self._keep)
                self._queues[configured] = made

    async def close(self) -> None:
        """Gives what is queued a moment, then stops."""
        for queue in self._queues.values():
            await queue.finish()
        self._keep(True)
        self._queues = {}

    def _tell(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for queue in self._queues.values():
                queue.put(replace(message, base=self._base))

    def _note_faults(self, routes: Iterable[str]) -> None:
        failing = [f"{each.name} ({each.fault})" for each in self._queues.values() if each.fault]
        self.faults.clear()
        if failing:
            self.faults.update(dict.fromkeys(routes, f"messages cannot be delivered to {', '.join(failing)}"))


def _troubles(engine: Engine) -> dict[str, Trouble]:
    found: dict[str, Trouble] = {}
    for name, route in engine.routes.items():
        lines = route.status.at_rollback or route.status.verdicts
        failed = any(line.outcome == "fail" for line in lines)
        trouble = trouble_of(route.state, bool(route.status.notified), failed)
        if trouble is not None:
            found[name] = replace(trouble, since=engine.keeper.unix(trouble.since))
    return found


def _as_configured(hook: Hook) -> Hook:
    """Without what its files hold: a rotation makes no other destination of it."""
    return replace(hook, tls=hook.tls and replace(hook.tls, material=TlsMaterial()))
