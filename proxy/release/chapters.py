"""A release in documents, from its audit alone: in a few words, its stages and changes, what its versions differ in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.contracts.durations import in_units
from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import Release
from proxy.release.audit import Entry
from proxy.release.history import Story, chain_of
from proxy.release.telling import by_whom, ending, phase_after, state_after
from proxy.release.words import allowed


def heading(story: Story, route: str) -> dict[str, Any]:
    """A release in a few words."""
    end, last = ending(story, route), story.entries[-1]
    candidate, primary = story.beside.get(route, (story.candidate, story.primary))
    replaced = end is not None and end is story.replaced
    phase = phase_after(last if replaced or end is None else end, route)
    began, words = story.entries[0], phase.replace("_", " ")
    how = f"{words} {by_whom(end.who)}: {end.why}" if end else f"{words}: {last.why}"
    if end and replaced:
        how = f"{words}, until {end.route}@{end.seq} took its place, {by_whom(end.who)} ({end.action}): {end.why}"
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
    """All stages of the plan: those that a release was in, each with its times, then those that it has not begun.
    `standing` says which: over, under way, not begun, and not reached where the release has ended before."""
    found = _begun(told, route)
    for each in found:
        each["standing"] = "under way" if each["ended"] is None else "over"
    planned = plan(told, route)
    standing = "not begun" if ending(told, route) is None else "not reached"
    reached = max((each["stage"] for each in found), default=0)
    ahead = enumerate(planned.get("stages", ())[reached:], reached + 1)
    found += [{"stage": n, "began": None, "ended": None, "asked": each, "standing": standing} for n, each in ahead]
    return [each | {"says": asked(each["asked"], _ends(planned, each["stage"]))} for each in found]


def plan(told: Story, route: str) -> dict[str, Any]:
    """The plan, by the last change that has it."""
    plans = (state_after(entry, route).get("release") for entry in reversed(told.entries))
    return next((plan for plan in plans if isinstance(plan, dict)), {})


def asked(stage: Mapping[str, Any], ends: str = "") -> str:
    """What a stage asks for.

    >>> asked({"canary": 5.0, "requests": 500, "duration": 3600.0}, "ends by proof")
    '5 % live, 500 requests, 1 h, ends by proof'
    """
    parts = {"canary": "{:g} % live", "shadow": "{:g} % copies", "requests": "{:,} requests", "duration": "{}"}
    told = {**stage, "duration": in_units(stage.get("duration") or 0.0)}
    return ", ".join(
        (*(text.format(told[name]) for name, text in parts.items() if stage.get(name)), *filter(None, [ends]))
    )


def _ends(planned: Mapping[str, Any], stage: int) -> str:
    try:
        release = msgspec.convert(planned, Release, strict=False)
    except msgspec.ValidationError:  # of a version of this program that knew other plans
        return ""
    return "ends by proof" if release.proof_at(stage - 1) else ""


def limits(told: Story, route: str) -> list[dict[str, Any]]:
    """What the candidate is held to, for the whole release, with what each limit allows."""
    guard = plan(told, route).get("guard")
    lines = guard.get("scorecard", {}) if isinstance(guard, dict) else {}
    return [
        {
            "metric": metric,
            "title": METRICS[metric].title if metric in METRICS else metric,
            "bound": bound,
            "limit": value,
            "says": allowed(metric, bound, float(value)),
        }
        for metric, bounds in lines.items()
        for bound, value in bounds.items()
        if value is not None
    ]


def _begun(told: Story, route: str) -> list[dict[str, Any]]:
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
    if told.replaced and found and found[-1]["ended"] is None:
        found[-1]["ended"] = told.replaced.at
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
