"""What is configured and does not happen: warnings that the API shows, a metric counts and the log says once.

A shadow that gets less than `ENOUGH` of the copies that it should get is named with the reasons for the rest. It is
looked at in spans, so that a warning goes when its cause does.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from proxy.contracts.release import RouteState
from proxy.release import transitions
from proxy.stats.counts.counters import Counters

log = logging.getLogger("penumbra.warnings")

SPAN = 5.0
"""Seconds of one look; short bursts of drops are what bounds are for."""
ENOUGH = 0.9
FEW = 20
"""Copies in a span below which nothing is said."""

Shadow = tuple[str, str]


class Warnings:
    """`extra` holds what others found, by route. `of` is what to show."""

    __slots__ = ("_begun", "_dropped", "_owed", "_said", "extra")

    def __init__(self) -> None:
        self._begun = 0.0
        self._owed: Counter[Shadow] = Counter()
        self._dropped: Counter[tuple[str, str, str]] = Counter()
        self._said: dict[Shadow, str] = {}
        self.extra: dict[str, str] = {}

    def of(self, route: str) -> list[str]:
        """The warnings of a route."""
        shadows = [said for (name, _), said in self._said.items() if name == route]
        return shadows + ([self.extra[route]] if route in self.extra else [])

    def look(self, states: Iterable[RouteState], counters: Counters, now: float) -> None:
        """Judges the span that is over, if it is."""
        if now - self._begun < SPAN:
            return
        shadows = [(state.route, version) for state in states for version in transitions.weights(state)[1]]
        owed = Counter(counters.mirrored) - self._owed
        dropped = Counter(counters.shadow_dropped) - self._dropped
        found = {key: said for key in shadows if (said := _fault(key, owed[key], dropped))}
        for key in [key for key in self._said if owed[key] < FEW and key in shadows]:
            found.setdefault(key, self._said[key])
        self._tell(found)
        self._begun = now
        self._owed, self._dropped = Counter(counters.mirrored), Counter(counters.shadow_dropped)

    def _tell(self, found: dict[Shadow, str]) -> None:
        for key in found.keys() - self._said.keys():
            log.warning("%s: %s", key[0], found[key])
        for key in self._said.keys() - found.keys():
            log.info("%s: shadow %s gets its copies again", *key)
        self._said = found


def _fault(shadow: Shadow, owed: int, dropped: Mapping[tuple[str, str, str], int]) -> str:
    reasons = {reason: n for (route, version, reason), n in dropped.items() if (route, version) == shadow and n}
    lost = sum(reasons.values())
    if owed < FEW or lost <= (1 - ENOUGH) * owed:
        return ""
    named = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda pair: -pair[1]))
    part = "gets nothing" if lost >= owed else f"gets {1 - lost / owed:.0%} of its copies"
    return f"shadow {shadow[1]} {part}: of {owed:,} in {SPAN:g} s these were dropped: {named}"
