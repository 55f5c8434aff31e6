"""Handshakes under way: how many there may be, how long they may take, and whose turn it is.

1. A handshake costs as much of a processor as a hundred requests. One step of one is done in each turn of the loop, and
   everything else that is ready comes in between: a flood of them adds the time of one to what others wait.
2. There may be so many at a time. One more takes the place of the one that has waited longest for its client; where all
   wait for this worker, it is turned away. So slow ones keep nobody out.
3. They count as clients do: descriptors are shared out by number.
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

    def is_waiting(self) -> bool:
        """Whether it is the client's move."""
        raise NotImplementedError

    def give_up(self, result: str) -> None:
        """Ends it at once."""
        raise NotImplementedError

    def retire(self, at: float) -> None:
        """From `at` on its connection takes no further request."""
        raise NotImplementedError


class Admission:
    """`under_way`: handshakes, and connections that are being ended after one, each with the time of its end."""

    __slots__ = ("_line", "_shared", "_soon", "_told", "under_way")

    def __init__(self, shared: Shared, soon: Soon) -> None:
        self._shared, self._soon = shared, soon
        self.under_way: dict[Shaking, float] = {}
        self._line: deque[Shaking] = deque()
        self._told: dict[str, float] = {}

    @property
    def limit(self) -> int:
        """How many there may be."""
        return max(1, min(self._shared.bounds.handshakes, self._shared.max_clients // CLIENTS_PART))

    def admit(self, one: Shaking, now: float) -> bool:
        """Whether a connection may begin its handshake; it then is under way until `left`."""
        shared = self._shared
        if shared.draining:
            return False
        if shared.memory.is_full() or len(shared.clients) + shared.shaking >= shared.max_clients:
            self.count(TOO_MANY, "", now)
            return False
        if len(self.under_way) >= self.limit:
            slow = next((each for each in self.under_way if each.is_waiting()), None)
            if slow is None:
                self.count(TOO_MANY, "", now)
                return False
            slow.give_up(TOO_MANY)
        self.ends(one, now + shared.bounds.handshake_timeout)
        return True

    def left(self, one: Shaking) -> None:
        """It is under way no more."""
        self.under_way.pop(one, None)
        self._shared.shaking = len(self.under_way)

    def ends(self, one: Shaking, end: float) -> None:
        """It is waited for until `end`, also where all is said."""
        self.under_way[one] = end
        self._shared.shaking = len(self.under_way)

    def ask_for_turn(self, one: Shaking) -> None:
        """`step` comes once the others had theirs."""
        if not self._line:
            self._soon(self._turn)
        self._line.append(one)

    def _turn(self) -> None:
        one = self._line.popleft()
        if self._line:
            self._soon(self._turn)
        try:
            one.step(self._shared.clock())
        except Exception as error:
            unexpected(error)
            one.give_up("other")

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
