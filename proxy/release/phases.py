"""The phases of a route and the events that lead from one to the next.

- `start` begins a release; its first stage follows at once: `observe` (copies), `ramp` (live traffic) or `promote`.
- `split` is a change by hand. It is possible in every phase and ends a release, because an operator must always win.
- `rollback` is possible wherever a candidate can have traffic: a breach leads to the primary alone from there.
- A rolled-back route stays so until somebody says `start` or `split`; an undo (`release.undo`) goes back to where the
  last change by a person came from, and is no event of the table.
"""

from __future__ import annotations

from typing import Literal

from proxy.contracts.release import Phase

Event = Literal["start", "observe", "ramp", "pause", "resume", "promote", "rollback", "split"]

PHASE_BEFORE_PAUSE = None
"""Stands in the table for "the phase in which the route was paused"."""

TABLE: dict[tuple[Phase, Event], Phase | None] = {
    ("steady", "start"): "shadowing",
    ("steady", "pause"): "paused",
    ("steady", "promote"): "promoted",
    ("steady", "rollback"): "rolled_back",
    ("steady", "split"): "steady",
    ("shadowing", "observe"): "shadowing",
    ("shadowing", "ramp"): "ramping",
    ("shadowing", "pause"): "paused",
    ("shadowing", "promote"): "promoted",
    ("shadowing", "rollback"): "rolled_back",
    ("shadowing", "split"): "steady",
    ("ramping", "observe"): "shadowing",
    ("ramping", "ramp"): "ramping",
    ("ramping", "pause"): "paused",
    ("ramping", "promote"): "promoted",
    ("ramping", "rollback"): "rolled_back",
    ("ramping", "split"): "steady",
    ("paused", "resume"): PHASE_BEFORE_PAUSE,
    ("paused", "promote"): "promoted",
    ("paused", "rollback"): "rolled_back",
    ("paused", "split"): "steady",
    ("promoted", "start"): "shadowing",
    ("promoted", "rollback"): "rolled_back",
    ("promoted", "split"): "steady",
    ("rolled_back", "start"): "shadowing",
    ("rolled_back", "split"): "steady",
}


REQUESTS: dict[Event, str] = {
    "start": "release",
    "split": "split",
    "pause": "pause",
    "resume": "resume",
    "promote": "promote",
    "rollback": "rollback",
}
"""What an operator can ask for, in the words of the commands and of the admin API; stages alone do the rest."""


class TransitionRefused(Exception):
    """A change that is not possible now. The message says why and what is; nothing was changed."""


def legal(phase: Phase, event: Event) -> bool:
    """Whether the table has this pair."""
    return (phase, event) in TABLE


def follow(phase: Phase, event: Event, paused_from: Phase | None = None) -> Phase:
    """The phase after `event`. Raises TransitionRefused with both names for a pair that is not in the table."""
    if not legal(phase, event):
        possible = ", ".join(word for request, word in REQUESTS.items() if legal(phase, request))
        raise TransitionRefused(f"{REQUESTS.get(event, event)} is not possible in phase {phase}; possible: {possible}")
    return TABLE[phase, event] or paused_from or "steady"
