"""At most so many in a second: what is told of exchanges must not take the time that decisions need."""

from __future__ import annotations


class Throttle:
    """`most` in each second of the clock. What is not used in one second is not kept for the next."""

    __slots__ = ("_left", "_most", "_second")

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._second = 0

    def allows(self, now: float, count: int = 1) -> bool:
        """True, and `count` of the second are used up, while anything of it is left."""
        if int(now) != self._second:
            self._second, self._left = int(now), self._most
        if self._left <= 0:
            return False
        self._left -= count
        return True
