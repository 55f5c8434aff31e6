"""Rates of bad events, latencies and scores of the primary before a promotion, to which the new one is held then."""

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
    rates = board.bad_events(route, old)
    figures |= {metric: PrimaryFigure(bad / n, n) for metric, (bad, n) in rates.items()}
    _, legs = rates.get("error_rate", (0, 0))
    for metric in of_kind("distribution", "quantile"):
        if metric.source != "ticks" or metric.quantile is None:
            continue
        seconds = board.latency(route, old, "primary", metric.quantile, now)
        if seconds is not None:
            figures[metric.name] = PrimaryFigure(seconds, legs)
    return figures
