"""Failure rate, latencies and scores of the primary before a promotion: what the new primary is held to afterwards."""

from __future__ import annotations

from proxy.contracts.metrics import of_kind
from proxy.contracts.release import RouteState
from proxy.release.post_promotion import PrimaryFigure
from proxy.stats.board import Board


def figures_of(board: Board, state: RouteState, now: float) -> dict[str, PrimaryFigure]:
    """Value and n of each metric of the previous primary of a route that was just promoted: from evidence, and from
    exact counts."""
    route, old = state.route, state.previous or ""
    evidence = board.evidence(route, now)
    figures = {e.metric: PrimaryFigure(e.reference, e.n_reference) for e in evidence if e.reference is not None}
    bad, legs = board.failures(route, old)
    if legs:
        figures["error_rate"] = PrimaryFigure(bad / legs, legs)
    for metric in of_kind("distribution", "quantile"):
        if metric.source != "ticks" or metric.quantile is None:
            continue
        seconds = board.latency(route, old, "primary", metric.quantile, now)
        if seconds is not None:
            figures[metric.name] = PrimaryFigure(seconds, legs)
    return figures
