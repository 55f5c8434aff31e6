"""What control needs of `stats.board.Board`, and what it asks it before a promote."""

from __future__ import annotations

from typing import Protocol as Interface

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import Tick
from proxy.contracts.release import RouteState
from proxy.contracts.settings import Analysis, Guard
from proxy.contracts.table import Protocol, Role
from proxy.release.afterwards import Figure
from proxy.stats.counters import Counters
from proxy.stats.examples import Example

LATENCIES = {"latency": 0.5, "latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}


class BoardLike(Interface):
    """What the engine needs of `stats.board.Board`."""

    counters: Counters

    def watch_all(
        self,
        route: str,
        candidates: tuple[str, ...],
        primary: str,
        guard: Guard,
        protocol: Protocol,
        now: float,
        analysis: Analysis = ...,
    ) -> None: ...

    def examples(self, route: str, version: str) -> list[Example]: ...

    def flush(self, now: float) -> None: ...

    def absorb(self, tick: Tick, now: float) -> None: ...

    def evidence(self, route: str, now: float) -> tuple[Evidence, ...]: ...

    def failures(self, route: str, version: str) -> tuple[int, int]: ...

    def latency(self, route: str, version: str, role: Role, q: float, now: float) -> float | None: ...


def figures_of(board: BoardLike, state: RouteState, now: float) -> dict[str, Figure]:
    """What the primary before had, on a route that was just promoted: from evidence, and from exact counts."""
    route, old = state.route, state.previous or ""
    known = board.evidence(route, now)
    figures = {e.metric: Figure(e.reference, e.n_reference) for e in known if e.reference is not None}
    bad, legs = board.failures(route, old)
    if legs:
        figures["error_rate"] = Figure(bad / legs, legs)
    for metric, q in LATENCIES.items():
        seconds = board.latency(route, old, "primary", q, now)
        if seconds is not None:
            figures[metric] = Figure(seconds, legs)
    return figures
