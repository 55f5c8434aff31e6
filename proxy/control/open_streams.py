"""Streams that are still open on a version that was rolled back, in words and numbers.

Each sidecar knows of its own, and reports them to its fleet, whose sum the API shows. What a judge says of them in the
audit is what was open at the judge, when it rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.release import RouteState
from proxy.contracts.settings import RouteSettings
from proxy.contracts.table import OnRollback
from proxy.stats.counts.counters import Counters

WHAT_THEY_DO: dict[OnRollback, str] = {
    "finish": "they finish there (on_rollback: finish)",
    "reset": "they end within 5 seconds (on_rollback: reset)",
}


def left_streams(counters: Counters, state: RouteState) -> dict[str, int]:
    """How many streams are open on each version of a route that was rolled back, where there are any."""
    counts = {version: streams_of(counters, state.route, version) for version in state.rolled_back}
    return {version: count for version, count in counts.items() if count}


def left_rows(counters: Counters, states: Iterable[RouteState]) -> list[tuple[str, str, int]]:
    """The same of all routes, as a sidecar reports them: rows (route, version, count)."""
    found = {state.route: left_streams(counters, state) for state in states if state.rolled_back}
    return [(route, version, count) for route, left in found.items() for version, count in left.items()]


def summed(rows: Iterable[tuple[str, str, int]], route: str) -> dict[str, int]:
    """Those of one route, of all who report.

    >>> summed([("r", "v2", 3), ("s", "v2", 1), ("r", "v2", 2)], "r")
    {'v2': 5}
    """
    found: dict[str, int] = {}
    for name, version, count in rows:
        if name == route:
            found[version] = found.get(version, 0) + count
    return found


def streams_of(counters: Counters, route: str, version: str) -> int:
    """How many streams are open on a version of a route."""
    return sum(count for (name, of, _), count in counters.streams().items() if (name, of) == (route, version))


def told(left: dict[str, int], on_rollback: OnRollback) -> str:
    """A sentence about them; "" where there are none.

    >>> told({"v2": 3, "v3": 1}, "finish")
    '3 streams are open on v2, 1 on v3: they finish there (on_rollback: finish)'
    """
    if not left:
        return ""
    (first, count), *others = left.items()
    streams = "1 stream is" if count == 1 else f"{count:,} streams are"
    more = "".join(f", {n:,} on {version}" for version, n in others)
    return f"{streams} open on {first}{more}: {WHAT_THEY_DO[on_rollback]}"


def told_of(counters: Counters, sections: Iterable[RouteSettings], states: Iterable[RouteState]) -> str:
    """The sentences about the routes of a change."""
    known = {section.name: section for section in sections}
    found = [
        told(left_streams(counters, state), known[state.route].on_rollback) for state in states if state.route in known
    ]
    return "; ".join(sentence for sentence in found if sentence)
