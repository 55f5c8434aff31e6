"""Transitions of a route's live state: one function an event, which returns the next state.

The weight of a release is never stored: `weights` derives it from plan, stage and phase. A function that changes the
phase raises TransitionRefused where the table of `release.phases` has no such pair, or where its docstring says so; the
state that was passed in is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.release import Phase, RouteState
from proxy.contracts.settings import Guard, Release, Stage
from proxy.contracts.strategies import STRATEGIES
from proxy.release.phases import TransitionRefused, follow

RELEASING: frozenset[Phase] = frozenset({"shadowing", "ramping"})

Percents = dict[str, float]


def effective(state: RouteState) -> Phase:
    """The phase that decides about traffic: a paused route keeps what it had."""
    if state.phase == "paused":
        return state.paused_from or "steady"
    return state.phase


def releasing(state: RouteState) -> bool:
    """Whether a release is on its way (paused or not)."""
    return effective(state) in RELEASING and state.release is not None


BY_HAND = "by hand"


def plan_mark(state: RouteState) -> str:
    """What tells the plan that is under way from any other one: a digest, or `BY_HAND` where there is none."""
    if not releasing(state):
        return BY_HAND
    return blake2b(msgspec.json.encode(state.release), digest_size=8).hexdigest()


def goes_on(plan: str, state: RouteState) -> bool:
    """Whether what began under `plan` ("": not known) is what is under way: another plan is another release, as the
    audit says; what is gone on with by hand is none."""
    return plan in ("", plan_mark(state)) or not releasing(state)


def stage_of(state: RouteState) -> Stage | None:
    """The stage that a release stands in; None without one."""
    if not releasing(state) or state.release is None:
        return None
    return state.release.stages[state.stage]


def weights(state: RouteState) -> tuple[Percents, Percents]:
    """The split (without the primary) and the shadows in force, in percent."""
    phase = effective(state)
    if phase in ("rolled_back", "promoted"):
        return {}, without(state.shadows, (state.primary,))
    stage = stage_of(state)
    if stage is None or state.release is None:
        return dict(state.split), dict(state.shadows)
    if state.release.arms:
        return without(state.release.arms, state.left), without(state.shadows, (state.primary,))
    candidate = state.release.candidate
    split = {candidate: stage.canary} if stage.canary else {}
    shadows = without(state.shadows, (candidate, state.primary))
    return split, shadows | ({candidate: stage.shadow} if stage.shadow else {})


def candidates(state: RouteState) -> tuple[str, ...]:
    """The versions under judgement, the one with most traffic first; after a promote the new primary, for a while."""
    if releasing(state) and state.release is not None:
        return without_names(state.release.arms, state.left) or (state.release.candidate,)
    if state.phase == "promoted":
        return (state.primary,) if state.after else ()
    split, _ = weights(state)
    return tuple(sorted(split, key=lambda version: -split[version]))


def taken_off(state: RouteState) -> tuple[str, ...]:
    """The versions that a rollback takes off: those under judgement, or the primary that was promoted."""
    return candidates(state) or ((state.primary,) if state.phase == "promoted" else ())


class Situation(Struct, frozen=True):
    """Facts that follow from a state: derived, never stored."""

    stage: Stage | None
    """The stage that a release stands in; None without one."""
    candidates: tuple[str, ...]
    """The versions under judgement, the one with most traffic first."""
    split: Percents
    """Live traffic in percent, without the primary."""
    shadows: Percents
    """Copies in percent of the requests."""


def situation(state: RouteState) -> Situation:
    """All of it at once, for who needs more than one part."""
    return Situation(stage_of(state), candidates(state), *weights(state))


def split(state: RouteState, percents: Percents, reason: str, now: float) -> RouteState:
    """A split by hand (`percents` without the primary). It ends a release, and is the explicit change that lets
    rolled-back versions have traffic again."""
    phase = follow(state.phase, "split")
    live = {version: percent for version, percent in percents.items() if percent > 0}
    rolled_back = without_names(state.rolled_back, live)
    return _settled(replace(state, split=live, rolled_back=rolled_back, baseline_fault=""), phase, reason, now)


def shadows(state: RouteState, percents: Percents, reason: str, now: float) -> RouteState:
    """Shadows by hand, in every phase. A release goes on and keeps its own."""
    return replace(state, shadows={v: p for v, p in percents.items() if p > 0}, reason=reason)


def start(state: RouteState, release: Release, reason: str, now: float) -> RouteState:
    """Begins `release` with its first stage; its candidates are no longer rolled-back ones. Raises TransitionRefused
    for a candidate that is the primary already."""
    phase = follow(state.phase, "start")
    versions = tuple(release.arms) or (release.candidate,)
    if state.primary in versions:
        raise TransitionRefused(f"{state.primary} is the primary already")
    begun = replace(
        state,
        phase=phase,
        release=replace(release, stages=release.stages or _first_stages(release)),
        split={},
        candidate=release.candidate,
        left=(),
        rolled_back=without_names(state.rolled_back, versions),
        paused_from=None,
        after=None,
        since=now,
        baseline_fault="",
    )
    return enter(begun, 0, reason, now)


def _first_stages(release: Release) -> tuple[Stage, ...]:
    """The stages of a release that names none."""
    percent = STRATEGIES[release.strategy].first_shadow
    return () if percent is None else (Stage(shadow=percent),)


def enter(state: RouteState, index: int, reason: str, now: float) -> RouteState:
    """Stage `index` of the release in force; behind the last one the candidate is promoted."""
    assert state.release is not None
    if index >= len(state.release.stages):
        return promote(state, state.release.candidate, reason, now)
    stage = state.release.stages[index]
    phase = follow(state.phase, "ramp" if stage.canary else "observe")
    return replace(state, phase=phase, stage=index, stage_since=now, reason=reason)


def anew(state: RouteState, reason: str, now: float) -> RouteState:
    """The stage in force from its beginning, because another model answers; without a stage, the state as it is."""
    return state if stage_of(state) is None else replace(state, stage_since=now, reason=reason)


def pause(state: RouteState, reason: str, now: float) -> RouteState:
    """Holds the weight as it is; a breach still acts."""
    return replace(
        state,
        phase=follow(state.phase, "pause"),
        paused_from=state.phase,
        candidate=_first(state),
        reason=reason,
        since=now,
    )


def resume(state: RouteState, reason: str, now: float) -> RouteState:
    """Goes on in the phase that was paused; the stage's duration begins anew."""
    phase = follow(state.phase, "resume", state.paused_from)
    return replace(state, phase=phase, paused_from=None, stage_since=now, reason=reason, since=now)


