"""Sticky de-duplication: the first failure of a sticky key is an event, its further ones are not.

A test over events needs them nearly independent, and failures of one user are not: without this, 1 % of users who
always fail got 20 % of healthy canaries rolled back. Both arms share one memory of keys, so that a user who failed at
the primary before a ramp moved him does not count against the canary after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from proxy.contracts.record import MAX_FAILED_KEYS

MAX_KEYS = 65_536
"""Keys remembered (about 8 MB at most). When full the oldest is forgotten: his next failure counts once more."""

KEY_WINDOW_SECONDS = 3600.0
"""Seconds after which a key that fails again is news."""


class StickyDedup:
    """Turns bad legs and the keys of them into nearly independent events."""

    __slots__ = ("_capacity", "_last_failure", "_order", "forgotten")

    def __init__(self, capacity: int = MAX_KEYS) -> None:
        self._last_failure: dict[int, float] = {}
        self._order: deque[tuple[int, float]] = deque()
        self._capacity = capacity
        self.forgotten = 0
        """Keys that went before their time because `MAX_KEYS` were remembered."""

    def update(self, bad: int, keys: Iterable[int], now: float) -> int:
        """Events in `bad` legs whose sticky keys are `keys` (legs without a key are events of their own).

        A full list of keys means that more legs failed than were listed; the unlisted ones are left out.
        """
        listed = list(keys)
        fresh = sum(self._is_new(key, now) for key in dict.fromkeys(listed))
        return fresh if len(listed) >= MAX_FAILED_KEYS else fresh + max(bad - len(listed), 0)

    def _is_new(self, key: int, now: float) -> bool:
        before = self._last_failure.get(key)
        if before is not None and now - before < KEY_WINDOW_SECONDS:
            return False
        self._last_failure[key] = now
        self._order.append((key, now))
        # A key that was seen again stands twice; only its last place is its own.
        while len(self._last_failure) > self._capacity or len(self._order) > 2 * self._capacity:
            oldest, at = self._order.popleft()
            if self._last_failure.get(oldest) == at:
                del self._last_failure[oldest]
                self.forgotten += now - at < KEY_WINDOW_SECONDS
        return True
