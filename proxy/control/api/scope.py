"""What a read is of: the fleet, or this sidecar alone. Alone, or by default in a fleet, there is nothing to choose.

| read | of |
|---|---|
| routes and releases, their scorecards and gates | the fleet; with `?scope=sidecar`, what its own requests would say |
| the audit | the fleet; with `?scope=sidecar`, its own entries |
| traffic, drift, disagreements of a route | this sidecar; `fleet` in the traffic is of all sidecars |
| events | as each document says, which is as it is without `?scope` |

States are the fleet's in either scope: there are no others. Whatever is asked of another scope than it can be of is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from msgspec.structs import replace

from proxy.control.api.problems import ApiError
from proxy.control.api.verdicts import SCOPES, Scope, scope_in
from proxy.control.engine import Engine
from proxy.control.fleet.follower import Follower
from proxy.control.fleet.service import FleetService
from proxy.control.judgement import judge
from proxy.control.release_control import releases_of
from proxy.control.route_control import RouteControl
from proxy.control.state.store import Store


def scope_of(query: Mapping[str, str], engine: Engine, only: Scope | None = None) -> Scope:
    """The scope that is asked for; `only`: the one that a read can be of. Raises ApiError."""
    usual = only or scope_in(engine)
    wanted = query.get("scope", usual)
    if wanted not in SCOPES:
        raise ApiError("invalid", f"scope: found {wanted[:40]!r}; allowed: {' or '.join(SCOPES)}", "scope")
    if wanted == "fleet" and scope_in(engine) != "fleet":
        raise ApiError("invalid", "scope: this sidecar is in no fleet: its configuration has no section fleet", "scope")
    if only is not None and wanted != only:
        raise ApiError("invalid", f"scope: found {wanted!r}; allowed: {only}, which this is always of", "scope")
    return "fleet" if wanted == "fleet" else "sidecar"


def seen(engine: Engine, of: Scope, now: float) -> Engine:
    """The engine as views show it in a scope: itself, or a copy whose verdicts are those of this sidecar's requests."""
    if of == scope_in(engine) or not isinstance(engine, Follower):
        return engine
    own = copy(engine)
    own.alone, own.routes = True, {name: _own(engine, route, now) for name, route in engine.routes.items()}
    own.releases = releases_of(own.routes.values())
    return own


def _own(engine: Engine, route: RouteControl, now: float) -> RouteControl:
    """A route with the lines that the requests of this sidecar alone make: what it would say without a fleet."""
    verdicts, baseline = judge(route, engine.board, now)
    own = RouteControl(route.section, route.state, replace(route.status, verdicts=verdicts, baseline=baseline))
    own.table = route.table
    return own


def said(of: Scope, shown: dict[str, Any]) -> dict[str, Any]:
    """A document that says what it is of."""
    return {"scope": of} | shown


def chain_of(scope: Scope, fleet: FleetService | None) -> Store | None:
    """This sidecar's copy of the fleet's audit chain, or None: its own chain."""
    return fleet.member.mirror.store if fleet is not None and scope == "fleet" else None
