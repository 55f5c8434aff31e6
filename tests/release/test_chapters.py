"""A release in documents: its stages with their times, its end, what its versions differ in."""

from __future__ import annotations

from typing import Any

from proxy.release.audit import entry_of
from proxy.release.chapters import change, differs, heading, stages
from proxy.release.history import Story, story_of
from tests.release.test_story_export import chain


def told() -> Story:
    return story_of([entry_of(link) for link in chain()], "cancer")


def test_a_release_in_a_few_words() -> None:
    found = heading(told(), "cancer")
    assert (found["id"], found["name"], found["phase"]) == ("cancer@3", "cancer", "rolled_back")
    assert (found["began"], found["ended"]) == (3.0, 5.0)
    assert found["began_by"] == {"who": "alice", "action": "release", "why": "try it"}
    assert "v2 in place of v1" in found["sentence"] and "by Penumbra itself (scorecard)" in found["sentence"]


def test_a_stage_ends_with_the_release() -> None:
    (only,) = stages(told(), "cancer")
    assert (only["stage"], only["began"], only["ended"], only["asked"]["canary"]) == (1, 3.0, 5.0, 5.0)


def test_versions_differ_in_what_they_state() -> None:
    found: list[dict[str, Any]] = differs(told(), "v2", "v1")
    assert {each["what"]: each["candidate"] for each in found} == {"commit": "4f2a91c", "endpoint": "127.0.0.1:2"}
    assert differs(told(), "v1", "v1") == []


def test_a_change_has_who_and_why_and_where_it_led() -> None:
    last = change(told().entries[-1], "cancer")
    assert (last["who"], last["action"], last["phase"], last["examples"]) == (
        "scorecard",
        "rollback",
        "rolled_back",
        ["a-1"],
    )
