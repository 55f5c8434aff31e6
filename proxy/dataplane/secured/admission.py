"""Handshakes under way: how many there may be, how long they may take, and whose turn it is.

1. A handshake costs as much of a processor as ten requests. One step of one is done in each turn of the loop, and
   everything else that is ready comes in between: a flood of them adds the time of one to what others wait.
2. What has begun goes on before anything else begins. So many may have begun at a time: where one more does, the one
   that began first, and still waits for its client, makes room.
3. Who has not begun takes no more than a connection in clear, and counts as one: a thousand clients that come back in
   the same moment all have their turn. A quarter of the clients may be under way; where one more comes, the one that
   has been silent longest makes room; where none is silent, the new one is turned away. So slow ones keep nobody out.
4. Each ends within `handshake_timeout`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from proxy.dataplane.shared import Shared
from proxy.dataplane.unexpected import unexpected

log = logging.getLogger("penumbra.worker")

AGAIN_SECONDS: Final = 60.0
"""Seconds before the same kind of failure is logged again."""

CLIENTS_PART: Final = 4
"""One in so many clients may be in the middle of its handshake."""

TOO_MANY: Final = "too_many"
"""How a handshake ends that has made room for another one, or found none."""


Soon = Callable[[Callable[[], None]], Any]
"""Calls something in a later turn of the loop."""


class Shaking:
    """A handshake, as its admission needs it."""

    __slots__ = ()

    def step(self, now: float) -> None:
        """Goes on with what has come."""
        raise NotImplementedError

    def give_up(self, result: str) -> None:
        """Ends it at once."""
        raise NotImplementedError

    def retire(self, at: float) -> None:
        """From `at` on its connection takes no further request."""
        raise NotImplementedError


class Admission:
    """`under_way`: handshakes, and connections that are being ended after one, each with the time of its end."""

    __slots__ = ("_beginning", "_begun", "_going_on", "_shared", "_silent", "_soon", "_told", "under_way")

    def __init__(self, shared: Shared, soon: Soon) -> None:
        self._shared, self._soon = shared, soon
        self.under_way: dict[Shaking, float] = {}
        self._silent: dict[Shaking, None] = {}  # without TLS, and nothing of them is in a line
        self._begun: dict[Shaking, None] = {}
        self._beginning: deque[Shaking] = deque()
        self._going_on: deque[Shaking] = deque()
        self._told: dict[str, float] = {}

    @property
    def most(self) -> int:
        """How many may be under way."""
        return max(1, self._shared.max_clients // CLIENTS_PART)

    @property
    def limit(self) -> int:
        """How many of them may have begun."""
        return min(self._shared.bounds.handshakes, self.most)

    @property
    def begun(self) -> int:
        """How many have."""
        return len(self._begun)

    def admit(self, one: Shaking, now: float) -> bool:
        """Whether a connection may begin its handshake; it then is under way until `left`."""
        shared = self._shared
        if shared.draining:
            return False
        if shared.memory.is_full() or (self._is_full() and not self._room()):
            self.count(TOO_MANY, "", now)
            return False
        self.ends(one, now + shared.bounds.handshake_timeout)
        return True

    def left(self, one: Shaking) -> None:
        """It is under way no more."""
        self.under_way.pop(one, None)
        self._silent.pop(one, None)
        self._begun.pop(one, None)
        self._shared.shaking = len(self.under_way)

    def ends(self, one: Shaking, end: float) -> None:
        """It is waited for until `end`: it has not begun, or all is said."""
        self.under_way[one] = end
        self._begun.pop(one, None)
        self._silent[one] = None
        self._shared.shaking = len(self.under_way)

    def ask_for_turn(self, one: Shaking) -> None:
        """`step` comes once the others had theirs."""
        if not (self._going_on or self._beginning):
            self._soon(self._turn)
        if one in self._begun:
            self._going_on.append(one)
        else:
            self._silent.pop(one, None)
            self._beginning.append(one)

    def _turn(self) -> None:
        one = self._going_on.popleft() if self._going_on else self._begin()
        if self._going_on or self._beginning:
            self._soon(self._turn)
        try:
            one.step(self._shared.clock())
        except Exception as error:
            unexpected(error)
            one.give_up("other")

    def _begin(self) -> Shaking:
        one = self._beginning.popleft()
        if one in self.under_way:
            if len(self._begun) >= self.limit:  # all of them wait for their clients
                next(iter(self._begun)).give_up(TOO_MANY)
            self._begun[one] = None
        return one

    def _is_full(self) -> bool:
        shared = self._shared
        return shared.shaking >= self.most or len(shared.clients) + shared.shaking >= shared.max_clients

    def _room(self) -> bool:
        """Makes room for another one. False where nobody can be made to go."""
        silent = next(iter(self._silent), None)
        if silent is None:
            return False
        silent.give_up(TOO_MANY)
        return True

    def drain(self, now: float) -> None:
        """The worker ends: whoever is in the middle of a handshake may still ask something."""
        latest = now + self._shared.timings.drain_idle
        self.under_way = {one: min(end, latest) for one, end in self.under_way.items()}

    def sweep(self, now: float) -> None:
        """Ends what takes too long."""
        for one in [one for one, end in self.under_way.items() if end <= now]:
            one.give_up("timeout")

    def count(self, result: str, detail: str, now: float) -> None:
        """A handshake has ended. `result`: `ok`, or why it failed, which is logged once in a while."""
        self._shared.tally.shook("client", result)
        if result == "ok" or now - self._told.get(result, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._told[result] = now
        log.warning("TLS with a client has failed: %s%s", result, f" ({detail})" if detail else "")
