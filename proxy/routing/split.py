"""A point in [0, 1) to a version, and which shadows get a copy.

1. The first canary has [0, p); the second has [1 − p, 1); further ones follow the first. The primary has the rest.
2. So with one or two canaries a sticky user who has a canary keeps it while its percentage grows: the split is
   monotone, and only the primary gives traffic up.
3. The baseline ends where the second canary begins, without one at 1. It grows at the cost of the primary alone, too;
   where a second canary moves it, its users change between two instances of one model. No canary moves for it.
4. A vacant share keeps its place: its points are the primary's, and everybody else's stay where they are.
"""

from __future__ import annotations

from proxy.contracts.table import Role, Route, Share


class Split:
    """The versions of a route's live traffic. Indexes: 0 is the primary, 1… the entries of `route.split` that are not
    vacant, and the last is the baseline, where the route has one.

    `shares` are the parts of the live traffic, 0 to 1, in the same order; they sum to 1. `roles` are the
    roles of their legs.
    """

    __slots__ = ("_primary_from", "_primary_to", "_ranges", "roles", "shares", "versions")

    def __init__(self, route: Route) -> None:
        baselines = () if route.baseline is None else (route.baseline,)
        taken = [share for share in route.split if not share.vacant]
        self.versions = (route.primary, *(share.version for share in (*taken, *baselines)))
        canaries: tuple[Role, ...] = tuple("canary" for _ in taken)
        beside: tuple[Role, ...] = tuple("baseline" for _ in baselines)
        self.roles: tuple[Role, ...] = ("primary", *canaries, *beside)
        parts = tuple(share.percent / 100.0 for share in taken)
        extra = tuple(share.percent / 100.0 for share in baselines)
        self.shares = (max(0.0, 1.0 - sum(parts) - sum(extra)), *parts, *extra)
        self._ranges = _ranges(route.split, extra)
        self._primary_from, self._primary_to = _widest_gap(self._ranges)

    def choose(self, point: float) -> int:
        """The index of the version that `point` falls to. Most fall to the primary: they look at no range."""
        if self._primary_from <= point < self._primary_to:
            return 0
        for low, high, index in self._ranges:
            if low <= point < high:
                return index
        return 0

    def edges(self) -> list[float]:
        """The points between which `choose` gives one answer, 0 and 1 included."""
        return sorted({0.0, 1.0, *(edge for low, high, _ in self._ranges for edge in (low, high))})


def _ranges(shares: tuple[Share, ...], baseline: tuple[float, ...]) -> tuple[tuple[float, float, int], ...]:
    ranges, low, high, index = [], 0.0, 1.0, 0
    for place, share in enumerate(shares, start=1):
        part = share.percent / 100.0
        index += not share.vacant
        if part <= 0:
            continue
        if place == 2:
            start = high = 1.0 - part
        else:
            start = low
            low += part
        if not share.vacant:
            ranges.append((start, 1.0 if place == 2 else low, index))
    ranges += [(high - part, high, index + 1) for part in baseline if part > 0]
    return tuple(ranges)


def _widest_gap(ranges: tuple[tuple[float, float, int], ...]) -> tuple[float, float]:
    """The widest range of points that are nobody's but the primary's."""
    at, gap = 0.0, (0.0, 0.0)
    for low, high, _ in (*sorted(ranges), (1.0, 1.0, 0)):
        if low - at > gap[1] - gap[0]:
            gap = at, low
        at = max(at, high)
    return gap


def mirrored(percent: float, draw: float) -> bool:
    """True when a request with a uniform `draw` in [0, 1) is copied to a shadow that gets so many per cent."""
    return draw * 100.0 < percent
