"""What is kept of a release beside its audit, for an export: from the admin API, or from the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from proxy.cli.access import Access
from proxy.cli.client import ask
from proxy.control.stories.archive import Archive
from proxy.control.stories.told import facts_for, facts_told, while_on_its_way
from proxy.release.history import Story, routes
from proxy.release.telling import ending

FACTS = ("touched", "failed", "failed_total", "disagreements", "moments")


def facts_from_api(access: Access) -> Callable[[Story], dict[str, Any]]:
    """Asks for the facts of a release, route by route; of a program that has none, none."""

    def told(story: Story) -> dict[str, Any]:
        paths = {
            name: f"/v1/routes/{quote(name, safe='')}/releases/{quote(story.name, safe='')}" for name in routes(story)
        }
        answers = {name: ask(access, "GET", path, absent={}) for name, path in paths.items()}
        return {
            name: {key: answer[key] for key in FACTS} for name, answer in answers.items() if answer.keys() >= set(FACTS)
        }

    return told


def kept_facts(state: str) -> Callable[[Story], dict[str, Any]]:
    """Reads the facts beside the state file at `state`."""

    def told(story: Story) -> dict[str, Any]:
        return {name: _kept(Archive(state), story, name) for name in routes(story)}

    return told


def _kept(archive: Archive, story: Story, route: str) -> dict[str, Any]:
    end = ending(story, route)
    candidate, _ = story.beside.get(route, (story.candidate, story.primary))
    first, last = while_on_its_way(story.entries[0].at, end.at if end else None)
    found = facts_for(archive.of(route, first, last), candidate)
    return facts_told(found, story.entries[0].at)
