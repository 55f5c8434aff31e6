"""Whom candidates met in the whole fleet: the counts of its stories, from the looks that its evidence is made of.

They are kept with that evidence, so they are exact as it is, outlive their judge with it, and agree with it. Inferences
alone are in looks: what asked no model anything is not counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec

from proxy.contracts.story import FleetStory, StoryCounts
from proxy.control.route_control import RouteControl
from proxy.control.stories.counting import count_arm, count_rescued, row_of
from proxy.release import transitions
from proxy.stats.look import Look
from proxy.stats.snapshot import SnapshotError


class FleetStories:
    """The counts of all routes, as a `Beside` of the judge's evidence. Times are those of the fleet's clock."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told: dict[str, FleetStory] = {}
        """By route: what is under judgement, or was last."""

    def follow(self, routes: Mapping[str, RouteControl], now: float) -> Self:
        """Follows the states of routes: each time under judgement is a story of its own. Itself."""
        for name, route in routes.items():
            versions, releasing = route.situation.candidates, transitions.releasing(route.state)
            known = self.told.get(name)
            goes_on = known is not None and not known.over and set(versions) <= set(known.candidates)
            same = known is not None and known.releasing >= releasing and transitions.goes_on(known.plan, route.state)
            if versions and not (goes_on and same):
                plan = transitions.plan_mark(route.state)
                self.told[name] = FleetStory(versions, StoryCounts(now, [], 0, {}, None, None), releasing, plan=plan)
            elif known is not None:
                known.over, known.releasing = not versions, releasing
                known.plan = known.plan or transitions.plan_mark(route.state)
        return self

    def count(self, look: Look, now: float) -> None:
        """Counts what a look has that began under the states before it."""
        going = {name: story for name, story in self.told.items() if not story.over}
        for arm in look.tick.arms:
            if arm.codes and (story := going.get(arm.route)):
                count_arm(story.counts, story.candidates, arm, now)
        for name, version, reason, count in look.tick.rescued:
            if (story := going.get(name)) and version in story.candidates:
                count_rescued(story.counts, reason, count)
        for name, story in going.items():
            for each in look.routes[name].contents if name in look.routes else ():
                if each.version in story.candidates:
                    row_of(story.counts, each.version, each.role).invalid += each.bad

    def counted(self, route: str) -> bytes:
        """As `Beside` says; likewise below."""
        return msgspec.msgpack.encode(self.told[route]) if route in self.told else b""

    def recall(self, route: str, counts: bytes) -> None:
        """Raises SnapshotError."""
        try:
            self.told[route] = msgspec.msgpack.decode(counts, type=FleetStory)
        except (ValueError, RecursionError) as error:
            raise SnapshotError(str(error)) from error
