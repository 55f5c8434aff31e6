"""Documents of the admin API about releases: the routes of each, and what is said of them as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from proxy.control.api import verdicts, views
from proxy.control.api.in_force import in_force
from proxy.control.api.views import verdict
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.control.release_control import ReleaseControl
from proxy.control.route_control import RouteControl, live_split
from proxy.link.server import WorkerStatus
from proxy.release.audit import plain


def releases(engine: Engine, workers: Sequence[WorkerStatus] = (), fleet: FleetService | None = None) -> dict[str, Any]:
    """Every release over several routes, and those of single routes that have, or had, one."""
    shown = [each for each in engine.releases.values() if each.several or each.configured]
    documents = [standing(engine, each, workers, fleet) for each in shown]
    return {"scope": verdicts.scope_in(engine), "revision": engine.revision, "releases": documents}


def standing(
    engine: Engine, each: ReleaseControl, workers: Sequence[WorkerStatus], fleet: FleetService | None
) -> dict[str, Any]:
    """A release, and where what is said of it is in force."""
    return release(engine, each) | {"in_force": in_force(engine, each.routes[0].section.name, workers, fleet)}


def etag(release: ReleaseControl) -> str:
    """A strong validator of the live states of all its routes."""
    return f'"{sha256(msgspec.json.encode(release.states, order="sorted")).hexdigest()[:20]}"'


def tags(engine: Engine, route: str) -> tuple[str, str]:
    """What a change of a route may be changed from: the tag of the route, and that of its release."""
    return views.etag(engine.state(route)), etag(engine.release_of(route))


def release(engine: Engine, each: ReleaseControl) -> dict[str, Any]:
    """A release: where it stands, and its routes. `requests` are those of the route that has fewest in this stage."""
    first, total, unix = each.routes[0], verdicts.on_release(engine, each), engine.keeper.unix
    state, plan = first.state, first.state.release or first.section.release
    return {
        "release": each.name,
        "scope": verdicts.scope_in(engine),
        "phase": state.phase,
        "strategy": plan.strategy if plan else None,
        "active": first.situation.stage is not None,
        "stage": state.stage + 1 if plan and plan.stages else 0,
        "stages": plain(plan.stages) if plan else [],
        "stage_since": unix(state.stage_since),
        "requests": each.legs,
        "require": ("proof" if plan.proof_at(state.stage) else "no_breach") if plan else None,
        "rollback_window": plan.rollback_window if plan else 0.0,
        "guarded_until": _guarded_until(each, unix),
        "verdict": total.outcome,
        "sentence": total.sentence,
        "needed": total.needed,
        "false_alarm": false_alarm(first),
        "on_breach": first.guard.on_breach,
        "paused_from": state.paused_from,
        "reason": state.reason,
        "since": unix(state.since),
        "routes": [_member(engine, route) for route in each.routes],
    }


def false_alarm(route: RouteControl) -> float:
    """That of the whole release."""
    return route.section.group.false_alarm if route.section.group else route.guard.false_alarm


def _guarded_until(each: ReleaseControl, unix: Callable[[float], float]) -> float | None:
    until = [route.state.until for route in each.routes if route.state.after is not None]
    return unix(max(until)) if until else None


def _member(engine: Engine, route: RouteControl) -> dict[str, Any]:
    name, total = route.section.name, verdicts.on_route(engine, route.section.name)
    release = route.state.release or route.section.release
    return {
        "route": name,
        "primary": route.state.primary,
        "candidate": release.candidate if release else None,
        "split": {version: round(percent, 9) for version, percent in live_split(route).items()},
        "shadows": route.situation.shadows,
        "requests": route.status.legs,
        "verdict": total.outcome,
        "sentence": total.sentence,
        "false_alarm": route.guard.false_alarm,
        "previous": route.state.previous,
        "rolled_back": list(route.state.rolled_back),
    }


def scorecard(engine: Engine, each: ReleaseControl) -> dict[str, Any]:
    """The lines of all routes, each with its route, and the verdict on all."""
    total, first = verdicts.on_release(engine, each), each.routes[0]
    return {
        "release": each.name,
        "scope": verdicts.scope_in(engine),
        "phase": first.state.phase,
        "verdict": total.outcome,
        "sentence": total.sentence,
        "needed": total.needed,
        "false_alarm": false_alarm(first),
        "on_breach": first.guard.on_breach,
        "metrics": [verdict(v) | {"route": r.section.name} for r in each.routes for v in r.status.verdicts],
        "at_rollback": [verdict(v) | {"route": r.section.name} for r in each.routes for v in r.status.at_rollback],
    }


def gate(engine: Engine, each: ReleaseControl) -> dict[str, Any]:
    """The verdict as others' gates need it, of the whole release."""
    state, total = each.routes[0].state, verdicts.on_release(engine, each)
    why = verdicts.unknown(engine, *(route.section.name for route in each.routes))
    of = {"release": each.name, "scope": verdicts.scope_in(engine), "phase": state.phase}
    return of | verdicts.gate(state, total, why)
