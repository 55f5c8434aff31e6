"""What keeps control going, and small: a bug in one step is logged, the collector of cycles looks seldom, and what is
free is given back."""

from __future__ import annotations

import ctypes
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("penumbra.control")

GIVE_BACK_SECONDS = 10.0
"""Seconds between two times that free memory is given back: each takes 0.3 ms, and a burst is over by then."""

MAX_NEW_OBJECTS = 50_000
"""Objects more than at the last look before the collector looks for cycles: more than any batch of records makes."""


@contextmanager
def contained(step: str) -> Iterator[None]:
    """Logs a bug in one step and lets control go on: without control all canaries stop, which is worse than one tick or
    batch that is not counted."""
    try:
        yield
    except Exception:
        log.exception("%s failed", step)


def spare_the_collector() -> None:
    """Records come and go by the thousand without a cycle among them: looking for cycles after every few hundred costs
    a sixth of the analysis, and finds nothing. What was made so far stays, so it is not looked at again."""
    gc.collect()
    give_back()
    gc.freeze()
    gc.set_threshold(MAX_NEW_OBJECTS)


class FreeMemory:
    """What is free within the heap, given back now and then."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = 0.0

    def look(self, now: float) -> None:
        """To be called every few moments."""
        if now >= self._due:
            self._due = now + GIVE_BACK_SECONDS
            give_back()


def give_back() -> None:
    """Returns to the kernel what imports, or a burst of bodies, left free within the heap (malloc_trim(3): glibc alone
    has it). By itself the C library returns the end of the heap only."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
