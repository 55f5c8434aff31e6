"""A deadline of what is not swept, such as a connection under way: time in which the loop stood still does not count.

Timers come before what the kernel has ready: one that cuts at a fixed time would, after a stall, cut what had long been
answered (`dataplane.stall` rule 1). So it looks every `LOOK` seconds, and the seconds by which a look is late were the
loop's own. The last look is one that is in time: what was ready has been heard by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

LOOK: Final = 0.1
"""Seconds between looks: most connections are made before the first one."""

STALL: Final = LOOK / 2
"""Seconds of lateness that are a stall, as for the looks at legs (`Timings.stall`)."""


class Patience:
    """Ends `timeout` after `seconds` of a loop that runs. Begins with its block, and is over with it."""

    __slots__ = ("_clock", "_due", "_left", "_timeout", "_timer")

    def __init__(self, seconds: float, timeout: asyncio.Timeout, clock: Callable[[], float] = monotonic) -> None:
        self._left, self._timeout, self._clock = seconds, timeout, clock
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._wait(min(self._left, LOOK))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        self._left -= seconds
        self._due = self._clock() + seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        if self._left > 0.0:
            self._wait(min(self._left, LOOK))
        elif self._clock() - self._due > STALL:
            self._wait(LOOK)
        else:
            self._timeout.reschedule(0.0)
