"""The story of one release, from the audit: who started it, every stage, verdict and change, how it ended.

A release is named ROUTE@NUMBER, after the audit entry that began it; ROUTE alone names the newest release. A release
spans from the first audit entry whose state contains a new release plan to the entry before the next such one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from proxy.contracts.release import Verdict
from proxy.release.audit import Entry, states_of

ACTIVE_PHASES = frozenset({"shadowing", "ramping", "paused", "promoted"})
_LINEAGE = ("commit", "dataset", "features", "training_config", "evaluation")


class Story(Struct, frozen=True):
    """One release, from its beginning to its end or to now."""

    name: str
    """ROUTE@NUMBER."""
    candidate: str
    primary: str
    """The primary at the beginning."""
    strategy: str
    versions: dict[str, Any]
    """Name to lineage and endpoint, as they were at the beginning."""
    entries: tuple[Entry, ...]
    beside: dict[str, tuple[str, str]] = {}
    """Of a release over several routes: the others, each with its candidate and its primary."""
    replaced: Entry | None = None
    """The entry that began the next release; None: this is the newest."""


class NoSuchReleaseError(Exception):
    """No release of this name is in the audit; the message lists those that are."""


def begins(entry: Entry) -> bool:
    """Whether a release begins with this entry."""
    before, after = (state if isinstance(state, dict) else {} for state in (entry.before, entry.after))
    plan = after.get("release")
    if not isinstance(plan, dict) or not {"candidate", "strategy"} <= plan.keys():
        return False
    if after.get("phase") not in ACTIVE_PHASES or "primary" not in (before or after):
        return False
    if entry.action == "release":
        return True
    return bool(after["release"] != before.get("release"))


def at_rollback(newest_first: Iterable[Entry], route: str = "") -> tuple[Verdict, ...]:
    """The verdicts that were known when a route was last rolled back, from its audit, or from that of its release; ()
    where none were kept."""
    for entry in newest_first:
        if entry.action == "undo":  # it puts back a state, the verdicts beside it are of what was undone
            continue
        if _phase(entry.after) == "rolled_back" and _phase(entry.before) != "rolled_back":
            return tuple(verdict for verdict in _verdicts(entry.evidence) if verdict.route in ("", route))
    return ()


def _phase(state: Any) -> Any:
    return state.get("phase") if isinstance(state, dict) else None


def _verdicts(evidence: Any) -> tuple[Verdict, ...]:
    try:
        # Numbers that are none stand as text in the audit.
        return msgspec.convert(evidence or (), tuple[Verdict, ...], strict=False)
    except msgspec.ValidationError:
        return ()


def stories(entries: Iterable[Entry]) -> list[Story]:
    """All releases in the audit, in the order of their beginnings."""
    open_: dict[str, list[Entry]] = {}
    chapters: list[list[Entry]] = []
    replaced: dict[str, Entry] = {}
    for entry in entries:
        if begins(entry):
            if entry.route in open_:
                replaced[_name(open_[entry.route])] = entry
            open_[entry.route] = []
            chapters.append(open_[entry.route])
        if entry.route in open_:
            open_[entry.route].append(entry)
    return [_story(chapter, replaced.get(_name(chapter))) for chapter in chapters]


def story_of(entries: Iterable[Entry], name: str) -> Story:
    """The story called `name` (ROUTE@NUMBER, or ROUTE for its newest). Raises NoSuchReleaseError."""
    releases = stories(entries)
    route, _, number = name.partition("@")
    matches = [story for story in releases if (story.name == name if number else story.name.startswith(f"{route}@"))]
    if not matches:
        raise NoSuchReleaseError(f"no release {name}; known: {', '.join(story.name for story in releases) or 'none'}")
    return matches[-1]


def routes(story: Story) -> list[str]:
    """The routes of a release."""
    return list(states_of(story.entries[0]))


def _name(chapter: Sequence[Entry]) -> str:
    return f"{chapter[0].route}@{chapter[0].seq}"


def _story(chapter: Sequence[Entry], replaced: Entry | None) -> Story:
    first = chapter[0]
    plan = first.after["release"]
    return Story(
        name=_name(chapter),
        candidate=plan["candidate"],
        primary=(first.before if isinstance(first.before, dict) and first.before else first.after)["primary"],
        strategy=plan["strategy"],
        versions=first.lineage or {},
        entries=tuple(chapter),
        beside={route: pair for route, states in first.beside.items() if (pair := _pair(states))},
        replaced=replaced,
    )


def _pair(states: Any) -> tuple[str, str] | None:
    """Candidate and primary of a route beside the first."""
    after = states.get("after") if isinstance(states, dict) else None
    plan = after.get("release") if isinstance(after, dict) else None
    if not isinstance(after, dict) or not isinstance(plan, dict):
        return None
    return str(plan.get("candidate", "")), str((states.get("before") or after).get("primary", ""))


def chain_of(version: Any) -> list[tuple[str, str]]:
    """One version's chain from commit to endpoint: what is known, in order; "not stated" where nothing is."""
    lineage = version.get("lineage") or {}
    origin = [(name.replace("_", " "), lineage.get(name) or "not stated") for name in _LINEAGE]
    return [*origin, ("endpoint", version.get("endpoint", "not stated"))]
