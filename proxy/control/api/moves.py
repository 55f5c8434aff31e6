"""Commands as changes of live states: what a body asks for on one route, on each route of its release.

Routes of a release over several move together: each has its own versions, and all have the percent that one was given.
What would pair versions that do not belong together is refused, and the refusal names the release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from proxy.contracts.release import RouteState
from proxy.contracts.settings import Release, RouteSettings
from proxy.contracts.table import asked_on
from proxy.control.api import request_bodies
from proxy.control.api.problems import ApiError
from proxy.control.engine import Engine, Move
from proxy.control.fleet.service import FleetService
from proxy.control.release_control import ReleaseControl
from proxy.control.route_control import RouteControl
from proxy.control.state.store import Store
from proxy.release import transitions
from proxy.release.audit import entry_of
from proxy.release.undo import GIVE, Undoable, last_change, put_back

MAX_LOOKED_AT = 200
"""Entries of a route's audit among which a change by a person is looked for."""

Body = dict[str, Any]
Read = Callable[[Engine, str, Body, float], tuple[Move, str]]
"""Engine, route, body and time to a change and its reason. Raises ApiError."""


def split(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """Live traffic by hand."""
    given, why = request_bodies.wrapped(value, "split")
    route, release = engine.route(name), engine.release_of(name)
    percents = request_bodies.split(given, engine.settings.versions, route.state.primary)
    _refuse_deaf(engine, route.section, percents)
    if not release.several:
        return lambda state: transitions.split(state, percents, why, now), why
    others = {each.section.name: _other(each) for each in release.routes}
    percent = percents.pop(others[name], 0.0)
    if percents:
        allowed = (
            f"a split of it can name {others[name]} alone, for all of them" if others[name] else "it has not begun"
        )
        raise _refused(release, name, engine.unpackaged.get(name) or allowed)
    if 0.0 < percent < 100.0 and (keyless := [each for each in release.routes if each.section.sticky is None]):
        raise _refused(release, name, f"{keyless[0].section.name} has no sticky key by which to tell users apart")
    return lambda state: transitions.split(state, {others[state.route]: percent}, why, now), why


def _refuse_deaf(engine: Engine, section: RouteSettings, names: Iterable[str]) -> None:
    """Refuses versions asked by HTTP/1.1, on a route of gRPC, and those by gRPC where no requests are calls."""
    for name in names:
        version = engine.settings.versions[name]
        if version.grpc and not section.calls and section.protocol != "oip":
            why = f"{version.url} takes calls of gRPC, and requests of route {section.name} become none"
            raise ApiError("invalid", f"{why}: its protocol is {section.protocol}, and not oip or grpc", name)
        if section.calls and asked_on(version, True).http != 2:
            why = f"{name} is asked by HTTP/1.1, and route {section.name} takes calls of gRPC; versions.{name}.http: 2"
            raise ApiError("invalid", f"{why} in the file says that it speaks HTTP/2", name)


def _other(route: RouteControl) -> str:
    """The version of the release that is not the primary."""
    release = route.section.release or route.state.release
    pair = (release.candidate if release else "", route.section.primary)
    return next((version for version in pair if version != route.state.primary), "")


def _refused(release: ReleaseControl, name: str, why: str) -> ApiError:
    routes = ", ".join(route.section.name for route in release.routes)
    return ApiError("refused", f"route {name} goes with its release {release.name} (routes {routes}): {why}")


def shadows(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """Copies by hand: of one route, since no user meets them."""
    given, why = request_bodies.wrapped(value, "shadows")
    percents = request_bodies.shadows(given, engine.settings.versions, engine.state(name).primary)
    _refuse_deaf(engine, engine.route(name).section, percents)
    return lambda state: transitions.shadows(state, percents, why, now), why


def start(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """A release from its beginning: the configured one, or on a route of its own one that the body describes."""
    why, release = request_bodies.reason(value), engine.release_of(name)
    if "candidate" not in value and name in engine.unpackaged:
        raise ApiError("refused", engine.unpackaged[name])
    if release.several and "candidate" in value:
        raise _refused(
            release, name, f"POST /v1/releases/{release.name}/release starts it, and the file says what it is"
        )
    wanted = {route.section.name: _wanted(engine, route, value) for route in release.routes}
    return lambda state: transitions.start(state, wanted[state.route], why, now), why


def _wanted(engine: Engine, route: RouteControl, value: Body) -> Release:
    """The release that a body describes; without a candidate the configured one, or the last one again."""
    section, state = route.section, route.state
    if "candidate" in value:
        versions = engine.settings.versions
        release = request_bodies.release(value, versions, state.primary, section.guard, section.reading)
        _refuse_deaf(engine, section, (release.candidate, *release.arms))
    else:
        request_bodies.only(value, ("reason",))
        release = request_bodies.known(section.release or state.release, section.name)
    request_bodies.refuse_endless(release, state.primary, section.reading, engine.settings.prices)
    return release


def promote(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """A candidate to primary. A version is named where a route has several candidates."""
    request_bodies.only(value, ("reason", "version"))
    version = request_bodies.version(value, "version", engine.settings.versions)
    why = request_bodies.reason(value)
    return lambda state: transitions.promote(state, version if state.route == name else None, why, now), why


def rollback(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """All traffic to the primary."""
    return _simple(value, now, lambda state, why, at: transitions.rollback(state, (), why, at))


def pause(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """The split as it is."""
    return _simple(value, now, transitions.pause)


def resume(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """On where it was paused."""
    return _simple(value, now, transitions.resume)


def undo(engine: Engine, name: str, value: Body, now: float) -> tuple[Move, str]:
    """The last change by a person, put back. A sidecar of a fleet says which one that is (`addressed`)."""
    why, give = request_bodies.reason(value), request_bodies.said(value, GIVE)
    change = msgspec.convert(value["change"], Undoable | None) if "change" in value else last_of(engine, name)
    failing = {
        line.version
        for each in engine.release_of(name).routes
        for line in each.status.verdicts
        if line.outcome == "fail"
    }
    said = f"{why or 'undone'} (puts back the {change.action} by {change.who})" if change else why
    return lambda state: put_back(state, change, failing, give, said, now), said


def last_of(engine: Engine, name: str, store: Store | None = None) -> Undoable | None:
    """The last change of a route by a person, among its newest entries of the audit, which is that of the fleet in
    `store`. Raises StoreError."""
    return last_change(map(entry_of, engine.audit(MAX_LOOKED_AT, route=name, store=store)), name)


def addressed(engine: Engine, name: str, action: str, value: Body, fleet: FleetService | None) -> Body:
    """A body as it goes to whoever makes the change: an undo says to the fleet's judge what is put back, because the
    whole audit is with the sidecars. Raises ApiError."""
    if action != "undo":
        return value
    request_bodies.only(value, ("reason", GIVE))
    if fleet is None:
        return value
    change = last_of(engine, name, fleet.member.mirror.store)
    return value | {"change": msgspec.to_builtins(change)}


def _simple(value: Body, now: float, move: Callable[[RouteState, str, float], RouteState]) -> tuple[Move, str]:
    request_bodies.only(value, ("reason",))
    why = request_bodies.reason(value)
    return lambda state: move(state, why, now), why


MOVES: dict[str, Read] = {
    "split": split,
    "shadows": shadows,
    "release": start,
    "promote": promote,
    "rollback": rollback,
    "pause": pause,
    "resume": resume,
    "undo": undo,
}
"""Command to what it asks for."""
