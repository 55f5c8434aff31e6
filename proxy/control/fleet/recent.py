"""What the arms of a fleet did of late: the traffic of all sidecars, of which each one has only its own part."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.histogram import quantile
from proxy.control.fleet.bodies import RecentArm
from proxy.stats.board import Board
from proxy.stats.counts.counters import ArmCounts


def recent_of(board: Board, routes: Iterable[str], now: float) -> dict[str, list[RecentArm]]:
    """Route to its arms, of a judge's board: inferences only, because sidecars report nothing else. `now`: seconds by
    the fleet's clock."""
    found: dict[str, list[RecentArm]] = {name: [] for name in routes}
    for (route, version, role), counts in board.counters.arms.items():
        if route in found:
            found[route].append(_arm(version, role, counts, now))
    return found


def _arm(version: str, role: str, counts: ArmCounts, now: float) -> RecentArm:
    times = counts.recent_total.get(now)
    p50, p90, p99 = (quantile(times, q) for q in (0.5, 0.9, 0.99))
    outcomes: dict[str, int] = {outcome: count for outcome, count in counts.recent_outcomes(now).items() if count}
    return RecentArm(version, role, outcomes, sum(times.values()), p50, p90, p99)
