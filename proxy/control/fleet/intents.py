"""Changes by hand that wait for the judge: what the operator was told is what happens.

1. A change has a deadline, `ASKED_SECONDS` after it was asked for, by the store's clock: the judge makes it before, or
   answers that it came too late. Each report tells it anew from this sidecar's monotonic clock and the store's last
   answer, so that no report that lay somewhere is carried out hours later.
2. A change that no report has told of yet has never left this sidecar: it is dropped at its deadline, and not made.
3. Of one that a report has told of, nothing is known without an answer. It is surely not made once the store answers,
   after the deadline, that nobody judges: whoever judges later finds the deadline over. A look that had been begun
   before is refused, or committed within a term.
4. A rollback has no deadline. It is in force here at once, is kept on disk, and is asked for until the judge has made
   or refused it, over restarts. It names the versions that it took off: where others are on trial by then, it is done.
5. Where the judge's configuration does not have the route, a rollback stays in force here, and is asked for again once
   the fleet's table has the route.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.durations import in_units
from proxy.control.fleet.bodies import Answer, Intent, encode
from proxy.control.fleet.store import LEADERSHIP_SECONDS, NOWHERE, Heard

log = logging.getLogger("penumbra.fleet")

ASKED_SECONDS = 6.0
"""Time that the judge has to make a change: longer than a new one takes to be found."""

MAX_INTENTS = 64
"""Changes by hand that wait at one sidecar at a time."""

DIFFERS = "differs"
"""Kind of what the judge answers where its configuration is another one."""

TOO_LATE = Answer("", "no-judge", f"no judge of the fleet was found within {in_units(ASKED_SECONDS)}: it was not made")


class UndecidedError(Exception):
    """The judge has not answered; the message says what is in force."""


class KeptRollback(Struct, frozen=True):
    """A rollback that was asked for here and is not answered, as it is kept on disk."""

    intent: Intent
    routes: dict[str, tuple[str, ...]]
    """Route to the versions that it took off here."""


class _Waiting(Struct):
    # A change that is not answered. `future` is nobody's after a restart, or for a caller who was answered already.
    intent: Intent
    asked: float
    future: asyncio.Future[Answer] | None = None
    routes: dict[str, tuple[str, ...]] = {}
    sent: bool = False
    resting: bool = False

    @property
    def holds(self) -> bool:
        return self.intent.action == "rollback"


class Intents:
    """The changes that wait at one sidecar.

    - `kept`: rollbacks of an earlier life, by id
    - `keep`: takes all that are to be found after a restart
    - `unique`: returns what it never returned before, anywhere
    """

    def __init__(
        self,
        kept: Mapping[str, bytes],
        keep: Callable[[Mapping[str, bytes]], None],
        unique: Callable[[], str],
        now: float,
    ) -> None:
        self._keep, self._unique = keep, unique
        self._ahead: float | None = None
        self._waiting: dict[str, _Waiting] = {}
        for body in kept.values():
            with suppress(msgspec.MsgspecError):
                rollback = msgspec.msgpack.decode(body, type=KeptRollback)
                self._waiting[rollback.intent.id] = _Waiting(rollback.intent, now, routes=rollback.routes, sent=True)

    @property
    def held(self) -> dict[str, tuple[str, ...]]:
        """Route to the versions that a rollback took off here, of which nobody knows yet that the judge made it."""
        return {route: versions for each in self._waiting.values() for route, versions in each.routes.items()}

    def refuse_more(self) -> None:
        """Raises UndecidedError where as many wait as may."""
        if len(self._waiting) >= MAX_INTENTS:
            raise UndecidedError(f"{MAX_INTENTS} changes wait for the judge already; nothing was asked for")

    def ask(self, intent: Intent, now: float, routes: Mapping[str, tuple[str, ...]] | None = None) -> str:
        """Takes a change; its id. `routes`: what a rollback took off here."""
        versions = tuple(sorted({version for each in (routes or {}).values() for version in each}))
        made = replace(intent, id=self._unique(), versions=versions)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[made.id] = _Waiting(made, now, future, dict(routes or {}))
        self._note()
        return made.id

    async def answer(self, id: str, seconds: float) -> Answer:
        """What becomes of a change, which stays asked for when its caller leaves. Raises UndecidedError after so many
        `seconds`."""
        future = self._waiting[id].future
        assert future is not None
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done():  # at the same moment
                return future.result()
            raise UndecidedError(self._left(self._waiting[id])) from None

    def told(self, differs: Callable[[str], bool], now: float) -> tuple[Intent, ...]:
        """What a report tells the judge. `differs`: whether the fleet's table does not have a route as it is here."""
        found = []
        for each in self._waiting.values():
            if each.holds:
                each.resting = each.resting and differs(each.intent.route)
                if not each.resting:
                    found.append(each.intent)
            elif self._ahead is not None and (each.sent or now < each.asked + ASKED_SECONDS):
                found.append(replace(each.intent, until=each.asked + ASKED_SECONDS + self._ahead))
        for intent in found:
            self._waiting[intent.id].sent = True
        return tuple(found)

    def heard(self, heard: Heard, sent: float, now: float) -> None:
        """Takes the store's answer to a report that was sent at `sent`."""
        if not heard.time:
            return
        self._ahead = heard.time - now  # or more: the answer was under way
        for each in tuple(self._waiting.values()):
            if not each.holds and not heard.judge and sent >= each.asked + ASKED_SECONDS:
                self._end(each, replace(TOO_LATE, id=each.intent.id))

    def settle(self, answers: Iterable[Answer]) -> None:
        """Gives answers to those who wait for them."""
        for answer in answers:
            each = self._waiting.get(answer.id)
            if each is not None:
                self._end(each, answer)

    def _end(self, each: _Waiting, answer: Answer) -> None:
        del self._waiting[each.intent.id]
        if each.holds and answer.kind == DIFFERS:
            again = replace(each.intent, id=self._unique())
            self._waiting[again.id] = _Waiting(again, each.asked, None, each.routes, each.sent, resting=True)
            answer = replace(
                answer, kind="", place=NOWHERE, detail=f"it is in force at this sidecar, and stays so: {answer.detail}"
            )
        if each.future is None or each.future.cancelled():
            log.info("a %s of %s by %s: %s", each.intent.action, each.intent.route, each.intent.who, said(answer))
        elif not each.future.done():
            each.future.set_result(answer)
        self._note()

    def _left(self, each: _Waiting) -> str:
        """What is said of a change that is not answered in the time that its caller waits."""
        each.future = None
        if each.holds:
            return "it is in force here and stays so, and is asked for until a judge has made it"
        if not each.sent:
            del self._waiting[each.intent.id]
            return "nothing was asked for, and nothing has changed"
        within = in_units(LEADERSHIP_SECONDS)
        return f"nothing has changed yet, but a judge may have it: it is made within {within}, or never"

    def _note(self) -> None:
        rows = [each for each in self._waiting.values() if each.holds]
        self._keep({each.intent.id: encode(KeptRollback(each.intent, each.routes)) for each in rows})


def said(answer: Answer) -> str:
    """An answer in a line of the log."""
    return f"refused ({answer.kind}): {answer.detail}" if answer.kind else answer.detail or "made"


def too_late(intent: Intent, time: float) -> bool:
    """Whether the deadline of a change is over, by the store's clock. The judge's only use of that clock."""
    return bool(intent.until) and time >= intent.until
