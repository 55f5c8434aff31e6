"""Connections to one model server for one purpose (live traffic, or one shadow), so that neither can starve the other.

1. A stream opens on the connection that became available last; the others age out. Where a version has several
   endpoints, on the last one to the endpoint whose turn it is (`members`).
2. None available: a connection is made, up to `limit`. A user waits for the one that is made for it; where a connection
   carries many streams, so many users wait for the same one, and for a stream of another one that comes free.
3. No connection may be made: users wait in line, up to `MAX_WAITING_LEGS`, then fail. Where the descriptors for the
   purpose are spent, and this pool has no connection to wait for, they fail at once.
4. A connection that may not be used again, has been idle for `idle` seconds, is older than `age` seconds (give or take
   `JITTER`), leads where its name does not lead any more, or was made with certificates that are not in force any more,
   is closed: busy ones after their present exchange.
5. Whatever goes wrong while a connection is made ends the legs that wait for it, and gives its place back.
6. While nobody is reached at the version, users who can do without fail at once (`reach`).
7. Where connections carry many streams, another one is made before the last one is full.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from math import inf
from random import random
from time import monotonic
from typing import Final

from proxy.contracts.table import Version
from proxy.dataplane.availability import has_room, open_stream, pop_expired, pop_idle, take_user
from proxy.dataplane.descriptors import Budget
from proxy.dataplane.local_fault import is_silence, reason_of
from proxy.dataplane.members import Member, Members
from proxy.dataplane.memory import ROOMY
from proxy.dataplane.patience import Patience
from proxy.dataplane.ports import Connection, ConnectionOwner, Dialer, StreamUser
from proxy.dataplane.reach import Reach
from proxy.dataplane.serving import hand, tell
from proxy.dataplane.unexpected import UNEXPECTED, unexpected
from proxy.dataplane.uploads import Uploads

JITTER: Final = 0.1
"""Part of a connection's age by which it may end sooner or later: connections made together do not end together."""

MAX_WAITING_LEGS: Final = 1024
"""Users waiting for a connection: Envoy's default for pending requests."""

WIDEN_SECONDS: Final = 0.1
"""Seconds between tries for a connection that nobody waits for yet."""


class Dialing:
    """A connection under way; `users` get its first streams. `member`: whom it is for, None: whoever is reached."""

    __slots__ = ("member", "task", "users")

    def __init__(self, users: list[StreamUser], member: Member | None) -> None:
        self.users, self.member = users, member
        self.task: asyncio.Task[None] | None = None


