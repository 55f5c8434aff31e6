"""Pairs of shadows that nothing judges: how often they disagree, for the diagnosis of their route.

A shadow beside a release, or on a route without one, has no scorecard. What its answers say of the world and of its
model is as worth knowing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.contracts.settings import Limit
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement

FALSE_ALARM = 0.001
"""As that of a scorecard that names none."""

MAX_SHADOWS = 256
"""Shadows of all routes; further ones have no diagnosis."""


class PlainShadows:
    """The disagreement of each shadow of each route that is no candidate.

    >>> shadows = PlainShadows()
    >>> shadows.update("r", "v2", [PairResult("r", "v2", 100, 60)])
    >>> {version: pairs.disagreed for version, pairs in shadows.beside("r", {}).items()}
    {'v2': 60}
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Disagreement] = {}

    def update(self, route: str, version: str, compared: Sequence[PairResult]) -> None:
        """Takes in the pairs of one batch."""
        known = self._known.get((route, version))
        if known is None:
            if len(self._known) >= MAX_SHADOWS:
                return
            known = self._known[route, version] = Disagreement(Limit(), AlphaShare(version, FALSE_ALARM))
        known.update(compared)

    def beside(self, route: str, judged: Mapping[str, Disagreement]) -> dict[str, Disagreement]:
        """The pairs of the versions of a route that are judged, and then of its other shadows."""
        plain = {version: known for (name, version), known in self._known.items() if name == route}
        return {**judged, **plain, **judged}

    def forget(self, route: str, *versions: str) -> None:
        """Drops what rests on models that answer no more under these names; without a name, all of the route."""
        for key in [key for key in self._known if key[0] == route and (not versions or key[1] in versions)]:
            del self._known[key]
