"""When a version is ejected inside a worker, before control hears of it, and when it is tried again.

1. `TRIP` failures in a row (connect failure, reset, timeout, 5xx) that span `SPAN` seconds open the breaker.
2. While open nothing passes, until `BASE` seconds later the next request passes as a probe; after `PROBES` of them the
   wait doubles up to `LONGEST`.
3. A success closes it.

The primary has no breaker: it is the last resort. Sources: Nygard, "Release It!", and the outlier ejection of proxies.
"""

from __future__ import annotations

TRIP = 20
"""Failures in a row. At a share of one half this many are about what control needs to decide by itself."""

SPAN = 0.5
"""Seconds. Control decides on evidence within a few ticks; ejecting sooner would take the evidence away from it."""

BASE = 0.1
"""Seconds between the first probes. Each one is evidence: a canary that is ejected must still be rolled back, and at a
share of 90 % that takes more than a hundred failures."""

PROBES = 200
"""Probes in this rhythm: 20 s of evidence. Later ones only look whether the version is back."""

LONGEST = 10.0
"""Seconds between probes at most, so that a version that is back is seen soon."""


class Breaker:
    """Closed: everything passes. Open: only probes pass."""

    __slots__ = ("_failures", "_probe_at", "_probed", "_probes", "_since", "_wait", "open")

    def __init__(self) -> None:
        self.open = False
        self._failures = self._probes = 0
        self._since = 0.0
        self._wait = BASE
        self._probe_at = 0.0
        self._probed = False

    def __repr__(self) -> str:
        state = f"open, next probe at {self._probe_at:.3f}" if self.open else f"closed, {self._failures} failures"
        return f"<Breaker {state}>"

    def blocks(self, now: float) -> bool:
        """True while nothing may go to the version. Once False again, the next request is a probe: say `probing`."""
        return self.open and now < self._probe_at

    def probing(self, now: float) -> None:
        """A request goes to the version; when the breaker is open, the next one waits."""
        if self.open:
            self._probed, self._probe_at = True, now + self._wait

    def succeeded(self) -> bool:
        """A leg was answered without a server error. True when this closed the breaker."""
        if not self._failures:
            return False
        closed, self.open, self._failures, self._probes, self._wait = self.open, False, 0, 0, BASE
        return closed

    def failed(self, now: float) -> bool:
        """A leg failed. True when this opened the breaker."""
        if not self._failures:
            self._since = now
        self._failures += 1
        if self.open:
            if not self._probed:
                return False  # of a leg that was under way when it opened: says nothing new
            self._probes += 1
            self._wait = BASE if self._probes < PROBES else min(self._wait * 2, LONGEST)
        elif self._failures < TRIP or now - self._since < SPAN:
            return False
        opened, self.open, self._probed = not self.open, True, False
        self._probe_at = now + self._wait
        return opened
