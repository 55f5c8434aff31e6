"""The clock of durations, which goes on over restarts of control and does not follow the wall clock.

Its readings look like Unix seconds, and are those of the very first start; from then on it moves with the monotonic
clock. Rules for the next process:

- The same boot of the machine: it moved on by as much as the boot clock did, control down or not.
- Another boot, or another machine: time that passed in between is not counted, since nobody can say how much it was.
- No reading, or one that is none: it begins anew at the wall clock.

So a wall clock that is set, or jumps between two starts, ends no stage early and keeps none for ever. What people see
is the wall clock: `skew` is how far that is ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from typing import Any

from proxy.release.soundness import MAX_UNIX_SECONDS

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """A name of the present boot of the machine; "" where there is none."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeError):
        return ""


class SteadyClock:
    """Readings in seconds.

    - `stored`: the last reading of an earlier process, with the boot clock and the boot of that moment
    - `wall`: Unix seconds now
    - `boot`: the boot clock; `ticks`: the monotonic one
    """

    __slots__ = ("_boot", "_boot_id", "_offset", "_ticks", "skew")

    def __init__(
        self, stored: Any, wall: float, boot: Callable[[], float], boot_id: str, ticks: Callable[[], float]
    ) -> None:
        self._boot, self._boot_id, self._ticks = boot, boot_id, ticks
        start = _goes_on(stored, boot(), boot_id)
        start = wall if start is None else start
        self._offset = start - ticks()
        self.skew = wall - start
        """Seconds that the wall clock was ahead at the start of this process."""

    def __call__(self) -> float:
        """Seconds now."""
        return self._offset + self._ticks()

    def wall(self) -> float:
        """Unix seconds for people: set once, then moved on by the monotonic clock."""
        return self() + self.skew

    def reading(self) -> tuple[float, float, str]:
        """What the next process goes on from."""
        return self(), self._boot(), self._boot_id


def clock_after(stored: Any, wall: float) -> SteadyClock:
    """The clock of this machine, which goes on from an earlier process's last reading."""
    return SteadyClock(stored, wall, _boot_seconds, boot_id(), time.monotonic)


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _goes_on(stored: Any, boot: float, this_boot: str) -> float | None:
    if not isinstance(stored, tuple) or len(stored) != 3:
        return None
    now, then, its_boot = stored
    if not (_is_time(now) and _is_time(then) and isinstance(its_boot, str)):
        return None
    passed = boot - then if this_boot and its_boot == this_boot else 0.0
    return float(now) + max(passed, 0.0)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value) and 0.0 <= value <= MAX_UNIX_SECONDS
