"""How late control's event loop comes to its own looks: what nobody else in it could do meanwhile, either."""

from __future__ import annotations

import asyncio
import time

from proxy.contracts.histogram import bucket
from proxy.stats.counts.latency_window import Histogram

LOOK_SECONDS = 0.05
"""Seconds between two looks: a silence of the length that is too long is seen, for a ten-thousandth of a CPU."""


class LoopLag(Histogram):
    """The lateness of the looks so far, in seconds; `look` is asked every `LOOK_SECONDS`."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        super().__init__()
        self._due: float | None = None

    def look(self, now: float) -> None:
        """Counts by how much this look is late; the first one says when the next is due."""
        if self._due is not None:
            late = max(now - self._due, 0.0)
            self.update({bucket(late): 1}, late)
        self._due = now + LOOK_SECONDS

    def keep_looking(self, loop: asyncio.AbstractEventLoop) -> None:
        """Looks from now on, as long as the loop runs."""
        self.look(time.monotonic())
        loop.call_later(LOOK_SECONDS, self.keep_looking, loop)
