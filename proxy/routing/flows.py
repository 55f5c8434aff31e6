"""What a change of a split moves: from which version to which, and how much of the live traffic.

It asks `Split` itself at one point of each stretch on which neither split changes its answer, so it is exact: with
sticky keys it is the part of the keys whose version changes, without them the part of the requests that would have
gone elsewhere.
"""

from __future__ import annotations

from itertools import pairwise

from proxy.contracts.table import Route
from proxy.routing.split import Split

SHORTEST = 1e-12
"""Part of the traffic below which a stretch is one of rounding."""


def flows(before: Route, after: Route) -> dict[tuple[str, str], float]:
    """Percent of the live traffic by (version before, version after), where these differ."""
    was, new = Split(before), Split(after)
    found: dict[tuple[str, str], float] = {}
    for low, high in pairwise(sorted({*was.edges(), *new.edges()})):
        middle = (low + high) / 2.0
        pair = was.versions[was.choose(middle)], new.versions[new.choose(middle)]
        if pair[0] != pair[1] and high - low > SHORTEST:
            found[pair] = found.get(pair, 0.0) + 100.0 * (high - low)
    return {pair: round(percent, 9) for pair, percent in found.items()}
