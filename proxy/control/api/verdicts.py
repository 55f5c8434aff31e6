"""The verdict on a route or a release as answers show it, and what it is of: the fleet, or this sidecar.

Where the fleet's verdict cannot be known here (its store is silent, no table has come, or the section of the route is
another one than its judge's), nobody may take an old one for it: it is undecided, and the sentence says why.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec.structs import replace

from proxy.contracts.release import RouteState, Verdict
from proxy.control.engine import Engine
from proxy.control.fleet.follower import Follower
from proxy.control.release_control import ReleaseControl

Scope = Literal["sidecar", "fleet"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


def scope_in(engine: Engine) -> Scope:
    """What verdicts of an engine are of."""
    return "fleet" if isinstance(engine, Follower) and not engine.alone else "sidecar"


def unknown(engine: Engine, *names: str) -> str:
    """Why the fleet's verdict on some routes is not known here; "" where it is, or nobody asks for it."""
    if not isinstance(engine, Follower) or engine.alone:
        return ""
    return next((why for name in names if (why := engine.unheard(name))), "")


def on_route(engine: Engine, name: str) -> Verdict:
    """The verdict on all limits of a route's scorecard. Raises UnknownRouteError."""
    return _known(engine.verdict(name), unknown(engine, name))


def on_release(engine: Engine, release: ReleaseControl) -> Verdict:
    """The verdict on all lines of all routes of a release."""
    return _known(release.verdict, unknown(engine, *(route.section.name for route in release.routes)))


def _known(total: Verdict, why: str) -> Verdict:
    return replace(total, outcome="undecided", sentence=why, needed=None) if why else total


def gate(state: RouteState, total: Verdict, why: str) -> dict[str, object]:
    """Verdict, sentence and need as others' gates ask for them: what was rolled back has failed, what was promoted has
    passed, as far as that is known (`why` it is not)."""
    settled = {"rolled_back": "fail", "promoted": "" if why else "pass"}.get(state.phase)
    return {
        "verdict": settled or total.outcome,
        "sentence": (state.reason or state.phase) if settled else total.sentence,
        "needed": None if settled else total.needed,
    }
