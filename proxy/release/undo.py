"""The last change by a person, put back: a new change, which leads to the states that the other one came from.

| it is refused where | since |
|---|---|
| no change by a person is known of the route | there is nothing to put back |
| the section of the route has changed since | the state of before belongs to another configuration |
| anything has changed the route since: the scorecard, a reload | what would be put back is not what the person saw |
| a version would get more live traffic that was found bad, and nobody said so | it comes back by a decision alone |
| the state of before cannot be read, or is not sound | nothing may be derived from it |

Found bad is what a breach took off, and what fails its scorecard now or failed it when the change was made. A rollback
by hand without a breach is put back as any other change. Stages that come back begin anew, and so does evidence on what
had none meanwhile. The routes of one release go together. The undo of an undo makes the change again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.release import soundness, transitions
from proxy.release.audit import Entry
from proxy.release.phases import TransitionRefused

BY_HAND = frozenset({"split", "shadows", "release", "promote", "rollback", "pause", "resume", "undo"})
"""Actions that a person can ask for."""

NOT_BY_HAND = frozenset({"scorecard", "configuration", "identity", "penumbra", "fleet"})
"""Who makes changes, and is no person."""

GIVE = "give_traffic"
"""Field of a request that says it: a version that was found bad may have traffic again."""


class Undoable(Struct, frozen=True):
    """A change by a person, as the audit has it."""

    seq: int
    """Number of its entry."""
    at: float
    """Unix time."""
    who: str
    action: str
    before: dict[str, Any]
    """Route to its live state before; None where it had none."""
    after: dict[str, Any]
    failed: tuple[str, ...] = ()
    """Versions that failed a line of their scorecard at that moment."""
    since: str = ""
    """What changed the route since; "": nothing did."""


def last_change(newest_first: Iterable[Entry], route: str) -> Undoable | None:
    """The last change by a person that moved a route; None where there is none among these entries."""
    since = ""
    for entry in newest_first:
        before, after = _states(entry, "before"), _states(entry, "after")
        if before.get(route) == after.get(route):
            continue
        if entry.action in BY_HAND and entry.who not in NOT_BY_HAND:
            return Undoable(entry.seq, entry.at, entry.who, entry.action, before, after, _failed(entry), since)
        since = since or f"{entry.action} by {entry.who} (entry {entry.seq} of the audit): {entry.why}"
    return None


def _states(entry: Entry, side: str) -> dict[str, Any]:
    """The live states before, or after, an entry, by route."""
    own = entry.before if side == "before" else entry.after
    first = entry.after.get("route") if isinstance(entry.after, dict) else entry.route
    others = {name: states.get(side) for name, states in entry.beside.items() if isinstance(states, dict)}
    return {str(first): own, **others}


def _failed(entry: Entry) -> tuple[str, ...]:
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    bad = [line.get("version") for line in lines if isinstance(line, dict) and line.get("outcome") == "fail"]
    return tuple(dict.fromkeys(str(version) for version in bad if version))


def put_back(
    state: RouteState, change: Undoable | None, failing: Collection[str], give: bool, reason: str, now: float
) -> RouteState:
    """The state of before `change`. Raises TransitionRefused (the table above); a route that the change did not move
    stays as it is.

    - `failing`: versions that fail their scorecard now
    - `give`: whether it was said that a bad version gets traffic again
    """
    if change is None:
        raise TransitionRefused("nothing to undo: no change of the route by a person is known")
    if change.before.get(state.route) == change.after.get(state.route):
        return state
    before, after = _read(change.before, state.route), _read(change.after, state.route)
    _refuse_changed(state, before, after, change)
    if not give and (bad := _bad(state, before, after, {*failing, *change.failed})):
        why = f"{', '.join(bad)} would get live traffic again, and was found bad: {_found(state, change, bad)}"
        raise TransitionRefused(f"{why}; {GIVE} says that it is meant")
    return replace(
        before,
        reason=reason,
        since=now,
        stage_since=now,
        after=before.after if before.until > now else None,
        baseline_fault=state.baseline_fault,
    )


def _read(states: Mapping[str, Any], route: str) -> RouteState:
    """A state of an entry. Raises TransitionRefused for what is none."""
    if states.get(route) is None:
        raise TransitionRefused("nothing to undo: the route was new with that change")
    try:
        state = msgspec.convert(states[route], RouteState)
    except msgspec.ValidationError as error:
        raise TransitionRefused(f"the audit's state of before cannot be read: {error}") from None
    if fault := soundness.fault_of(state):
        raise TransitionRefused(f"the audit's state of before is not sound: {fault}")
    return state


def _refuse_changed(state: RouteState, before: RouteState, after: RouteState, change: Undoable) -> None:
    if before.basis != state.basis:
        raise TransitionRefused(f"the configuration of {state.route} has changed since the {change.action}")
    if _place(state) != _place(after):
        what = change.since or "another change"
        raise TransitionRefused(f"{state.route} has changed since the {change.action} by {change.who}: {what}")


def _place(state: RouteState) -> RouteState:
    """A state without what time and notes change of it."""
    return replace(state, reason="", since=0.0, stage_since=0.0, until=0.0, after=None, baseline_fault="")


def _bad(state: RouteState, before: RouteState, after: RouteState, found_bad: Collection[str]) -> list[str]:
    """Versions that would get more live traffic than they have, and were found bad."""
    by_hand = transitions.without_names(after.rolled_back, before.rolled_back)
    suspect = {*found_bad, *transitions.without_names(state.rolled_back, by_hand)}
    return [version for version in _gains(state, before) if version in suspect]


def _gains(state: RouteState, before: RouteState) -> list[str]:
    had, has = transitions.weights(state)[0], transitions.weights(before)[0]
    gains = [version for version, percent in has.items() if percent > had.get(version, 0.0)]
    gains += [before.primary] if before.primary != state.primary else []
    return gains + [v for v in transitions.candidates(before) if v not in (*transitions.candidates(state), *gains)]


def _found(state: RouteState, change: Undoable, bad: Iterable[str]) -> str:
    return "it failed its scorecard" if {*bad} & {*change.failed} else state.reason or "it fails its scorecard"
