"""A release under control: its routes, which are judged as one and move together. That of a single route is the case of
one member, and has its name.

- A breach on any route acts on all of them; what was only noticed is told of the route that it was noticed on.
- A stage ends when each route has what the stage needs, and the scorecard of each passes.
- Its changes are one entry of the audit and one table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.settings import Release
from proxy.control.route_control import RouteControl
from proxy.release import decide, scorecard
from proxy.release.baseline import refusals
from proxy.release.phases import TransitionRefused
from proxy.release.together import moved
from proxy.stats.board import Board

RouteAction = tuple[RouteControl, decide.Action]
"""A route, and what is to be done because of it."""

APART = frozenset({"notify", "keep", "drop"})
"""Actions that concern the route alone whose evidence led to them."""

GIVING = frozenset({"split", "shadows", "release"})
"""Commands that give versions traffic, which must fit beside the baseline; whatever takes traffic off is never refused
for one."""


class ReleaseControl:
    """`routes`: in the order of the file, the first is what all have in common."""

    __slots__ = ("name", "routes")

    def __init__(self, name: str, routes: Sequence[RouteControl]) -> None:
        self.name, self.routes = name, tuple(routes)

    @property
    def several(self) -> bool:
        """Whether it is one over several routes."""
        return self.routes[0].section.group is not None

    @property
    def states(self) -> tuple[RouteState, ...]:
        """The live state of each route."""
        return tuple(route.state for route in self.routes)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The lines of all routes, as of the last tick."""
        return tuple(verdict for route in self.routes for verdict in route.status.verdicts)

    @property
    def verdict(self) -> Verdict:
        """The verdict on all lines of all routes."""
        return scorecard.overall(self.verdicts)

    @property
    def legs(self) -> int:
        """Finished legs of the candidates in the stage in force, of the route that has fewest."""
        return min(route.status.legs for route in self.routes)

    @property
    def configured(self) -> dict[str, Release]:
        """The release that each section asks for, or that it had last; none where one of them has none."""
        found = {route.section.name: route.section.release or route.state.release for route in self.routes}
        return {name: release for name, release in found.items() if release is not None}

    def breaches(self) -> list[RouteAction]:
        """What breaches ask for: one that acts, or else all that are only to be told of."""
        asked = [(route, action) for route in self.routes if (action := self._breach(route))]
        return [each for each in asked if each[1].act != "notify"][:1] or asked

    def _breach(self, route: RouteControl) -> decide.Action | None:
        status = route.status
        return decide.on_breach(route.state, status.verdicts, route.guard.on_breach, status.notified)

    def on_baselines(self, board: Board) -> list[RouteAction]:
        """What baselines ask for that have failed, or are silent."""
        found = []
        for route in self.routes:
            silence = board.baseline_silence(route.section.name) if route.baseline else 0.0
            name = route.baseline.version if route.baseline else ""
            if name and (action := decide.on_baseline(name, route.status.baseline, silence)):
                found.append((route, action))
        return found

    def passed(self, now: float) -> list[RouteAction]:
        """The end of the stage in force, where it has come."""
        first = self.routes[0]
        action = decide.on_pass(first.state, self.verdicts, self.legs, now)
        return [(first, action)] if action else []

    def settled(self, now: float) -> list[RouteAction]:
        """The end of the rollback window, where it has come."""
        guarded = [route for route in self.routes if route.state.after is not None]
        if not guarded or now < guarded[0].state.until:
            return []
        reason = f"the rollback window is over: {self.verdict.sentence}"
        return [(guarded[0], decide.Action("settle", reason))]

    def concerned(self, route: RouteControl, act: str) -> tuple[RouteControl, ...]:
        """The routes that an action because of `route` is made on."""
        return (route,) if act in APART else self.routes


def commanded(
    routes: Sequence[RouteControl], action: str, move: Callable[[RouteState], RouteState]
) -> tuple[RouteState, ...]:
    """The states after a change by hand. Raises TransitionRefused."""
    after = moved([route.state for route in routes], move, partly=action == "rollback")
    for route, state in zip(routes, after, strict=True):
        for problem in refusals(route.section, state) if action in GIVING else ():
            raise TransitionRefused(str(problem))
    return after


def releases_of(routes: Iterable[RouteControl]) -> dict[str, ReleaseControl]:
    """All releases by name; of a route that is in none of several, its own."""
    members: dict[str, list[RouteControl]] = {}
    for route in routes:
        members.setdefault(route.section.group.name if route.section.group else route.section.name, []).append(route)
    return {name: ReleaseControl(name, within) for name, within in members.items()}
