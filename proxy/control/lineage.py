"""Where the versions of a route come from, for an entry of the audit."""

from __future__ import annotations

from typing import Any

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Settings
from proxy.stats.board import Board


def lineage_of(settings: Settings, board: Board, state: RouteState) -> dict[str, Any]:
    """Where each version comes from that is concerned, and what it is: primary, candidates, baseline."""
    versions, known = settings.versions, board.answerers.of(state.route)
    baselines = (each.baseline for each in settings.routes if each.name == state.route)
    beside = tuple(baseline.version for baseline in baselines if baseline)
    named = [v for v in (state.primary, state.candidate, *state.split, *beside) if v is not None and v in versions]
    return {
        name: {
            "endpoint": versions[name].authority + versions[name].base_path,
            **({"rewrite": settings.rewrites[name].told()} if name in settings.rewrites else {}),
            "lineage": settings.lineage.get(name),
            **({"package": settings.packages[name]} if name in settings.packages else {}),
            "identity": [each.identity for each in known[name].get()] if name in known else [],
        }
        for name in dict.fromkeys(named)
    }
