"""A point in [0, 1) to a version, and which shadows get a copy.

1. The first canary has [0, p); the second has [1 − p, 1); further ones follow the first. The primary has the rest.
2. So with one or two canaries a sticky user who has a canary keeps it while its percentage grows: the split is
   monotone, and only the primary gives traffic up.
"""

from __future__ import annotations

from proxy.contracts.table import Route, Share


class Split:
    """The versions of a route's live traffic. Indexes: 0 is the primary, 1… the entries of `route.split`.

    `shares` are the parts of the live traffic, 0 to 1, in the same order; they sum to 1.
    """

    __slots__ = ("_ranges", "shares", "versions")

    def __init__(self, route: Route) -> None:
        self.versions = (route.primary, *(share.version for share in route.split))
        parts = tuple(share.percent / 100.0 for share in route.split)
        self.shares = (max(0.0, 1.0 - sum(parts)), *parts)
        self._ranges = _ranges(parts)

    def choose(self, point: float) -> int:
        """The index of the version that `point` falls to."""
        for low, high, index in self._ranges:
            if low <= point < high:
                return index
        return 0


def _ranges(parts: tuple[float, ...]) -> tuple[tuple[float, float, int], ...]:
    ranges, low = [], 0.0
    for index, part in enumerate(parts, start=1):
        if part <= 0:
            continue
        if index == 2:
            ranges.append((1.0 - part, 1.0, index))
        else:
            ranges.append((low, low + part, index))
            low += part
    return tuple(ranges)


def mirrored(share: Share, draw: float) -> bool:
    """True when a request with a uniform `draw` in [0, 1) is copied to this shadow."""
    return draw * 100.0 < share.percent
