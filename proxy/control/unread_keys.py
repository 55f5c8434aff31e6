"""Sticky keys that cannot be read, as warnings: such requests meet a version by chance, another one each time.

Keys that requests do not have are usual up to a half of them (clients that are not logged in); whatever else keeps keys
from being read is a mistake in configuration or clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from proxy.contracts.table import LIVE_ROLES
from proxy.contracts.unread_key import ABSENT, UNREAD_KEYS
from proxy.stats.board import Board
from proxy.stats.counts.counters import Counters

LARGE = 0.1
"""Part of a route's requests from which on a reason is told."""
LARGE_ABSENT = 0.5
"""The same of keys that are not there."""
MIN_REQUESTS = 20
"""Requests of a span of which parts are told; after fewer a warning stays as it is."""


class UnreadKeys:
    """The warnings of the last span by route; `update` at the end of each span."""

    __slots__ = ("_before", "_requests", "faults")

    def __init__(self) -> None:
        self._before: Counter[tuple[str, str]] = Counter()
        self._requests: Counter[str] = Counter()
        self.faults: dict[str, list[str]] = {}

    def update(self, routes: Iterable[str], board: Board) -> list[tuple[str, str]]:
        """Judges what has come since the last call; returns (route, warning) of routes that had none before."""
        counters = board.counters
        requests = _requests(counters)
        came, asked = counters.unread_keys - self._before, requests - self._requests
        self._before, self._requests = Counter(counters.unread_keys), requests
        before = self.faults
        judged = {route: _faults(route, came, asked[route]) for route in routes if asked[route] >= MIN_REQUESTS}
        self.faults = {route: found for route in routes if (found := judged.get(route, before.get(route, [])))}
        return [(route, fault) for route, found in self.faults.items() for fault in found if route not in before]


def _requests(counters: Counters) -> Counter[str]:
    found: Counter[str] = Counter()
    for (route, _, role), arm in counters.arms.items():
        if role in LIVE_ROLES:
            found[route] += arm.outcomes.total()
    return found


def keyless(counters: Counters, route: str) -> float:
    """The part of a route's requests since control's start whose sticky key could not be read."""
    unread = sum(count for (of, _), count in counters.unread_keys.items() if of == route)
    requests = _requests(counters)[route]
    return min(unread / requests, 1.0) if requests else 0.0


def _faults(route: str, came: Counter[tuple[str, str]], requests: int) -> list[str]:
    parts = {reason: came[route, reason] / requests for reason in UNREAD_KEYS}
    large = {reason: p for reason, p in parts.items() if p > (LARGE_ABSENT if reason == ABSENT else LARGE)}
    return [
        f"the sticky key of {min(part, 1.0):.0%} of the requests cannot be read ({reason}: {UNREAD_KEYS[reason]}), so "
        "they meet a version by chance"
        for reason, part in large.items()
    ]
