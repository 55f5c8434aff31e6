"""Objects that the handlers of the API serve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from prometheus_client import CollectorRegistry

from proxy.control.api.connections import Connections
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.control.history.past import Past
from proxy.control.stories.chronicle import Chronicle
from proxy.link.server import WorkerStatus
from proxy.stats.board import Board

BOUND_OF_PROBLEM = {"too-large": "api_body", "too-many": "event_listeners"}
"""Kinds of problems by which a request learns that a bound was reached; the name that a metric has for it."""


class ApiContext(Struct):
    """Objects that the API serves, and the counts of its own. `labelled` hears of the labels that feedback brings."""

    engine: Engine
    board: Board
    registry: CollectorRegistry
    workers: Callable[[], list[WorkerStatus]]
    now: Callable[[], float]
    """Seconds by the clock of durations; `engine.keeper.unix` makes Unix seconds of them."""
    draining: bool = False
    """Whether the process is about to end, so that no traffic should come any more."""
    bounds_reached: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOUND_OF_PROBLEM.values(), 0))
    """Requests that were refused because of a bound, by its name. Monotone."""
    connections: Connections = field(default_factory=Connections)
    labelled: Callable[[list[tuple[str, Any]]], None] = lambda labels: None
    fleet: FleetService | None = None
    history: Past | None = None
    chronicle: Chronicle | None = None
