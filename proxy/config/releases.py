"""The section `releases`: what belongs together goes together, as one release over several routes.

Each of its routes gets a release of its own, with the course of all: so statistics, states and tables know nothing but
routes. What makes them one is the name that they share (`contracts.group`): `control` judges and moves them together,
workers hash sticky keys under it.

- `false_alarm` is of the whole: each route has an equal part of it (union bound), and so has `false_winner`.
- Lines of the scorecard hold on each route; the `scorecard` of a route says otherwise for that one.
- A user has to be known on each route where a part of the users meets the candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from proxy.config import values
from proxy.config.calls import KEYLESS, has_no_key
from proxy.config.release import own_lines, read_course, read_strategy
from proxy.config.section import Section, shown
from proxy.config.values import Parser
from proxy.contracts.group import ReleaseGroup
from proxy.contracts.settings import Guard, Release, RouteSettings
from proxy.contracts.strategies import StrategyRow
from proxy.contracts.table import Sticky
from proxy.release.validation import validate

OWN_TRAFFIC = ("canary", "split", "release", "sticky")
"""What a route of a release over several cannot have as well."""


class ReleaseMember(NamedTuple):
    """What a release over several routes says about one of them. `common`, `own`: their sections in the file."""

    group: ReleaseGroup
    release: Release
    sticky: Sticky | None
    common: Section
    own: Section


def read_releases(root: Section, version: Parser) -> dict[str, ReleaseMember]:
    """Route to its part of a release over several."""
    members: dict[str, ReleaseMember] = {}
    named = root.section("routes").tree
    for name, section in root.entries("releases", values.name):
        if name in named and name != "*":
            section.refuse("", f"the name of a route: {name}", "a name of its own: commands take either")
        for route, member in _release(name, section, version).items():
            if route not in named:
                member.own.refuse("", f"{shown(route)}, which is no route", " | ".join(named) or "a route")
            if route in members:
                member.own.refuse("", f"a route of releases.{members[route].group.name}", "a route of one release")
            members.setdefault(route, member)
    return members


def _release(name: str, section: Section, version: Parser) -> dict[str, ReleaseMember]:
    row = read_strategy(section)
    share = section.take("percent", values.percent, 50.0) if row.arms else 0.0
    common = read_course(section, row, "", {"": share} if row.arms else {}, Guard())
    sticky = section.take("sticky", values.sticky, None)
    entries = dict(section.entries("routes", values.name))
    section.finish()
    if not entries:
        section.refuse("routes", "no route", "at least two, as <route>: {candidate: <version>}")
    if len(entries) == 1 and "*" not in entries:
        section.refuse("routes", "one route", "at least two; the release of one stands in its section")
    group = ReleaseGroup(name, tuple(entries), common.guard.false_alarm)
    return {route: _member(own, section, common, group, sticky, version, row) for route, own in entries.items()}


def _member(
    own: Section,
    section: Section,
    common: Release,
    group: ReleaseGroup,
    sticky: Sticky | None,
    version: Parser,
    row: StrategyRow,
) -> ReleaseMember:
    candidate = own.take("candidate", version, "", required=True)
    key = own.take("sticky", values.sticky, sticky)
    guard = common.guard
    lines = own_lines(own.section("scorecard"), guard.scorecard) if "scorecard" in own else guard.scorecard
    own.finish()
    parts = max(len(group.routes), 1)
    release = replace(
        common,
        candidate=candidate,
        arms=dict.fromkeys([candidate] if common.arms else [], sum(common.arms.values())),
        guard=replace(guard, scorecard=lines, false_alarm=guard.false_alarm / parts),
        false_winner=common.false_winner / parts,
    )
    return ReleaseMember(group, release, key, section, own)


def joined(section: Section, route: RouteSettings, member: ReleaseMember | None) -> RouteSettings:
    """A route with its part of a release over several, if it is in one; mistakes go to where they are written."""
    if member is None:
        return route
    for key in OWN_TRAFFIC:
        if key in section:
            name = member.group.name
            section.refuse(key, f"a {key} of its own beside releases.{name}", f"either here or releases.{name}")
    whole = replace(route, release=member.release, group=member.group, sticky=member.sticky)
    _check(whole, member)
    return whole


def _check(route: RouteSettings, member: ReleaseMember) -> None:
    release, common, own = member.release, member.common, member.own
    for problem in validate(release, route.primary, route.reading):
        # What all routes say is said once; a value that could not be read was replaced, which is no second mistake.
        mine = problem.path == "candidate" or problem.path.removeprefix("scorecard.") in own.section("scorecard").tree
        place = own if mine else common
        if not place.refused(problem.path) and not (mine and common.refused(problem.path)):
            found = f"{problem.found} (route {route.name})" if problem.path.startswith("scorecard") else problem.found
            place.refuse(problem.path, found, problem.allowed, problem.endless)
    if has_no_key(route.calls, route.sticky):
        place = own if "sticky" in own else common
        if not place.refused("sticky"):
            place.refuse("sticky", f"a key in the body of routes.{route.name}, a route of gRPC", KEYLESS)
    if route.sticky is None and divides(release) and not common.refused("sticky"):
        allowed = (
            "such as header:x-user-id, here or for each route: a user has to meet matching versions on all of them"
        )
        common.refuse("sticky", f"nothing for route {route.name}", allowed)


def divides(release: Release) -> bool:
    """Whether a part of the users meets the candidate in any stage."""
    return any(0.0 < (stage.canary or 0.0) < 100.0 for stage in release.stages)


def sealed(routes: Iterable[RouteSettings]) -> tuple[RouteSettings, ...]:
    """The routes, those of one release with a digest of what all of them say about traffic."""
    routes = tuple(routes)
    digests = {group.name: _digest(group, routes) for route in routes if (group := route.group)}
    return tuple(
        replace(route, group=replace(route.group, digest=digests[route.group.name])) if route.group else route
        for route in routes
    )


def _digest(group: ReleaseGroup, routes: Iterable[RouteSettings]) -> str:
    mine: Mapping[str, RouteSettings] = {route.name: route for route in routes if route.group == group}
    traffic = [(name, route.primary, route.release, route.baseline) for name, route in sorted(mine.items())]
    return sha256(msgspec.json.encode((group.name, traffic), order="sorted")).hexdigest()[:16]
