"""Soundness of a live state that was read from a file: what `transitions` makes can never have these faults.

A state that is not sound is as good as none: nothing may be derived from it, since a share of 300 % or a stage that the
release does not have would stop control, or send traffic to whoever the damage names.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from proxy.contracts.release import RouteState
from proxy.release import transitions

MAX_UNIX_SECONDS = 1e11
"""Times beyond it (the year 5138) are none."""
ROUNDING = 1e-6
"""Percent by which shares may exceed 100, for rounding."""


def fault_of(state: RouteState) -> str:
    """What is wrong with a live state, in a few words; "" where nothing is."""
    if not all(0.0 <= at <= MAX_UNIX_SECONDS for at in (state.since, state.stage_since, state.until)):
        return "a time in it is none"
    if not _are_finite(msgspec.to_builtins(state)):
        return "a figure in it is no number"
    if not _are_percents(state.split, 100.0) or not _are_percents(state.shadows, None) or state.primary in state.split:
        return "its shares are none"
    if not state.primary or state.paused_from == "paused" or (state.phase == "paused" and state.paused_from is None):
        return "its phase is none"
    return _fault_of_release(state)


def _fault_of_release(state: RouteState) -> str:
    effective, release = transitions.effective(state), state.release
    if effective not in transitions.RELEASING:
        return ""
    if release is None or not 0 <= state.stage < len(release.stages):
        return "it has no such stage"
    shares = [share for stage in release.stages for share in (stage.canary, stage.shadow) if share is not None]
    if not all(0.0 <= share <= 100.0 for share in shares) or not _are_percents(release.arms, 100.0):
        return "the shares of its release are none"
    if any(stage.requests < 0 or stage.duration < 0 for stage in release.stages) or release.rollback_window < 0:
        return "the stages of its release are none"
    return "" if 0.0 < release.guard.false_alarm < 1.0 else "the scorecard of its release is none"


def _are_percents(percents: Mapping[str, float], most: float | None) -> bool:
    inside = all(0.0 <= percent <= 100.0 for percent in percents.values())
    return inside and (most is None or sum(percents.values()) <= most + ROUNDING)


def _are_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_are_finite, value.values()))
    return all(map(_are_finite, value)) if isinstance(value, list | tuple) else True
