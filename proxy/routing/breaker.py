"""The circuit breaker of one version: it ejects the version inside a worker, before control hears of the failures.

1. `FAILURES_TO_OPEN` failures in a row (connect failure, reset, timeout, 5xx) that span `MIN_FAILING_SECONDS` open it.
2. While it is open nothing passes, until after `FIRST_PROBE_WAIT` the next request passes as a probe. After
   `QUICK_PROBES` probes the wait doubles with each, up to `MAX_PROBE_WAIT`. Where `MAX_HANGING_PROBES` are under way,
   the next one waits so long.
3. A success closes it.
4. A failure that the primary shares says nothing about the version: while the primary has failed and not answered since
   the first failure of the row, each failure begins a new one.

Inferences and other requests have a breaker each. The primary has none: it is the last resort. Sources: Nygard,
"Release It!", and the outlier ejection of proxies.
"""

from __future__ import annotations

from math import inf
from typing import Final

FAILURES_TO_OPEN: Final = 20
"""Failures in a row. At a share of one half control needs about as many to decide by itself."""

MIN_FAILING_SECONDS: Final = 0.5
"""Seconds from the first failure to the last. Control decides within a few ticks; an earlier ejection would take the
evidence away from it."""

FIRST_PROBE_WAIT: Final = 0.1
"""Seconds between the first probes. Each one is evidence: a canary that is ejected must still be rolled back, and at a
share of 90 % that takes more than a hundred failures."""

QUICK_PROBES: Final = 200
"""Probes at `FIRST_PROBE_WAIT`: 20 s of evidence. Later probes only find out whether the version is back."""

MAX_PROBE_WAIT: Final = 10.0
"""Seconds between two probes at most: how long a version that has recovered can wait for its traffic."""

MAX_HANGING_PROBES: Final = 4
"""Probes under way at a time: each of them may be a client that waits for a version that hangs."""


class PrimaryHealth:
    """When the primary of a route last answered, and last failed (monotonic seconds); rule 4 asks for it."""

    __slots__ = ("_answered", "_failed")

    def __init__(self) -> None:
        self._answered = self._failed = -inf

    def update(self, succeeded: bool, now: float) -> None:
        """A leg of the primary ended."""
        if succeeded:
            self._answered = now
        else:
            self._failed = now

    def is_down(self, since: float) -> bool:
        """True where the primary has failed since then, and not answered."""
        return self._failed >= since > self._answered


class Breaker:
    """Closed: everything passes. Open: only probes pass. `under_way`: those that have not ended."""

    __slots__ = ("_failures", "_probe_at", "_probed", "_probes", "_since", "_wait", "open", "under_way")

    def __init__(self) -> None:
        self.open = False
        self._failures = self._probes = self.under_way = 0
        self._since = 0.0
        self._wait = FIRST_PROBE_WAIT
        self._probe_at = 0.0
        self._probed = False

    def __repr__(self) -> str:
        state = f"open, next probe at {self._probe_at:.3f}" if self.open else f"closed, {self._failures} failures"
        return f"<Breaker {state}>"

    def blocks(self, now: float) -> bool:
        """True while nothing may go to the version. Once False again, the next request is a probe: say `probing`."""
        if not self.open or now < self._probe_at:
            return self.open
        return self.under_way >= MAX_HANGING_PROBES and now < self._probe_at + MAX_PROBE_WAIT

    def probing(self, now: float) -> None:
        """A request goes to the version; when the breaker is open, the next one waits."""
        if self.open:
            self._probed, self._probe_at = True, now + self._wait
            self.under_way += 1

    def ended(self) -> None:
        """A leg has ended, whatever came of it. One from before the breaker opened makes room for a probe as well."""
        if self.under_way:
            self.under_way -= 1

    def succeeded(self) -> bool:
        """A leg was answered without a server error. True when this closed the breaker."""
        if not self._failures:
            return False
        closed, self.open, self._failures, self._probes, self._wait = self.open, False, 0, 0, FIRST_PROBE_WAIT
        self.under_way = 0
        return closed

    def failed(self, now: float, primary: PrimaryHealth) -> bool:
        """A leg failed. True when this opened the breaker."""
        if not self._failures or (not self.open and primary.is_down(self._since)):
            self._since, self._failures = now, 0
        self._failures += 1
        if self.open:
            if not self._probed:
                return False  # of a leg that was under way when it opened: says nothing new
            self._probes += 1
            self._wait = FIRST_PROBE_WAIT if self._probes < QUICK_PROBES else min(self._wait * 2, MAX_PROBE_WAIT)
        elif self._failures < FAILURES_TO_OPEN or now - self._since < MIN_FAILING_SECONDS:
            return False
        opened, self.open, self._probed = not self.open, True, False
        self._probe_at = now + self._wait
        return opened
