"""A release in documents: its stages with their times, its end, what its versions differ in."""

from __future__ import annotations

from typing import Any

from proxy.release.audit import Entry, entry_of
from proxy.release.chapters import change, differs, heading, limits, stages
from proxy.release.history import Story, story_of
from proxy.release.history import stories as stories_in
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


PLAN = {
    "candidate": "v2",
    "strategy": "canary",
    "stages": [
        {"shadow": 100.0, "requests": 500},
        {"canary": 5.0, "requests": 500},
        {"canary": 50.0, "duration": 3600.0},
    ],
    "guard": {"scorecard": {"error_rate": {"max_ratio": 1.5}, "latency_p99": {"max": 0.25, "max_ratio": None}}},
}


def planned(*then: dict[str, Any]) -> Story:
    """A release of three stages, and states that follow its first."""
    before = {"route": "r", "phase": "steady", "primary": "v1"}
    first = before | {"phase": "shadowing", "release": PLAN, "stage": 0}
    states = [before, first, *(first | each for each in then)]
    entries = [
        Entry(n, float(n), "ops", "advance" if n > 1 else "release", "r", "", states[n - 1], states[n], None, None, "")
        for n in range(1, len(states))
    ]
    return story_of(entries, "r")


def test_the_whole_plan_is_there_while_a_release_is_under_way_and_after() -> None:
    going = planned({"phase": "ramping", "stage": 1})
    assert [(each["stage"], each["standing"], each["began"]) for each in stages(going, "r")] == [
        (1, "over", 1.0),
        (2, "under way", 2.0),
        (3, "not begun", None),
    ]
    assert [each["says"] for each in stages(going, "r")] == [
        "100 % copies, 500 requests",
        "5 % live, 500 requests",
        "50 % live, 1 h, ends by proof",
    ]
    over = planned({"phase": "rolled_back", "release": None, "stage": 0})
    assert [each["standing"] for each in stages(over, "r")] == ["over", "not reached", "not reached"]
    assert {(each["metric"], each["says"]) for each in limits(over, "r")} == {
        ("error_rate", "at most 1.5 times the primary's"),
        ("latency_p99", "at most 250 ms"),
    }


def test_a_plan_of_an_unknown_form_is_told_as_far_as_it_goes() -> None:
    odd = planned({"release": PLAN | {"strategy": "a new one"}})
    assert [each["says"] for each in stages(odd, "r")][-1] == "50 % live, 1 h"


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


def test_a_release_that_another_one_replaced_while_it_was_under_way_has_ended_then() -> None:
    going = planned({"phase": "ramping", "stage": 1})
    last = going.entries[-1].after
    after = last | {"phase": "shadowing", "stage": 0, "release": PLAN | {"false_alarm": 0.5}}
    reload = Entry(9, 9.0, "configuration", "reload", "r", "its section changed", last, after, None, None, "")
    story, newest = stories_in([*going.entries, reload])
    found = heading(story, "r")
    assert (found["phase"], found["ended"], found["ended_by"]["action"]) == ("ramping", 9.0, "reload")
    assert "ramping, until r@9 took its place, by Penumbra itself (configuration) (reload)" in found["sentence"]
    assert [(each["standing"], each["ended"]) for each in stages(story, "r")] == [
        ("over", 2.0),
        ("over", 9.0),
        ("not reached", None),
    ]
    assert heading(newest, "r")["ended"] is None