def promote(state: RouteState, version: str | None, reason: str, now: float) -> RouteState:
    """Makes a candidate the primary, and remembers the one before it for a rollback. Raises TransitionRefused for a
    version that is no candidate, and without `version` where there is not exactly one."""
    phase = follow(state.phase, "promote")
    winner = version or _only(candidates(state), "promote")
    if winner not in candidates(state):
        raise TransitionRefused(f"{winner} is not a candidate; candidates: {_names(candidates(state))}")
    promoted = replace(state, primary=winner, previous=state.primary, split={}, candidate=winner)
    promoted = replace(promoted, shadows=without(state.shadows, (winner,)))
    return replace(promoted, phase=phase, paused_from=None, reason=reason, since=now, stage_since=now)


def leave(state: RouteState, version: str, reason: str, now: float) -> RouteState:
    """An arm leaves an A/B test for good: the primary gets its share, and the others go on as if nothing had happened.
    Raises TransitionRefused for a version that is no arm, and for the last one: then the test is rolled back."""
    follow(state.phase, "rollback")
    arms = candidates(state)
    if not is_test(state) or version not in arms or len(arms) < 2:
        raise TransitionRefused(f"{version} cannot leave by itself; arms: {_names(arms)}")
    gone = replace(state, left=(*state.left, version), rolled_back=_with_names(state.rolled_back, (version,)))
    return replace(gone, candidate=_first(gone), reason=reason)


