"""What control asks the board before a promote."""

from __future__ import annotations

from proxy.contracts.release import RouteState
from proxy.release.post_promotion import PrimaryFigure
from proxy.stats.board import Board

LATENCIES = {"latency": 0.5, "latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}


def figures_of(board: Board, state: RouteState, now: float) -> dict[str, PrimaryFigure]:
    """What the primary before had, on a route that was just promoted: from evidence, and from exact counts."""
    route, old = state.route, state.previous or ""
    known = board.evidence(route, now)
    figures = {e.metric: PrimaryFigure(e.reference, e.n_reference) for e in known if e.reference is not None}
    bad, legs = board.failures(route, old)
    if legs:
        figures["error_rate"] = PrimaryFigure(bad / legs, legs)
    for metric, q in LATENCIES.items():
        seconds = board.latency(route, old, "primary", q, now)
        if seconds is not None:
            figures[metric] = PrimaryFigure(seconds, legs)
    return figures
