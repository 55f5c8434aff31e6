"""The document that explains a route: what happened last before a time, and what was wrong then.

Of now it is told by the live state and verdicts; of an earlier time by the audit, by the verdicts that a story keeps,
and by the warnings that this start of control knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any

import msgspec
from msgspec.structs import replace

from proxy.contracts.release import RouteState, Verdict
from proxy.contracts.story import StoryFacts
from proxy.control.api import verdicts, views
from proxy.control.api.problems import ApiError
from proxy.control.engine import Engine
from proxy.control.route_control import live_split
from proxy.control.stories.chronicle import Chronicle
from proxy.control.stories.told import EARLY_SECONDS, touched, verdicts_at, while_on_its_way
from proxy.control.stories.troubles import TimedNotice
from proxy.release import plan, scorecard, telling, transitions
from proxy.release.audit import Entry, plain
from proxy.release.first_line import first_line
from proxy.release.history import Story, at_rollback, begins, stories
from proxy.release.soundness import MAX_UNIX_SECONDS
from proxy.release.words import words_of

MAX_DIGITS = 40
SAME_SECOND = 1.0
"""Seconds: times are told in whole ones, and what happened within the one that is asked about has happened."""
CHANGED = frozenset({"world", "model", "both"})
"""Kinds of findings that say that something has changed."""


def time_in(query: Mapping[str, str]) -> float:
    """The time that is asked about, in Unix seconds; infinite: now. Raises ApiError."""
    text = query.get("at")
    if text is None:
        return inf
    try:
        at = float(text)
    except ValueError:
        at = nan
    if len(text) > MAX_DIGITS or not 0.0 <= at <= MAX_UNIX_SECONDS:
        raise ApiError("invalid", f"at: found {text[:MAX_DIGITS]!r}; allowed: Unix seconds", "at")
    return at


def suffices(entries: Sequence[Entry], asked: float) -> bool:
    """Whether newest entries are enough to explain a time: there is one that tells before it, and a release."""
    before = [entry for entry in entries if entry.at <= asked + SAME_SECOND]
    return any(entry.action in telling.TELLING for entry in before) and any(map(begins, before))


def explain(
    engine: Engine, known: Chronicle | None, route: str, entries: Sequence[Entry], asked: float, now: float
) -> dict[str, Any]:
    """What happened last, and what is wrong. `asked`: as `time_in` says."""
    at, past = min(asked, now), asked < now - EARLY_SECONDS
    before = [entry for entry in entries if entry.at <= asked + SAME_SECOND]
    entry = telling.telling_one(before, route)
    facts = _facts_at(known, route, entry, before, at if past else inf)
    warnings = list(map(_warning, known.troubles.at(route, at))) if known else []
    findings = () if past else engine.board.findings(route)
    state = _state_then(before, route) if past else _state_now(engine, route)
    said = [each.sentence for each in findings if each.kind in CHANGED]
    release = next(reversed(stories(before)), None)
    known_of = touched(facts, release.entries[0].at if release and facts and _is_of(facts, release, route) else inf)
    told = telling.told_of(route, entry, known_of, facts, state, warnings, said)
    counted = _counted_until(facts, now) if facts and past else 0.0
    whom = (
        told.to_whom
        + _met_again(known, route, entry, at)
        + (f" Counted until {telling.clock(counted)}." if counted else "")
    )
    return {
        "route": route,
        "scope": verdicts.scope_in(engine),
        "facts_scope": "sidecar",
        "at": at,
        "phase": state["phase"],
        "release": release.name if release else None,
        "over": told.over.startswith("Yes"),
        "summary": first_line(
            route, entry, known_of, state, warnings, at, counted if counted > at + SAME_SECOND else 0.0
        ),
        "what": told.what,
        "when": told.when,
        "to_whom": whom,
        "why": told.why,
        "is_it_over": told.over,
        "done": told.done,
        "now": list(told.now),
        "text": replace(told, to_whom=whom).text,
        "entry": entry.seq if entry else None,
        "touched": known_of,
        "findings": [plain(each) for each in findings],
        "warnings": warnings,
        "verdicts": _lines(
            engine,
            route,
            facts if past else _judged(engine, known, route, facts),
            _verdicts_then(before, route, facts, at) if past else None,
        ),
    }


def _facts_at(
    known: Chronicle | None, route: str, entry: Entry | None, before: Sequence[Entry], at: float
) -> StoryFacts | None:
    """The facts of what an entry is about, or else of what was under judgement. A story whose beginning a kill has
    taken begins later than its entry, and before the next one."""
    if known is None:
        return None
    following = next((each.at for each in before if entry and each.seq > entry.seq), inf)
    until = min(at, max(entry.at, following - 2 * EARLY_SECONDS) if entry else inf)
    return known.latest(route, until + EARLY_SECONDS)


def _judged(engine: Engine, known: Chronicle | None, route: str, told: StoryFacts | None) -> StoryFacts | None:
    """The facts of what the lines of now are about: of what is under judgement, which may have begun after what is
    told, or of what was rolled back (`told`)."""
    return told if known is None or engine.route(route).status.at_rollback else known.latest(route, inf)


def _met_again(known: Chronicle | None, route: str, entry: Entry | None, at: float) -> str:
    """Whom a version touched to which somebody gave traffic after the rollback that is told, and took it back; "":
    nobody."""
    if known is None or entry is None or telling.phase_after(entry, route) != "rolled_back":
        return ""
    said = ""
    for facts in known.facts(route, entry.at + EARLY_SECONDS, at):
        counted = touched(facts)
        if counted and facts.ended is not None and counted["live"]["requests"]:
            live, times = counted["live"], f"from {telling.clock(facts.began)} to {telling.clock(facts.ended)}"
            said += (
                f" After that, {counted['versions']} had traffic again, {times}: "
                f"{live['requests']:,} of {counted['route_requests']:,} requests, {live['bad']:,} of which went wrong."
            )
    return said


def _is_of(facts: StoryFacts, release: Story, route: str) -> bool:
    """Whether facts are of a release."""
    candidate, _ = release.beside.get(route, (release.candidate, release.primary))
    first, last = while_on_its_way(release.entries[0].at, getattr(telling.ending(release, route), "at", None))
    return candidate in facts.candidates and first <= facts.began <= last


def _counted_until(facts: StoryFacts, now: float) -> float:
    return now if facts.ended is None else facts.ended


def _warning(each: TimedNotice) -> dict[str, Any]:
    book = each.notice.runbook
    todo = f"See {book} of this API."
    return {"kind": each.notice.kind, "text": each.notice.text, "since": each.since, "runbook": book, "todo": todo}


def _state_now(engine: Engine, route: str) -> dict[str, Any]:
    control = engine.route(route)
    return {
        "phase": control.state.phase,
        "primary": control.state.primary,
        "split": live_split(control),
        "sentence": verdicts.on_route(engine, route).sentence,
        "past": False,
    }


def _state_then(before: Sequence[Entry], route: str) -> dict[str, Any]:
    """Where a route stood after entries; a phase of "" where the audit does not tell."""
    found = telling.state_after(before[-1], route) if before else {}
    try:
        state = msgspec.convert(found, RouteState, strict=False)
    except msgspec.ValidationError:
        return {"phase": str(found.get("phase", "")), "primary": "", "split": {}, "sentence": "", "past": True}
    split, _ = transitions.weights(state)
    live = {state.primary: 100.0 - sum(split.values()), **split}
    return {"phase": state.phase, "primary": state.primary, "split": live, "sentence": "", "past": True}


def _verdicts_then(
    before: Sequence[Entry], route: str, facts: StoryFacts | None, at: float
) -> tuple[float, Sequence[Verdict]]:
    """The verdicts of a time, and when they were made: those of the rollback that was the last change, or as the story
    keeps them."""
    if before and telling.phase_after(before[-1], route) == "rolled_back":
        return before[-1].at, at_rollback(reversed(before), route)
    return verdicts_at(facts, at)


def _lines(
    engine: Engine, route: str, facts: StoryFacts | None, then: tuple[float, Sequence[Verdict]] | None
) -> list[dict[str, Any]]:
    """Verdicts with their words. `then`: those of an earlier time."""
    control = engine.route(route)
    needed = scorecard.threshold(plan.judged_guard(control.section, control.state))
    began = max(facts.began, engine.keeper.unix(control.status.anew) if control.status.anew else 0.0) if facts else 0.0
    since = telling.clock(began) if facts else ""
    ended = then is None and bool(control.status.at_rollback)
    found = (control.status.at_rollback or control.status.verdicts) if then is None else then[1]
    until = "" if then is None else telling.clock(then[0])
    return [views.verdict(line) | {"words": words_of(line, since, needed, until, ended)} for line in found]
