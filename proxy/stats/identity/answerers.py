"""Who answers on every route: what legs and ticks say, by version, and a watch of each version for all to see."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation
from proxy.contracts.record import ArmTick
from proxy.stats.identity.asked import AskedJoin
from proxy.stats.identity.watch import Given, Identities

Counts = Mapping[str, Mapping[Given, int]]
"""Answers by version and what they say."""


class Answerers:
    """The watches of all routes, for show: what is a change in a judgement, the comparison's own watch says."""

    __slots__ = ("_asked", "_untold", "_waiting", "_watches")

    def __init__(self) -> None:
        self._asked = AskedJoin()
        self._watches: dict[str, dict[str, Identities]] = {}
        self._untold = 0
        self._waiting: defaultdict[str, defaultdict[str, Counter[Given]]] = defaultdict(_counters)

    def add_legs(self, legs: Sequence[Observation], now: float) -> None:
        """Adds legs of one route and role; `flush` counts them."""
        waiting = self._waiting[legs[0].route]
        for (version, given), n in Counter(self._asked.update(legs, now)).items():
            waiting[version][given] += n

    def add_alike(self, legs: AlikeLegs, now: float) -> None:
        """The same of legs that are alike."""
        waiting = self._waiting[legs.route]
        for (version, given), n in self._asked.update_alike(legs, now):
            waiting[version][given] += n

    def add_arms(self, route: str, arms: Iterable[ArmTick]) -> None:
        """Adds what the heads of answers of one route say, from a tick."""
        for arm in arms:
            for who, n in arm.identities.items():
                if who:
                    self._waiting[route][arm.version]["", who] += n
                else:
                    self._untold += n

    def flush(self, now: float) -> Mapping[str, Counts]:
        """Counts what was added since the last call; returns it by route."""
        for route, (version, given_now) in self._asked.settled(now):
            self._waiting[route][version][given_now] += 1
        self._asked.expire(now)
        added, self._waiting = self._waiting, defaultdict(_counters)
        for route, versions in added.items():
            watches = self._watches.setdefault(route, {})
            for version, given in versions.items():
                watch = watches.setdefault(version, Identities(version))
                watch.update(given)
                watch.take()
        return added

    def of(self, route: str) -> Mapping[str, Identities]:
        """The watch of each version of a route that ever named anybody."""
        return self._watches.get(route, {})

    def adopt(self, route: str, known: Mapping[str, Identities]) -> None:
        """Takes up who answered before this process: what a restored comparison knows."""
        watches = self._watches.setdefault(route, {})
        for version, watch in known.items():
            if version not in watches and watch.get():
                watches[version] = watch.copy()

    @property
    def left_out(self) -> int:
        """Answers whose identity was not looked at, because a bound was full."""
        return self._untold + sum(each.left_out for watches in self._watches.values() for each in watches.values())


def _counters() -> defaultdict[str, Counter[Given]]:
    return defaultdict(Counter)
