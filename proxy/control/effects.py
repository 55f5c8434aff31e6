"""What a change by hand would do, before it is made: the states, the table and the evidence that it leads to, by the
very code that makes it. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from proxy.contracts.release import Phase, RouteState
from proxy.contracts.settings import RouteSettings
from proxy.contracts.table import OnRollback
from proxy.control.engine import Engine, Move
from proxy.control.open_streams import streams_of
from proxy.control.release_control import ReleaseControl
from proxy.control.route_control import RouteControl, RouteStatus, live_split
from proxy.control.unread_keys import keyless
from proxy.release import plan, transitions
from proxy.release.baseline import judged_by
from proxy.routing.flows import flows
from proxy.stats.comparison import ComparisonKey, keys_of

EvidenceFate = Literal["anew", "goes on", "ends"]
Percents = dict[str, float]


class Standing(Struct, frozen=True):
    """Where a route stands."""

    phase: Phase
    primary: str
    split: Percents
    """Live traffic in percent, the primary's first."""
    shadows: Percents
    stage: int
    """From 1; 0 without one."""
    stages: int


class Flow(Struct, frozen=True):
    """Live traffic that changes its version."""

    source: str
    target: str
    percent: float
    """Of the live traffic of the route."""


class RouteEffect(Struct, frozen=True):
    """What becomes of one route."""

    route: str
    before: Standing
    after: Standing
    moved: tuple[Flow, ...]
    """Largest first."""
    sticky: bool
    """Whether the parts are of the users, by their keys; else of the requests."""
    keyless: float
    """Part of the requests so far whose key cannot be read, from 0 to 1: they are of no user."""
    streams: dict[str, int]
    """Streams that are open at this sidecar on versions that lose all their traffic."""
    resets: tuple[str, ...]
    """Those of them whose streams end within seconds, by `on_rollback`; the others' stay until they end."""
    evidence: dict[str, EvidenceFate]
    """What becomes of the evidence on each version that is, or was, under judgement."""
    rolled_back: tuple[str, ...]
    """Versions that get live traffic again only by another change."""
    let_in: tuple[str, ...]
    """Versions that were rolled back and no longer are."""
    window: float = 0.0
    """Seconds for which a version that is promoted is guarded."""


class Effect(Struct, frozen=True):
    """What a change does."""

    action: str
    release: str
    """Name of the release over several routes that it moves as one; "": it is of one route."""
    routes: tuple[RouteEffect, ...]
    gives: bool
    """Whether it gives a version more live traffic or copies."""

    @property
    def changes(self) -> bool:
        """Whether traffic, copies, phase or stage are others than before."""
        return any(each.before != each.after or each.let_in for each in self.routes)


def effect_of(engine: Engine, route: str, action: str, move: Move, now: float) -> Effect:
    """The effect of a change. Raises as the change itself would, but for a disk that is full by then."""
    before, after = engine.foreseen(route, action, move, now)
    release = engine.release_of(route)
    return Effect(
        action,
        release.name if release.several and len(after) > 1 else "",
        _of_routes(engine, release, before, after),
        any(_gives(was, new) for was, new in _pairs(before, after)),
    )


def _pairs(before: Sequence[RouteState], after: Sequence[RouteState]) -> list[tuple[RouteState, RouteState]]:
    return list(zip(before, after, strict=True))


def _gives(before: RouteState, after: RouteState) -> bool:
    pairs = zip(transitions.weights(before), transitions.weights(after), strict=True)
    more = any(percent > had.get(version, 0.0) for had, has in pairs for version, percent in has.items())
    return more or after.primary != before.primary


def _of_routes(
    engine: Engine, release: ReleaseControl, before: Sequence[RouteState], after: Sequence[RouteState]
) -> tuple[RouteEffect, ...]:
    tables = [
        plan.table_of(engine.settings, engine.states | {state.route: state for state in states}, engine.revision)
        for states in (before, after)
    ]
    found = []
    for was, new in _pairs(before, after):
        routes = [table.route(was.route) for table in tables]
        moved = flows(*(route for route in routes if route is not None))
        found.append(_of_route(engine, engine.route(was.route).section, was, new, moved))
    return tuple(found)


def _of_route(
    engine: Engine,
    section: RouteSettings,
    was: RouteState,
    new: RouteState,
    moved: Mapping[tuple[str, str], float],
) -> RouteEffect:
    before, after = (RouteControl(section, state, RouteStatus()) for state in (was, new))
    rolled_back = transitions.without_names(new.rolled_back, was.rolled_back)
    left = [version for version in live_split(before) if live_split(after).get(version, 0.0) <= 0.0]
    streams = {version: n for version in left if (n := streams_of(engine.board.counters, was.route, version))}
    ordered = sorted(moved.items(), key=lambda each: -each[1])
    return RouteEffect(
        route=was.route,
        before=_standing(before),
        after=_standing(after),
        moved=tuple(Flow(*pair, percent) for pair, percent in ordered),
        sticky=section.sticky is not None,
        keyless=keyless(engine.board.counters, was.route) if section.sticky is not None else 0.0,
        streams=streams,
        resets=tuple(version for version in streams if _resets(section.on_rollback, version, new)),
        evidence=_fates(_keys(engine, before), _keys(engine, after)),
        rolled_back=rolled_back,
        let_in=transitions.without_names(was.rolled_back, new.rolled_back),
        window=new.release.rollback_window if new.after and not was.after and new.release else 0.0,
    )


def _resets(on_rollback: OnRollback, version: str, after: RouteState) -> bool:
    return on_rollback == "reset" and version in after.rolled_back


def _standing(route: RouteControl) -> Standing:
    state, situation = route.state, route.situation
    under_way = state.release if situation.stage is not None else None
    split = {version: round(percent, 9) for version, percent in live_split(route).items()}
    stage, stages = (state.stage + 1, len(under_way.stages)) if under_way else (0, 0)
    return Standing(state.phase, state.primary, split, dict(situation.shadows), stage, stages)


def _keys(engine: Engine, route: RouteControl) -> list[ComparisonKey]:
    """What is judged on a route in a state, as the engine has its board watch it."""
    baseline = (route.baseline.version, judged_by(route.guard)) if route.baseline else None
    reading, prices = route.section.reading, engine.board.prices
    return keys_of(route.situation.candidates, route.state.primary, route.guard, reading, baseline, prices)


def _fates(before: Sequence[ComparisonKey], after: Sequence[ComparisonKey]) -> dict[str, EvidenceFate]:
    had = {key.candidate for key in before if key.candidate and not key.of_baseline}
    has = {key.candidate: key in before for key in after if key.candidate and not key.of_baseline}
    fates: dict[str, EvidenceFate] = {version: "goes on" if same else "anew" for version, same in has.items()}
    return fates | dict.fromkeys(sorted(had - has.keys()), "ends")
