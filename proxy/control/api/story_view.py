"""Documents of the admin API about what happened: the releases of a route, the story of one, and an explanation.

The audit says what was done and by which verdicts; facts of requests are those of this sidecar (`facts_scope`), kept
beside it within the bounds of `control.stories`. Read are the newest `MAX_READ` entries of a route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

from proxy.contracts.release import RouteState
from proxy.contracts.story import StoryFacts
from proxy.control.api import verdicts, views
from proxy.control.api.portions import in_portions
from proxy.control.api.problems import ApiError
from proxy.control.engine import Engine
from proxy.control.route_control import live_split
from proxy.control.stories import archive, chronicle
from proxy.control.stories.chronicle import Chronicle
from proxy.control.stories.told import EARLY_SECONDS, facts_for, facts_told, touched
from proxy.release import chapters, plan, scorecard, telling
from proxy.release.audit import Change, Entry, Link, entry_of, plain, states_of
from proxy.release.history import Story, stories
from proxy.release.soundness import MAX_UNIX_SECONDS
from proxy.release.words import words_of

MAX_READ = 2000
"""Newest entries of a route that stories are read from; `penumbra audit export --config` reads all."""
MAX_RELEASES = 200
MAX_DIGITS = 40
CHANGED = frozenset({"world", "model", "both"})
"""Kinds of findings that say that something has changed."""
TELLING = frozenset({"rollback", "leave", "pause", "promote", "notify", "keep", "drop", "restart", "advance", "resume"})
"""Actions that are worth telling before the beginnings of releases and configurations."""


def time_in(query: Mapping[str, str], now: float) -> float:
    """The time that is asked about, in Unix seconds; now without one. Raises ApiError."""
    text = query.get("at")
    if text is None:
        return now
    try:
        at = float(text)
    except ValueError:
        at = nan
    if len(text) > MAX_DIGITS or not 0.0 <= at <= MAX_UNIX_SECONDS:
        raise ApiError("invalid", f"at: found {text[:MAX_DIGITS]!r}; allowed: Unix seconds", "at")
    return at


async def entries_of(engine: Engine, route: str, chain: Any) -> list[Entry]:
    """The newest entries of a route and its release, oldest first. Raises StoreError."""
    links: Sequence[Link] = engine.audit(MAX_READ, -1, route, chain)
    stored = [entry_of(link) async for link in in_portions(reversed(links))]
    return stored if chain else [*stored, *pending(engine, route)]


def pending(engine: Engine, route: str) -> list[Entry]:
    """The changes in force that the disk has not taken, as the entries that they are to be; without hashes."""
    names, head = (route, engine.release_of(route).name), engine.keeper.head.count
    changes = [(n, each) for n, each in enumerate(engine.keeper.ledger.pending, 1) if each.route in names]
    return [
        Entry(seq=head + n, at=engine.keeper.unix(_made(change, engine, route)), previous="", **plain(change))
        for n, change in changes
    ]


def _made(change: Change, engine: Engine, route: str) -> float:
    """When a change that is not stored yet was made: when its state began."""
    state = change.after if isinstance(change.after, RouteState) else engine.state(route)
    return state.since


def releases(engine: Engine, route: str, entries: Iterable[Entry]) -> dict[str, Any]:
    """The releases of a route, newest first."""
    found = list(reversed(stories(entries)))
    shown = [chapters.heading(story, route) for story in found[:MAX_RELEASES]]
    return {"route": route, "scope": verdicts.scope_in(engine), "releases": shown, "truncated": len(shown) < len(found)}


def story(engine: Engine, known: Chronicle | None, route: str, told: Story) -> dict[str, Any]:
    """A release, whole."""
    head = chapters.heading(told, route)
    facts = facts_for(known.facts(route) if known else (), head["candidate"], head["began"], head["ended"])
    return {
        "route": route,
        "scope": verdicts.scope_in(engine),
        "facts_scope": "sidecar",
        **head,
        "routes": list(states_of(told.entries[0])),
        "plan": telling.state_after(told.entries[0], route).get("release"),
        "stages": chapters.stages(told, route),
        "versions": told.versions,
        "differs": chapters.differs(told, head["candidate"], head["primary"]),
        "changes": [chapters.change(entry, route) for entry in told.entries],
        **facts_told(facts),
        "kept": bounds(facts),
    }


def bounds(facts: StoryFacts | None) -> dict[str, Any]:
    """What is kept, and what of it there is."""
    return {
        "facts": facts is not None,
        "stories": archive.MAX_STORIES,
        "bytes": archive.MAX_BYTES,
        "moments": chronicle.MAX_MOMENTS,
        "every": facts.every if facts else None,
    }


def explain(
    engine: Engine, known: Chronicle | None, route: str, entries: Sequence[Entry], at: float, now: float
) -> dict[str, Any]:
    """What happened last before `at`, and what is wrong then."""
    control = engine.route(route)
    before = [entry for entry in entries if entry.at <= at + EARLY_SECONDS]
    entry = next((each for each in reversed(before) if _tells(each)), before[-1] if before else None)
    past = bool(entries) and at < now - EARLY_SECONDS and before[-1:] != list(entries[-1:])
    facts = _facts_at(known.facts(route) if known else [], entry, at)
    troubles = known.troubles.at(route, at) if known else []
    warnings = [
        {"kind": each.notice.kind, "text": each.notice.text, "since": each.since, "runbook": each.notice.runbook,
         "todo": f"See {each.notice.runbook} of this API."}
        for each in troubles
    ]  # fmt: skip
    state = {
        "phase": telling.phase_after(before[-1], route) if past and before else control.state.phase,
        "primary": control.state.primary,
        "split": live_split(control),
        "sentence": verdicts.on_route(engine, route).sentence,
    }
    threshold = scorecard.threshold(plan.judged_guard(control.section, control.state))
    since = telling.clock(facts.began) if facts else ""
    found = [each.sentence for each in engine.board.findings(route) if each.kind in CHANGED]
    told = telling.told_of(route, entry, touched(facts), facts, state, warnings, found)
    release = next((each.name for each in reversed(stories(before))), None)
    return {
        "route": route,
        "scope": verdicts.scope_in(engine),
        "facts_scope": "sidecar",
        "at": at,
        "phase": state["phase"],
        "release": release,
        "over": told.over.startswith("Yes"),
        "what": told.what,
        "when": told.when,
        "to_whom": told.to_whom,
        "why": told.why,
        "is_it_over": told.over,
        "done": told.done,
        "now": list(told.now),
        "text": told.text,
        "entry": entry.seq if entry else None,
        "touched": touched(facts),
        "findings": [plain(each) for each in engine.board.findings(route)],
        "warnings": warnings,
        "verdicts": [
            views.verdict(line) | {"words": words_of(line, since, threshold)}
            for line in control.status.at_rollback or control.status.verdicts
        ],
    }


def _tells(entry: Entry) -> bool:
    return entry.action in TELLING


def _facts_at(kept: Sequence[StoryFacts], entry: Entry | None, at: float) -> StoryFacts | None:
    """The facts of what an entry is about, or else of what was under judgement."""
    when = min(entry.at, at) if entry else at
    own = [each for each in kept if each.began <= when + EARLY_SECONDS]
    return own[-1] if own else None
