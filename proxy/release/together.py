"""What belongs together goes together: the live states of one release over several routes.

The states of its routes are stored each by itself, and move together: same phase, same stage, since the same moment.

1. A change by hand or by the scorecard is made on all of them, or on none; only what takes traffic off is made wherever
   there is something to take off.
2. What took one of them back while the others were not there to follow (a damaged state file, a rollback that could not
   be stored, an older file) takes all back.
3. A route that stands elsewhere than the others for any other reason begins anew, and the others with it: the sections
   of the configuration win.
4. A version that was rolled back before gets no live traffic by a configuration, and then no other route's candidate
   does either: half a release would pair what does not belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import RouteSettings
from proxy.release import plan, transitions
from proxy.release.phases import TransitionRefused

Move = Callable[[RouteState], RouteState]


def moved(states: Sequence[RouteState], move: Move, partly: bool = False) -> tuple[RouteState, ...]:
    """All states after a change. Raises TransitionRefused where one of them refuses it; `partly`: where all do."""
    after: list[RouteState] = []
    refusals: list[TransitionRefused] = []
    for state in states:
        try:
            after.append(move(state))
        except TransitionRefused as refused:
            refusals.append(refused)
            after.append(state)
    if refusals and (not partly or len(refusals) == len(after)):
        raise refusals[0]
    return tuple(after)


def all_aligned(merged: Sequence[tuple[RouteSettings, RouteState]], now: float) -> dict[str, RouteState]:
    """The states of all routes by name, those of one release as one."""
    states = {section.name: state for section, state in merged}
    for name in {section.group.name for section, _ in merged if section.group}:
        sections = [section for section, _ in merged if section.group and section.group.name == name]
        own = [states[section.name] for section in sections]
        states |= {state.route: state for state in aligned(sections, own, now)}
    return states


def aligned(sections: Sequence[RouteSettings], states: Sequence[RouteState], now: float) -> tuple[RouteState, ...]:
    """The states of the routes of one release, as one."""
    if len({_place(state) for state in states}) == 1:
        return tuple(states)
    if not _one_is_back(states):
        pairs = zip(sections, states, strict=True)
        states = tuple(plan.fresh(section, state.rolled_back, None, now)[0] for section, state in pairs)
        if len({_place(state) for state in states}) == 1:
            return states
    return tuple(_taken_back(state, _why(states), now) for state in states)


def _place(state: RouteState) -> tuple[object, ...]:
    stage = (state.stage, state.stage_since) if transitions.releasing(state) else ()
    return state.phase, state.paused_from, stage, bool(transitions.weights(state)[0])


def _one_is_back(states: Sequence[RouteState]) -> bool:
    return any(state.phase == "rolled_back" for state in states)


def _why(states: Sequence[RouteState]) -> str:
    back = next((state for state in states if state.phase == "rolled_back"), states[0])
    return f"{back.route} of the same release gives its candidate no traffic: {back.reason or 'it was rolled back'}"


def _taken_back(state: RouteState, why: str, now: float) -> RouteState:
    if state.phase == "rolled_back":
        return state
    try:
        return transitions.rollback(state, (), why, now)
    except TransitionRefused:
        return replace(state, phase="rolled_back", split={}, paused_from=None, reason=why, since=now)
