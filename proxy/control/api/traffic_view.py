"""Traffic of each version of a route: counts since control's start, latencies of the last minute.

A figure without a sample is null, never 0: whoever looks must see that nothing was counted. Outcomes sum to the legs,
those that are evidence to n; they are by head and connection, and `invalid` says of how many a body says otherwise.
"""

from __future__ import annotations

from typing import Any

from proxy.contracts.histogram import Buckets, quantile
from proxy.contracts.outcome import OUTCOMES
from proxy.control.fleet.bodies import RecentArm
from proxy.control.fleet.service import FleetService
from proxy.stats.board import Board
from proxy.stats.counts.content import ContentCounters
from proxy.stats.counts.counters import ArmCounts
from proxy.stats.counts.latency_window import RECENT_SECONDS


def traffic(board: Board, route: str, now: float, fleet: FleetService | None = None) -> dict[str, Any]:
    """The arms of a route beside each other, and everything that did not become a leg. Durations are seconds. All of it
    is of this sidecar, but what `fleet` says."""
    counters, inflight = board.counters, board.counters.inflight(now)
    arms = [(key, counts) for key, counts in counters.arms.items() if key[0] == route]
    overhead = counters.overhead[route].buckets if route in counters.overhead else {}
    return {
        "route": route,
        "window": RECENT_SECONDS,
        "fleet": of_fleet(fleet, route),
        "arms": [
            _arm(key[1], key[2], counts, inflight.get(key, 0), now) | _content(board.content, key)
            for key, counts in arms
        ],
        "shadows": [_shadow(board, route, version) for r, version in counters.mirrored if r == route],
        "rescued": [
            {"version": version, "reason": reason, "count": n}
            for (r, version, reason), n in counters.rescued.items()
            if r == route
        ],
        "endpoints": _endpoints(counters.endpoints(now), {key[1] for key, _ in arms}),
        "rejected": {reason: n for (r, reason), n in counters.rejected.items() if r == route},
        "overhead": {"n": sum(overhead.values()), "p50": quantile(overhead, 0.5), "p99": quantile(overhead, 0.99)},
    }


def of_fleet(fleet: FleetService | None, route: str) -> dict[str, Any] | None:
    """What all sidecars together had of late, as the judge told last; None: there is no fleet, or nobody has told."""
    table = fleet.member.table if fleet is not None and not fleet.member.apart else None
    if table is None or route not in table.recent:
        return None
    return {"window": table.window, "sidecars": len(table.members), "arms": list(map(_recent, table.recent[route]))}


def _recent(arm: RecentArm) -> dict[str, Any]:
    return {
        "version": arm.version,
        "role": arm.role,
        "recent": {outcome: arm.outcomes.get(outcome, 0) for outcome in OUTCOMES},
        "total": {"n": arm.n, "p50": arm.p50, "p90": arm.p90, "p99": arm.p99},
    }


def _endpoints(told: dict[str, dict[str, str]], versions: set[str]) -> list[dict[str, Any]]:
    return [
        {"version": version, "address": address, "state": state}
        for version in sorted(versions & set(told))
        for address, state in told[version].items()
    ]


def _arm(version: str, role: str, counts: ArmCounts, inflight: int, now: float) -> dict[str, Any]:
    n, failed = counts.counted, counts.outcomes["failed"]
    return {
        "version": version,
        "role": role,
        "legs": sum(counts.codes.values()),
        "n": n,
        "bad": failed,
        "bad_ratio": failed / n if n else None,
        "outcomes": {outcome: counts.outcomes[outcome] for outcome in OUTCOMES},
        "recent": counts.recent_outcomes(now),
        "codes": dict(counts.codes),
        "inflight": inflight,
        "total": _latency(counts.recent_total.get(now)),
        "first_byte": _latency(counts.recent_first_byte.get(now)),
    }


def _content(content: ContentCounters, arm: tuple[str, str, str]) -> dict[str, Any]:
    invalid = {reason: n for (*whose, reason), n in content.invalid.items() if tuple(whose) == arm}
    return {"analysed": content.analysed[arm], "invalid": invalid}


def _latency(recent: Buckets) -> dict[str, Any]:
    return {
        "n": sum(recent.values()),
        "p50": quantile(recent, 0.5),
        "p90": quantile(recent, 0.9),
        "p99": quantile(recent, 0.99),
    }


def _shadow(board: Board, route: str, version: str) -> dict[str, Any]:
    counters = board.counters
    return {
        "version": version,
        "owed": counters.mirrored[route, version],
        "coverage": counters.coverage(route, version),
        "dropped": {reason: n for (r, v, reason), n in counters.shadow_dropped.items() if (r, v) == (route, version)},
    }
