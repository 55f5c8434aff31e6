"""A release in documents, from its audit alone: in a few words, its stages and changes, what its versions differ in."""

from __future__ import annotations

from typing import Any

from proxy.release.audit import Entry
from proxy.release.history import Story, chain_of
from proxy.release.telling import by_whom, ending, phase_after, state_after


def heading(story: Story, route: str) -> dict[str, Any]:
    """A release in a few words."""
    end, last = ending(story, route), story.entries[-1]
    candidate, primary = story.beside.get(route, (story.candidate, story.primary))
    phase = phase_after(end or last, route)
    began = story.entries[0]
    how = f"{phase.replace('_', ' ')} {by_whom(end.who)}: {end.why}" if end else f"{phase}: {last.why}"
    return {
        "id": story.name,
        "name": story.name.rpartition("@")[0],
        "candidate": candidate,
        "primary": primary,
        "strategy": story.strategy,
        "began": began.at,
        "ended": end.at if end else None,
        "phase": phase,
        "began_by": {"who": began.who, "action": began.action, "why": began.why},
        "ended_by": {"who": end.who, "action": end.action, "why": end.why} if end else None,
        "sentence": f"{candidate} in place of {primary}, {story.strategy}: {how}",
    }


def stages(told: Story, route: str) -> list[dict[str, Any]]:
    """The stages that a release was in, each with its times."""
    found: list[dict[str, Any]] = []
    for entry in told.entries:
        state = state_after(entry, route)
        plan = state.get("release") or {}
        phase = str(state.get("phase", ""))
        going = phase in ("shadowing", "ramping") or (phase == "paused" and found and found[-1]["ended"] is None)
        number = int(state.get("stage", 0)) + 1
        if found and found[-1]["ended"] is None and (not going or found[-1]["stage"] != number):
            found[-1]["ended"] = entry.at
        if going and number <= len(plan.get("stages", ())) and not (found and found[-1]["ended"] is None):
            asked = plan["stages"][number - 1]
            found.append({"stage": number, "began": entry.at, "ended": None, "asked": asked})
    return found


def differs(told: Story, candidate: str, primary: str) -> list[dict[str, Any]]:
    """What is not the same in the lineage of both versions; what neither states is left out."""
    ours, theirs = (dict(chain_of(told.versions.get(name) or {})) for name in (candidate, primary))
    return [
        {"what": name, "candidate": said, "primary": theirs[name]}
        for name, said in ours.items()
        if said != theirs[name]
    ]


def change(entry: Entry, route: str) -> dict[str, Any]:
    """An entry of the audit with the verdicts of that moment."""
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    state = state_after(entry, route)
    return {
        "seq": entry.seq,
        "at": entry.at,
        "who": entry.who,
        "action": entry.action,
        "why": entry.why,
        "phase": str(state.get("phase", "")),
        "stage": int(state.get("stage", 0)) + 1 if state.get("release") else 0,
        "examples": list(entry.examples),
        "verdicts": [line for line in lines if isinstance(line, dict)],
    }
