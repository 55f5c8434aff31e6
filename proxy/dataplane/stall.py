"""Stalls of a worker's event loop: paused, throttled, or busy for too long with one thing. They are nobody's fault.

1. A look at the deadlines that comes late moves all of them on by its lateness: what nobody could have heard was not
   late.
2. A leg that was under way during a stall is no evidence on latency, since part of its time was the worker's own.
3. It is no evidence on lateness either where stalls were more than `EXCUSED_PART` of its time. A deadline of half a
   minute that is missed is missed, whatever a hundred milliseconds did.

Assumes that looks are regular (`Timings.leg_sweep`). What was ready to be read during a stall is read before the next
look, so a leg that ends asks for the time since the last look, too.
"""

from __future__ import annotations

from math import inf
from typing import Final

EXCUSED_PART: Final = 0.1
"""Part of its time for which the loop may have stood still while a leg is still late by its own fault."""

LATE: Final = frozenset(
    ("late", "connect_timeout", "response_timeout", "idle_timeout", "total_timeout", "client_deadline")
)
"""Reasons that only time gives."""


class LoopWatch:
    """The lateness of the looks, `interval` seconds apart. `looked`: when the last one was (monotonic seconds);
    `least`: seconds of lateness that are a stall."""

    __slots__ = ("_interval", "least", "looked")

    def __init__(self, interval: float, least: float) -> None:
        self._interval, self.least = interval, least
        self.looked = inf

    def look(self, now: float) -> float:
        """Seconds by which this look is late; 0 for the first one."""
        late = max(now - self.looked - self._interval, 0.0) if self.looked < inf else 0.0
        self.looked = now
        return late

    def stalled(self, now: float) -> float:
        """Seconds that the loop stands still at this moment, before the next look; 0: it does not."""
        late = now - self.looked - self._interval
        return late if late > self.least else 0.0


def excused(reason: str, seconds: float, stalled: float) -> bool:
    """Whether a leg that ended with `reason` after `seconds`, `stalled` of which the loop stood still, was not late by
    its own fault (rule 3)."""
    return reason in LATE and stalled > EXCUSED_PART * (seconds - stalled)
