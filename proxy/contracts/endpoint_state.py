"""States of an endpoint: one address of a version, as workers use it.

| state | meaning |
|---|---|
| `serving` | it gets its share of the requests |
| `warming` | it is new, or has returned, and gets a part of its share |
| `ejected` | its requests failed one after the other: it gets none for a while |
| `unreachable` | it took no connection: it is tried after all the others for a while |
| `draining` | the name leads elsewhere now: its requests under way end |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SERVING = "serving"
WARMING = "warming"
EJECTED = "ejected"
UNREACHABLE = "unreachable"
DRAINING = "draining"

ENDPOINT_STATES = (DRAINING, SERVING, WARMING, EJECTED, UNREACHABLE)
"""The states, the worst one last."""

MAX_TOLD_ENDPOINTS = 64
"""Endpoints of a version that workers tell of."""

_RANKS = {state: rank for rank, state in enumerate(ENDPOINT_STATES)}


def worst(seen: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Address to state, where pools or workers that see it differently have told: the worst."""
    found: dict[str, str] = {}
    for states in seen:
        for address, state in states.items():
            if address not in found or _RANKS[state] > _RANKS[found[address]]:
                found[address] = state
    return found
