"""Whether a version can be reached at all, as one pool finds it: requests that the primary can answer as well need not
wait for the same silence one after the other.

1. Silence is a connection that was not made in its time, while none was open and none was made since it was asked for.
   A refusal is none: it is an answer, and comes at once. Nor is a name that nobody resolves (`name`).
2. From then on whoever has somebody to answer in its place waits no more. It fails at once with `connect_timeout`,
   charged as the one before it, which has waited for its whole time.
3. Meanwhile connections are tried that nobody waits for, `PROBE_SECONDS` apart and at most `MAX_PROBES` at a time: a
   version that is back is charged with no more than what comes in that time.
4. The first connection ends that, and so does any other answer. Where nobody has asked for `FORGOTTEN_SECONDS`, nothing
   is known any more, and the next one waits.

The primary is always waited for: nobody answers in its place. Sources: outlier detection of proxies by failures of
connects that originate locally, and their active health checks.
"""

from __future__ import annotations

from math import inf
from typing import Final

PROBE_SECONDS: Final = 0.25
"""Seconds between two connections that are tried for nobody: as between two addresses of a version (RFC 8305 §5)."""

MAX_PROBES: Final = 32
"""Such connections at a time: those of 8 s. The kernel goes on asking for each of them."""

FORGOTTEN_SECONDS: Final = 30.0
"""Longer than the breaker waits between two probes, so that these do not wait either."""


class Reach:
    """What one pool knows. `lost`: nobody has been reached."""

    __slots__ = ("_answered", "_holds_until", "_probed", "lost")

    def __init__(self) -> None:
        self.lost = False
        self._answered = self._probed = self._holds_until = -inf

    def answered(self, now: float) -> None:
        """Somebody is there: a connection was made, or refused."""
        self._answered, self.lost = now, False

    def silent(self, since: float, now: float) -> None:
        """Nothing was heard since somebody asked for a connection."""
        if self._answered < since:
            self.lost, self._holds_until = True, now + FORGOTTEN_SECONDS

    def refuses(self, now: float) -> bool:
        """Whether somebody who asks for a connection now, and could do without, need not wait for it."""
        if self.lost and now > self._holds_until:
            self.lost = False
        if self.lost:
            self._holds_until = now + FORGOTTEN_SECONDS
        return self.lost

    def is_due(self, under_way: int, now: float) -> bool:
        """Whether a connection is tried now for nobody, where so many are under way; if so, the next one is later."""
        known = self.lost and now <= self._holds_until
        if not known or under_way >= MAX_PROBES or now - self._probed < PROBE_SECONDS:
            return False
        self._probed = now
        return True