def take_off(state: RouteState, versions: Sequence[str], reason: str, now: float) -> RouteState:
    """Takes the traffic off blamed candidates: arms leave an A/B test while others stay, all else is rolled back."""
    stay = without_names(candidates(state), versions)
    if not (is_test(state) and stay):
        return rollback(state, versions, reason, now)
    for version in versions:
        state = leave(state, version, reason, now)
    return state


def takes_off(before: RouteState, after: RouteState) -> bool:
    """Whether a change takes live traffic or copies off versions, and gives none of them more; a rollback does."""
    if after.phase == "rolled_back" and before.phase != "rolled_back":
        return True
    if after.primary != before.primary:
        return False
    pairs = tuple(zip(weights(before), weights(after), strict=True))
    more = any(now > was.get(version, 0.0) for was, new in pairs for version, now in new.items())
    return not more and any(new != was for was, new in pairs)


def is_test(state: RouteState) -> bool:
    """Whether an A/B test is on its way."""
    return releasing(state) and state.release is not None and bool(state.release.arms)


def guarded(state: RouteState, guard: Guard | None, now: float) -> RouteState:
    """A promoted state under the guard of its release's rollback window."""
    window = state.release.rollback_window if state.release else 0.0
    return replace(state, after=guard, until=now + window) if window and guard else state


def unguarded(state: RouteState) -> RouteState:
    """A promoted state whose rollback window is over. A rollback by hand is still possible."""
    return replace(state, after=None)


def without_baseline(state: RouteState, fault: str) -> RouteState:
    """A state whose baseline is broken: its part goes to the primary, and candidates are compared with that one."""
    return replace(state, baseline_fault=fault, reason=fault)


def rollback(state: RouteState, versions: Iterable[str], reason: str, now: float) -> RouteState:
    """All traffic to the primary; after a promote, to the primary before it. `versions` (by default all candidates) are
    remembered as rolled back. Raises TransitionRefused where nothing but the primary has traffic, or no primary before
    the present one is known."""
    phase = follow(state.phase, "rollback")
    state = replace(state, after=None)
    blamed = tuple(versions) or candidates(state)
    if state.phase == "promoted":
        return _restored(state, phase, reason, now)
    if not blamed:
        raise TransitionRefused(f"nothing to roll back: all traffic goes to {state.primary} already")
    remembered = _with_names(state.rolled_back, blamed)
    rolled = replace(state, phase=phase, split={}, candidate=blamed[0], rolled_back=remembered)
    return replace(rolled, paused_from=None, reason=reason, since=now)


def _restored(state: RouteState, phase: Phase, reason: str, now: float) -> RouteState:
    if state.previous is None:
        raise TransitionRefused(f"nothing to roll back to: no primary before {state.primary} is known")
    remembered = _with_names(state.rolled_back, (state.primary,))
    back = replace(state, primary=state.previous, previous=None, split={}, candidate=state.primary)
    return replace(back, phase=phase, rolled_back=remembered, paused_from=None, reason=reason, since=now)


def _with_names(versions: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*versions, *names)))


def _settled(state: RouteState, phase: Phase, reason: str, now: float) -> RouteState:
    ended = replace(
        state, phase=phase, after=None, paused_from=None, stage=0, reason=reason, since=now, stage_since=now
    )
    return replace(ended, candidate=_first(ended))


def _first(state: RouteState) -> str | None:
    return next(iter(candidates(state)), None)


def _only(names: tuple[str, ...], verb: str) -> str:
    if len(names) != 1:
        raise TransitionRefused(f"{verb} needs one candidate; candidates: {_names(names)}")
    return names[0]


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def without(percents: Percents, names: Iterable[str]) -> Percents:
    """`percents` less the entries of `names`."""
    gone = set(names)
    return {version: percent for version, percent in percents.items() if version not in gone}


def without_names(versions: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """`versions` less `names`, in order."""
    gone = set(names)
    return tuple(version for version in versions if version not in gone)
