"""Settings and live states → the routing table; and what a reload keeps of a live state.

- An unchanged section keeps the live state: a split by hand, a promote, a rollback survive restarts and reloads.
- A changed section wins, except that a rolled-back version gets no live traffic from it.
- "Changed" is what the section says about traffic (primary, canary, baseline, shadows, release): a new timeout restarts
  nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from proxy.contracts.evidence import FALSE_PASS
from proxy.contracts.release import RouteState
from proxy.contracts.settings import MINOR, Guard, Release, RouteSettings, Settings
from proxy.contracts.table import Route, Share, Table
from proxy.release import baseline, transitions


def basis(route: RouteSettings) -> str:
    """The digest of what a section says about traffic."""
    # Without a baseline the digest is that of versions of this program which knew none.
    beside = () if route.baseline is None else (route.baseline,)
    together = () if route.group is None else (route.group.digest,)
    traffic = (route.primary, route.split, route.shadows, _as_written(route.release), *beside, *together)
    return sha256(msgspec.json.encode(traffic, order="sorted")).hexdigest()[:16]


def _as_written(release: Release | None) -> Any:
    """A release without what nobody wrote and earlier versions of this program did not know: their states go on."""
    if release is None:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(release)
    for name, usual in (("require", None), ("min_gain", 0.0), ("false_winner", FALSE_PASS)):
        if plain[name] == usual:
            del plain[name]
    if plain["guard"]["on_identity_change"] == "restart":
        del plain["guard"]["on_identity_change"]
    del plain["guard"]["false_winner"]
    lines = plain["guard"]["scorecard"]
    for metric in release.guard.assumed:
        del lines[metric]
    if off := [metric for metric in MINOR if metric not in release.guard.scorecard]:
        plain["off"] = off
    for limits in lines.values():
        for name in ("max_increase", "min_gain"):
            if limits[name] is None:
                del limits[name]
    return plain


def guard_of(route: RouteSettings, state: RouteState) -> Guard:
    """The guard in force: the release's own during it, the one of the rollback window after it, else the route's."""
    if state.phase == "promoted" and state.after is not None:
        return state.after
    if transitions.releasing(state) and state.release is not None:
        return state.release.guard_in_force()
    return route.guard


def judged_guard(route: RouteSettings, state: RouteState) -> Guard:
    """The guard that the verdicts shown of a route are of: the one in force, and once it is rolled back that of the
    release whose candidate was."""
    release = state.release
    if (
        state.phase == "rolled_back"
        and release is not None
        and {release.candidate, *release.arms} & {*state.rolled_back}
    ):
        return release.guard_in_force()
    return guard_of(route, state)


def merge(
    route: RouteSettings,
    live: RouteState | None,
    versions: Iterable[str],
    now: float,
    published: Route | None = None,
) -> tuple[RouteState, tuple[str, ...]]:
    """The state of `route` under a new configuration, and warnings about what of it is not in force and why.
    `published`: the route in a table that is newer than `live`: it knows who was rolled back since."""
    configured = frozenset(versions)
    primary = published.primary if published else live.primary if live else None
    primary = primary if primary in configured else None
    if live is None:
        return fresh(route, published.rolled_back if published else (), primary, now)
    if published is not None:
        live = replace(live, rolled_back=published.rolled_back)
    if live.previous is not None and live.previous not in configured:
        live = replace(live, previous=None, after=None)
    missing = _mentioned(live) - configured
    if live.basis == basis(route) and not missing:
        return live, withheld(route, live)
    return fresh(route, live.rolled_back, primary, now)


def fresh(
    route: RouteSettings, rolled_back: tuple[str, ...], live_primary: str | None, now: float
) -> tuple[RouteState, tuple[str, ...]]:
    """The state that a section asks for, less the live traffic of versions that were rolled back before."""
    primary = route.primary
    if primary in rolled_back and live_primary is not None:
        primary = live_primary
    wanted = {share.version: share.percent for share in route.split if share.version != primary}
    shadows = {share.version: share.percent for share in route.shadows if share.version != primary}
    split = transitions.without(wanted, rolled_back)
    state = RouteState(
        route=route.name,
        phase="rolled_back" if len(split) < len(wanted) else "steady",
        primary=primary,
        split=split if len(split) == len(wanted) else {},
        shadows=shadows,
        rolled_back=rolled_back,
        since=now,
        basis=basis(route),
    )
    state = replace(state, candidate=next(iter(transitions.candidates(state)), None))
    if route.release is not None:
        state = _started(state, route.release, now)
    return state, withheld(route, state)


def honour_published(state: RouteState, route: Route | None, now: float) -> RouteState:
    """`state`, rolled back where the last published table had left its candidate, or its promoted primary; `route`: as
    that table had it, if it had.

    That table was newer than the store: whoever decided it could not write it down. In doubt it was a rollback.
    """
    if route is None or state.phase == "rolled_back":
        return state
    reason = "the last published table gave it no traffic, and why could not be stored"
    if state.phase == "promoted":
        return transitions.rollback(state, (), reason, now) if route.primary == state.previous else state
    copied = {share.version for share in route.shadows} - state.shadows.keys()
    had = {route.primary, *(share.version for share in route.split if not share.vacant)} | copied
    gone = transitions.without_names(transitions.candidates(state), had)
    return transitions.take_off(state, gone, reason, now) if gone else state


def _started(state: RouteState, release: Release, now: float) -> RouteState:
    versions = {release.candidate, *release.arms}
    blamed = tuple(version for version in release.arms if version in state.rolled_back)
    if state.primary not in versions and 0 < len(blamed) < len(release.arms):
        # An A/B test goes on without the arms that were rolled back before.
        return transitions.take_off(transitions.start(state, release, "configured", now), blamed, "configured", now)
    if versions & {*state.rolled_back, state.primary}:
        return replace(state, phase="rolled_back" if versions & {*state.rolled_back} else "steady")
    return transitions.start(state, release, "configured", now)


def _mentioned(state: RouteState) -> set[str]:
    return {state.primary, *state.split, *state.shadows, *transitions.candidates(state)}


def withheld(route: RouteSettings, state: RouteState) -> tuple[str, ...]:
    """What of a section gets no live traffic, since it was rolled back."""
    path, why = f"routes.{route.name}", "was rolled back and gets live traffic only by a change through the admin API"
    warnings = []
    if route.primary in state.rolled_back:
        warnings.append(f"{path}.primary: {route.primary} {why}")
    warnings += [f"{path}.canary: {s.version} {why}" for s in route.split if s.version in state.rolled_back]
    released = {route.release.candidate, *route.release.arms} if route.release else set()
    warnings += [f"{path}.release: {version} {why}" for version in sorted(released & {*state.rolled_back})]
    return tuple(warnings)


def table_of(settings: Settings, states: Mapping[str, RouteState], revision: int) -> Table:
    """The table that workers follow. Every configured route needs a state."""
    journal = settings.access_log is not None or settings.tracing is not None
    replayable = settings.capture is not None and settings.capture.bodies
    routes = tuple(_route(section, states[section.name], journal, replayable) for section in settings.routes)
    return Table(
        revision=revision,
        versions=settings.versions,
        routes=routes,
        lease=settings.lease,
        forwarded=settings.forwarded,
        rewrites=settings.rewrites,
        credentials=settings.credentials,
        listeners=settings.listeners_tls,
        tls=settings.tls,
    )


def _route(section: RouteSettings, state: RouteState, journal: bool, replayable: bool) -> Route:
    split, shadows = transitions.weights(state)
    identity = section.analysis.identity
    return Route(
        name=section.name,
        match=section.match,
        protocol=section.protocol,
        primary=state.primary,
        split=_places(state, split),
        shadows=_shares(shadows),
        baseline=baseline.in_force(section, state),
        sticky=section.sticky,
        rescue=section.rescue,
        timeouts=section.timeouts,
        limits=section.limits,
        noise=section.noise,
        inference=section.inference,
        mirror=section.mirror,
        copies=section.copies,
        retry=section.retry,
        on_rollback=section.on_rollback,
        identity=identity.name if identity.source == "header" else "",
        journal=journal,
        unread=replayable and section.protocol == "grpc",
        group=section.group.name if section.group else "",
        rolled_back=state.rolled_back,
    )


def _places(state: RouteState, split: Mapping[str, float]) -> tuple[Share, ...]:
    """The split, in which the arms that have left an A/B test keep their places."""
    release = state.release
    if release is None or not release.arms or not transitions.releasing(state):
        return _shares(split)
    return tuple(Share(version, percent, version in state.left) for version, percent in release.arms.items())


def _shares(percents: Mapping[str, float]) -> tuple[Share, ...]:
    return tuple(Share(version, percent) for version, percent in percents.items())
