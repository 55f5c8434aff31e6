"""When a version is ejected inside a worker, before control hears of it, and when it is tried again.

1. `TRIP` failures in a row (connect failure, reset, timeout, 5xx) open the breaker.
2. While open, one request each `BASE` seconds (doubling up to `LONGEST`) goes through as a probe.
3. A success closes it.

The primary has no breaker: it is the last resort. Sources: Nygard, "Release It!", and the outlier ejection of proxies.
"""

from __future__ import annotations

TRIP = 5
"""Failures in a row. A healthy version with 5 % errors does this once in three million requests."""

BASE = 0.5
"""Seconds until the first probe."""

LONGEST = 10.0
"""Seconds between probes at most, so that a version that is back is seen soon."""


class Breaker:
    """Closed: everything passes. Open: only probes pass."""

    __slots__ = ("_failures", "_probe_at", "_wait", "open")

    def __init__(self) -> None:
        self.open = False
        self._failures = 0
        self._wait = BASE
        self._probe_at = 0.0

    def __repr__(self) -> str:
        state = f"open, next probe at {self._probe_at:.3f}" if self.open else f"closed, {self._failures} failures"
        return f"<Breaker {state}>"

    def admits(self, now: float) -> bool:
        """True when a request may go to the version; counts as the probe when the breaker is open."""
        if not self.open:
            return True
        if now < self._probe_at:
            return False
        self._probe_at = now + self._wait
        return True

    def succeeded(self) -> bool:
        """A leg was answered without a server error. True when this closed the breaker."""
        closed = self.open
        if self._failures:
            self.open, self._failures, self._wait = False, 0, BASE
        return closed

    def failed(self, now: float) -> bool:
        """A leg failed. True when this opened the breaker."""
        self._failures += 1
        if self._failures < TRIP:
            return False
        opened = not self.open
        self._wait = BASE if opened else min(self._wait * 2, LONGEST)
        self.open, self._probe_at = True, now + self._wait
        return opened
