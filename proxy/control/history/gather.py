"""Ticks → the counts of the second that is under way, by route.

Bounded in all: `MAX_ARMS` arms, and `MAX_CELLS` buckets of latencies. A route that would be one too many is not
followed until another one goes; latencies without room are counted in `untimed`, and their step has no quantiles.
"""

from __future__ import annotations

from collections.abc import Container

from proxy.contracts.histogram import Buckets
from proxy.contracts.record import ArmTick, Tick
from proxy.control.history.steps import PLACES, ArmStep, TimeStep

MAX_ARMS = 600
"""Versions in a role, of all routes: 200 routes with three versions each."""

MAX_CELLS = 30_000
"""Buckets of one second, of all arms: some 100 bytes each. Ten routes with three versions have 3,000 at full load."""


class Gatherer:
    """`take` gives the steps of the second that is over, and begins the next."""

    __slots__ = ("_cells", "_seen", "_steps", "refused", "untimed")

    def __init__(self) -> None:
        self._steps: dict[str, TimeStep] = {}
        self._cells, self._seen = 0, False
        self.untimed = 0
        """Latencies that there was no room for. Monotone."""
        self.refused = 0
        """Counts of routes that are not followed. Monotone."""

    def on_tick(self, tick: Tick, followed: Container[str]) -> None:
        """Adds the counts of a tick, of the routes that are followed."""
        self._seen = True
        for arm in tick.arms:
            if arm.route in followed:
                self._add(self._step(arm.route), arm)
            else:
                self.refused += 1
        for route, version, count in tick.mirrored:
            self._copies(route, version, count, 0, followed)
        for route, version, _, count in tick.shadow_dropped:
            self._copies(route, version, 0, count, followed)
        for route, version, _, count in tick.rescued:
            if route in followed:
                rescued = self._step(route).rescued
                rescued[version] = rescued.get(version, 0) + count
        for route, _, count in tick.rejected:
            if route in followed:
                self._step(route).rejected += count

    def take(self) -> dict[str, TimeStep] | None:
        """The steps of the routes that had anything; None where there was no tick, so that nobody knows."""
        seen, steps = self._seen, self._steps
        self._steps, self._cells, self._seen = {}, 0, False
        return steps if seen else None

    def _step(self, route: str) -> TimeStep:
        step = self._steps.get(route)
        if step is None:
            step = self._steps[route] = TimeStep(0, 1)
        return step

    def _copies(self, route: str, version: str, due: int, dropped: int, followed: Container[str]) -> None:
        if route in followed:
            copies = self._step(route).copies
            before = copies.get(version, (0, 0))
            copies[version] = (before[0] + due, before[1] + dropped)

    def _add(self, step: TimeStep, arm: ArmTick) -> None:
        key = arm.version, arm.role
        mine = step.arms.get(key)
        if mine is None:
            mine = step.arms[key] = ArmStep()
        for outcome, count in arm.outcomes().items():
            mine.outcomes[PLACES[outcome]] += count
        if arm.inference:
            for buckets in (arm.total, arm.waited):
                self._time(mine, buckets)

    def _time(self, mine: ArmStep, buckets: Buckets) -> None:
        into = mine.latencies
        for index, count in buckets.items():
            if index in into:
                into[index] += count
            elif self._cells < MAX_CELLS:
                self._cells += 1
                into[index] = count
            else:
                mine.untimed += count
                self.untimed += count
