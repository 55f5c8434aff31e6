"""Documents of the admin API about what happened: the releases of a route, and the story of one.

The audit says what was done and by which verdicts; facts of requests are those of this sidecar (`facts_scope`), kept
beside it within the bounds of `control.stories`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.contracts.story import StoryFacts
from proxy.control.api import verdicts
from proxy.control.api.story_entries import MAX_READ
from proxy.control.engine import Engine
from proxy.control.stories import archive, chronicle
from proxy.control.stories.chronicle import Chronicle
from proxy.control.stories.told import facts_for, facts_told, while_on_its_way
from proxy.release import chapters
from proxy.release.audit import Entry
from proxy.release.history import Story, routes, stories

MAX_RELEASES = 200


def releases(engine: Engine, route: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """The releases of a route, newest first."""
    found = list(reversed(stories(entries)))
    shown = [chapters.heading(story, route) for story in found[:MAX_RELEASES]]
    cut = len(shown) < len(found) or len(entries) >= MAX_READ
    return {"route": route, "scope": verdicts.scope_in(engine), "releases": shown, "truncated": cut}


def story(engine: Engine, known: Chronicle | None, route: str, told: Story) -> dict[str, Any]:
    """A release, whole."""
    head = chapters.heading(told, route)
    facts = facts_of(known, told, route)
    return {
        "route": route,
        "scope": verdicts.scope_in(engine),
        "facts_scope": "sidecar",
        **head,
        "routes": routes(told),
        "plan": chapters.plan(told, route) or None,
        "limits": chapters.limits(told, route),
        "stages": chapters.stages(told, route),
        "versions": told.versions,
        "differs": chapters.differs(told, head["candidate"], head["primary"]),
        "changes": [chapters.change(entry, route) for entry in told.entries],
        **facts_told(facts, head["began"]),
        "kept": bounds(facts),
    }


def facts_of(known: Chronicle | None, told: Story, route: str) -> StoryFacts | None:
    """What is kept of the requests of a release on one of its routes."""
    head = chapters.heading(told, route)
    span = while_on_its_way(head["began"], head["ended"])
    return facts_for(known.facts(route, *span), head["candidate"]) if known else None


def bounds(facts: StoryFacts | None) -> dict[str, Any]:
    """What is kept, and what of it there is."""
    return {
        "facts": facts is not None,
        "stories": archive.MAX_STORIES,
        "bytes": archive.MAX_BYTES,
        "moments": chronicle.MAX_MOMENTS,
        "every": facts.every if facts else None,
    }
