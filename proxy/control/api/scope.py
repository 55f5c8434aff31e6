"""What a read is of: the fleet, or this sidecar alone. Alone, or by default in a fleet, there is nothing to choose.

Verdicts and audit are the fleet's unless `?scope=sidecar` asks for those of this sidecar's own requests and changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from proxy.control.api import views
from proxy.control.api.problems import ApiError
from proxy.control.engine import Engine
from proxy.control.fleet.service import FleetService
from proxy.control.judgement import Verdicts, judge
from proxy.control.state.store import Store
from proxy.release import scorecard as cards

Scope = Literal["sidecar", "fleet"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


def scope_of(query: Mapping[str, str], engine: Engine) -> Scope:
    """The scope that is asked for. Raises ApiError."""
    usual = views.usual_scope(engine)
    wanted = query.get("scope", usual)
    if wanted not in SCOPES:
        raise ApiError("invalid", f"scope: found {wanted[:40]!r}; allowed: {' or '.join(SCOPES)}", "scope")
    if wanted == "fleet" and usual != "fleet":
        raise ApiError("invalid", "scope: this sidecar is in no fleet: its configuration has no section fleet", "scope")
    return "fleet" if wanted == "fleet" else "sidecar"


def _own(engine: Engine, name: str, now: float) -> tuple[Verdicts, Verdicts]:
    """The lines that the requests of this sidecar alone make: what it would say without a fleet."""
    return judge(engine.route(name), engine.board, now)


def route(engine: Engine, name: str, scope: Scope, now: float) -> dict[str, Any]:
    """A route. Its state is the fleet's in either scope; the verdict is of `scope`."""
    shown = views.route(engine, name)
    if scope == shown["scope"]:
        return shown
    total = cards.overall(_own(engine, name, now)[0])
    return shown | {"scope": scope, "verdict": total.outcome, "sentence": total.sentence}


def scorecard(engine: Engine, name: str, scope: Scope, now: float) -> dict[str, Any]:
    """The scorecard of a route, with the lines of `scope`."""
    shown = views.scorecard(engine, name)
    if scope == shown["scope"]:
        return shown
    lines, baseline = _own(engine, name, now)
    total = cards.overall(lines)
    own = {"verdict": total.outcome, "sentence": total.sentence, "needed": total.needed}
    of_lines = {"metrics": list(map(views.verdict, lines)), "baseline": list(map(views.verdict, baseline))}
    return shown | {"scope": scope} | own | of_lines


def chain_of(scope: Scope, fleet: FleetService | None) -> Store | None:
    """This sidecar's copy of the fleet's audit chain, or None: its own chain."""
    return fleet.member.mirror.store if fleet is not None and scope == "fleet" else None