class Pool(ConnectionOwner):
    """Connections to `version`, at most `limit`; `charge` says of whose descriptors. `uploads`: the unfinished requests
    among those that want one."""

    __slots__ = (
        "_available",
        "_budget",
        "_chance",
        "_clock",
        "_closed",
        "_dialer",
        "_dialing",
        "_many",
        "_members",
        "_open",
        "_reach",
        "_spares",
        "_streams",
        "_timeout",
        "_waiting",
        "_widens",
        "age",
        "idle",
        "keepalive",
        "limit",
        "uploads",
        "version",
    )

    def __init__(
        self,
        version: Version,
        limit: int,
        dialer: Dialer,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random,
    ) -> None:
        self.version = version
        self.age = self.idle = self.keepalive = inf
        self.limit = limit
        self.uploads = Uploads(limit)
        self._dialer, self._clock, self._chance = dialer, clock, chance
        self._streams = dialer.streams(version)
        self._available: list[Connection] = []
        self._many: set[Connection] = set()  # those that carry many streams
        self._widens = 0.0  # when it may be tried again to make another one of them
        self._open = self._spares = 0
        self._dialing: list[Dialing] = []
        self._waiting: deque[StreamUser] = deque()
        self._closed = False
        self._reach, self._timeout = Reach(), 0.0
        self._members = Members(version.balance)
        self._budget = Budget(sys.maxsize)
        self._budget.evictors.append(self.evict)

    def __repr__(self) -> str:
        idle = sum(connection.is_idle() for connection in self._available)
        return f"<Pool {self.version.name}: {self._open - idle} busy, {idle} idle, {len(self._waiting)} waiting>"

    def acquire(self, user: StreamUser, fresh: bool, now: float) -> None:
        """Gives `user` a stream, now or later. `fresh`: on a new connection, as an idle one may have ended unseen. It
        takes the place of the one that has been idle for longest. One of many streams of which the server was heard a
        moment ago has not ended unseen."""
        once = user.unrepeatable()
        if once and self._streams == 1:
            fresh = True
        if fresh:
            self.evict()
        wanted = self._members.pick(self._chance(), self._chance()) if self._members.several else None
        stream = None if fresh else open_stream(self._available, wanted, now if once else 0.0)
        if stream is not None:
            if self._streams > 1:
                self._widen(user, wanted, now)
            hand(user, stream, False, now)
        elif self._reach.lost and user.replaceable() and self._reach.refuses(now):
            self._refuse(user, now)
        elif self._streams > 1 and self._joined(user, wanted):
            return
        elif self._may_dial(wanted):
            self._dial(user, wanted)
        elif self._may_share(wanted, fresh) and (stream := open_stream(self._available, None)) is not None:
            hand(user, stream, False, now)
        elif not self._open:
            tell(user, "no_resources", f"all {self._budget.limit} descriptors for this are in use", now)
        elif len(self._waiting) < MAX_WAITING_LEGS:
            self._waiting.append(user)
        else:
            detail = f"{self.limit} connections are busy and {MAX_WAITING_LEGS} legs wait"
            tell(user, "pool_full", detail, now)

    def _widen(self, user: StreamUser, wanted: Member | None, now: float) -> None:
        """Makes another connection before the last one is full, so that no call has to wait for it."""
        if has_room(self._available, wanted):
            return
        if now < self._widens or self._open >= self.limit or any(each.member is wanted for each in self._dialing):
            return
        if self._budget.take():
            self._widens = now + WIDEN_SECONDS
            if wanted is not None:
                wanted.active += 1
            self._start(Dialing([], wanted), user.connect_timeout)

    def _may_share(self, wanted: Member | None, fresh: bool) -> bool:
        """Whether any stream will do, where no connection can be made: one that carries many may never be idle, and so
        never make room for a fresh one."""
        return self._streams > 1 or (wanted is not None and not fresh)

    def silent(self, since: float, now: float) -> None:
        """A user who could do without has waited for a connection since then, to its own time's end, and is charged to
        the version."""
        if self._open == len(self._dialing) and self._dialer.endpoints(self.version):
            self._reach.silent(since, now)

    def _refuse(self, user: StreamUser, now: float) -> None:
        self._timeout = user.connect_timeout
        self._probe(now)
        tell(user, "connect_timeout", "nobody has been reached for some time; it is tried again meanwhile", now)

    def _probe(self, now: float) -> None:
        """Tries, for nobody, whether somebody can be reached again. That is no reason to close an idle connection."""
        if self._open >= self.limit or self._budget.is_spent() or self._closed:
            return
        if self._reach.is_due(len(self._dialing), now) and self._budget.take():
            self._start(Dialing([], None), self._timeout)

    def _may_dial(self, wanted: Member | None) -> bool:
        """Whether a connection may be made. To choose an endpoint is no reason to close an idle one to another."""
        if self._open >= self.limit or (wanted is not None and self._available and self._budget.is_spent()):
            return False
        return self._budget.take()

    def abandon(self, user: StreamUser) -> None:
        """`user` does not wait in line any more. (One that a connection under way was meant for hands it back.)"""
        if user in self._waiting:
            self._waiting.remove(user)

    def available(self, connection: Connection, now: float) -> None:
        while (user := self._next(connection, now)) is not None:
            stream = connection.open_stream()
            stays = connection.is_available()
            hand(user, stream, False, now)
            if not stays:
                return  # and says `available` when it is again
        if self._closed:
            connection.close()
        else:
            self._available.append(connection)

    def _next(self, connection: Connection, now: float) -> StreamUser | None:
        """Who gets the stream that has come free: who waits in line, else, where connections carry many, who waits for
        one that is still being made."""
        if self._streams == 1 or self._waiting:
            return self._waiting.popleft() if self._waiting else None
        return take_user([dialing.users for dialing in self._dialing], connection.is_lively(now))

    def lost(self, connection: Connection, now: float) -> None:
        self._ended()
        self._many.discard(connection)
        if connection in self._available:
            self._available.remove(connection)
        self._dial_next()

    def sweep(self, now: float) -> None:
        """Closes the idle connections that should go, and keeps its version's addresses fresh."""
        self._dialer.watch(self.version, self._open > 0, now)
        self._members.follow(self._dialer.endpoints(self.version), now)
        if self._timeout:
            self._probe(now)
        for connection in tuple(self._many):
            connection.look(self.keepalive, now)
        self.prune(now)

    def prune(self, now: float) -> None:
        """Closes the idle connections that should go."""
        for connection in pop_expired(self._available, now):
            connection.close()

    def charge(self, budget: Budget) -> None:
        """From now on its connections are of `budget`; those that it has move there."""
        if budget is self._budget:
            return
        self._budget.evictors.remove(self.evict)
        self._budget.used -= self._open + self._spares
        budget.used += self._open + self._spares
        self._budget = budget
        budget.evictors.append(self.evict)

    def spare(self) -> bool:
        if not self._budget.take():
            return False
        self._spares += 1
        return True

    def spared(self) -> None:
        self._spares -= 1
        self._budget.give()

    def member_failed(self, member: Member, now: float) -> None:
        if self._members.failed(member, now):
            self._dialer.ejected(self.version, member.endpoint, "failures")

    def broken(self, connection: Connection, rule: str, now: float) -> None:
        self._dialer.broken(self.version, rule, now)

    def states(self, now: float) -> dict[str, str]:
        """The addresses of the endpoints that it knows, and how each of them stands (`ENDPOINT_STATES`)."""
        return self._members.states(now)

    def evict(self) -> bool:
        """Closes the connection that has been idle for longest; False: there is none."""
        connection = pop_idle(self._available)
        if connection is None:
            return False
        connection.close()
        return True

    def close(self) -> None:
        """Closes the available connections, which end with their streams; the others are closed as they come back."""
        self._closed = True
        self._budget.evictors.remove(self.evict)
        for connection in self._available:
            connection.close()
        self._available.clear()

    def _joined(self, user: StreamUser, wanted: Member | None) -> bool:
        for dialing in self._dialing:
            if len(dialing.users) < self._streams and wanted in (None, dialing.member):
                dialing.users.append(user)
                return True
        return False

    def _dial_next(self) -> None:
        if self._waiting and self._open < self.limit and self._budget.take():
            members = self._members
            wanted = members.pick(self._chance(), self._chance()) if members.several else None
            self._dial(self._waiting.popleft(), wanted)

    def _dial(self, user: StreamUser, wanted: Member | None) -> None:
        if wanted is not None:
            wanted.active += 1
        self._start(Dialing([user], wanted), user.connect_timeout)

    def _start(self, dialing: Dialing, seconds: float) -> None:
        self._open += 1
        self._dialing.append(dialing)
        dialing.task = asyncio.get_running_loop().create_task(self._connect(dialing, seconds))

    async def _connect(self, dialing: Dialing, seconds: float) -> None:
        try:
            async with asyncio.timeout(None) as timeout:
                with Patience(seconds, timeout):
                    wanted = dialing.member.endpoint if dialing.member is not None else None
                    connection = await self._dialer.dial(self.version, self, wanted)
        except TimeoutError:
            self._failed(dialing, "connect_timeout", f"no connection within {seconds:g} s", True)
        except OSError as error:
            self._failed(dialing, reason_of(error), error.strerror or str(error), is_silence(error))
        except Exception as error:
            unexpected(error)
            self._failed(dialing, "internal", UNEXPECTED)
        else:
            self._made(dialing, connection)

    def _ended(self) -> None:
        self._open -= 1
        self._budget.give()

    def _dialed(self, dialing: Dialing) -> None:
        """A connection was made, or was not: more is known of the endpoints."""
        self._dialing.remove(dialing)
        if dialing.member is not None:
            dialing.member.active -= 1
        try:
            self._members.follow(self._dialer.endpoints(self.version), self._clock())
        except Exception as error:  # users wait for what comes next
            unexpected(error)

    def _prepared(self, connection: Connection, now: float) -> bool:
        """Makes a new connection one of ours; False: it could not be, and ends."""
        try:
            connection.join(self._members.of(connection.endpoint()))
            if self._open > ROOMY:
                connection.narrow()
            connection.retire(now + self.age * (1.0 - JITTER + 2.0 * JITTER * self._chance()), self.idle, now)
        except Exception as error:
            unexpected(error)
            connection.close()  # and says `lost`
            return False
        return True

    def _made(self, dialing: Dialing, connection: Connection) -> None:
        self._dialed(dialing)
        now, late = self._clock(), []
        self._reach.answered(now)
        if not self._prepared(connection, now):
            for user in dialing.users:
                tell(user, "internal", UNEXPECTED, now)
            return
        if self._streams > 1:
            self._many.add(connection)
        stays = connection.is_available()
        for user in dialing.users:
            if not connection.is_available():
                stays = False  # it says `available` once it is
                late.append(user)
                continue
            stream = connection.open_stream()
            stays = stays and connection.is_available()
            hand(user, stream, True, now)
        self._waiting.extendleft(reversed(late))
        if stays:
            self.available(connection, now)
        if late:
            self._serve_line(now)

    def _serve_line(self, now: float) -> None:
        """A connection carries fewer streams than were hoped for: others may carry more."""
        while self._waiting and (stream := open_stream(self._available, None)) is not None:
            hand(self._waiting.popleft(), stream, False, now)
        self._dial_next()

    def _failed(self, dialing: Dialing, reason: str, detail: str, silent: bool = False) -> None:
        self._dialed(dialing)
        self._ended()
        now = self._clock()
        if not silent:
            self._reach.answered(now)
        for user in dialing.users:
            tell(user, reason, detail, now)
        if self._reach.lost:
            self._thin_out(now)
        self._dial_next()

    def _thin_out(self, now: float) -> None:
        """Lets those in line go who can do without."""
        leaving = [user for user in self._waiting if user.replaceable()]
        if leaving:
            self._waiting = deque([user for user in self._waiting if not user.replaceable()])
        for user in leaving:
            self._refuse(user, now)
