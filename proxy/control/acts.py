"""The actions of the scorecard as changes of a live state: one row each."""

from __future__ import annotations

import logging
from collections.abc import Callable

from proxy.contracts.release import RouteState
from proxy.control.release_control import ReleaseControl
from proxy.release import decide, transitions
from proxy.release.together import moved

log = logging.getLogger("penumbra.engine")

ALARMS = frozenset({"rollback", "leave", "drop", "pause", "notify", "restart", "keep"})
"""Actions that are logged as warnings."""

_ACTS: dict[decide.Act, Callable[[RouteState, str | None, decide.Action, float], RouteState]] = {
    "rollback": lambda s, version, a, now: transitions.rollback(s, (version,) if version else (), a.reason, now),
    "leave": lambda s, version, a, now: transitions.leave(s, version or "", a.reason, now),
    "drop": lambda s, version, a, now: transitions.without_baseline(s, a.reason),
    "pause": lambda s, version, a, now: transitions.pause(s, a.reason, now),
    "notify": lambda s, version, a, now: s,
    "keep": lambda s, version, a, now: s,
    "restart": lambda s, version, a, now: transitions.anew(s, a.reason, now),
    "advance": lambda s, version, a, now: transitions.enter(s, s.stage + 1, a.reason, now),
    "promote": lambda s, version, a, now: transitions.promote(s, version or s.candidate, a.reason, now),
    "settle": lambda s, version, a, now: transitions.unguarded(s),
}


def acted(states: tuple[RouteState, ...], action: decide.Action, now: float) -> tuple[RouteState, ...]:
    """The states after an action; the version that it is about is of one of them, the others have their own."""

    def move(state: RouteState) -> RouteState:
        own = action.version in (*transitions.candidates(state), state.primary)
        return _ACTS[action.act](state, action.version if own else None, action, now)

    return moved(states, move, partly=action.act == "rollback")


def tell(release: ReleaseControl, route: str, version: str | None, action: decide.Action) -> None:
    """Logs an action: a transition."""
    level = logging.WARNING if action.act in ALARMS else logging.INFO
    facts = {"route": route, "version": action.version or version, "cause": action.cause}
    log.log(level, "%s: %s: %s", release.name, action.act, action.reason, extra={"fields": facts})
