"""What happened, in words: no number that is not known, no "over" that is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.story import StoryFacts, Touched
from proxy.release.audit import Entry
from proxy.release.telling import WORDS, telling_one, told_of, touched_of, touched_sentence

USERS = {"count": 7, "error": 0.0, "at_least": False, "why": ""}


def facts(ended: float | None = None, **outcomes: int) -> StoryFacts:
    made = StoryFacts("r", ("v2",), 100.0, ended=ended, requests=1000)
    made.touched = [Touched("v2", "canary", dict(outcomes))]
    return made


def entry(action: str = "rollback", phase: str = "rolled_back", who: str = "scorecard") -> Entry:
    before = {"route": "r", "phase": "ramping", "primary": "v1", "release": {"candidate": "v2", "strategy": "canary"}}
    after = before | {"phase": phase, "rolled_back": ["v2"] if phase == "rolled_back" else []}
    return Entry(3, 200.0, who, action, "r", "error_rate 0.9 > limit 0.1", before, after, None, None, "")


def state(phase: str) -> dict[str, Any]:
    return {"phase": phase, "primary": "v1", "split": {"v1": 100.0}, "sentence": "all is well"}


@given(st.sampled_from(sorted(WORDS)), st.sampled_from(["rolled_back", "ramping", "promoted", "paused", "steady"]))
def test_every_action_is_told_whole(action: str, phase: str) -> None:
    known = facts(good=3, failed=1)
    told = told_of("r", entry(action, phase), touched_of(known, USERS), known, state(phase), [])
    assert all((told.what, told.when, told.to_whom, told.why, told.over, told.done, told.now))
    assert "{" not in told.text and "None" not in told.text
    assert told.over.startswith("Yes") == (phase == "rolled_back")


def test_a_warning_is_not_over_and_has_its_time_and_what_to_do() -> None:
    warnings = [{"text": "the disk is full", "since": 0.0 + 5, "todo": "See /runbook#not-stored."}]
    told = told_of("r", None, None, None, state("steady"), warnings)
    assert "the disk is full" in told.what
    assert "1970-01-01 00:00:05 UTC" in told.when
    assert told.over.startswith("No")
    assert told.now == ("See /runbook#not-stored.",)


def test_answers_that_go_wrong_before_a_verdict_are_said() -> None:
    known = facts(good=3, failed=5)
    told = told_of("r", entry("start", "ramping"), touched_of(known, USERS), known, state("ramping"), [])
    assert "5 of 8 answers of v2 went wrong" in told.what
    assert "penumbra rollback r" in told.now[-1]
    over = facts(ended=150.0, good=3, failed=5)
    assert (
        "nothing is decided" not in told_of("r", entry(), touched_of(over, USERS), over, state("rolled_back"), []).what
    )


@pytest.mark.parametrize(
    ("users", "said"),
    [
        (USERS, "7 users (distinct sticky keys)"),
        (USERS | {"count": 1}, "1 user (distinct"),
        (USERS | {"count": 9000, "error": 0.016}, "about 9,000 users (distinct sticky keys; standard error 1.6%)"),
        (USERS | {"at_least": True, "why": "5 of 9 requests were looked at"}, "at least 7 users"),
        (USERS | {"count": None, "why": "no key"}, "how many users is not known: no key"),
    ],
)
def test_users_are_said_as_far_as_they_are_known(users: dict[str, Any], said: str) -> None:
    assert said in touched_sentence(touched_of(facts(good=9), users))


def test_what_was_not_counted_from_the_beginning_says_since_when() -> None:
    told = touched_of(facts(good=9), USERS)
    assert "counted since" not in touched_sentence(told)
    late = touched_sentence(told | {"late": True})
    assert late.startswith("counted since 1970-01-01 00:01:40 UTC, what came before is not known; 9 of the route's")
    assert touched_sentence(touched_of(facts(), USERS) | {"late": True}).startswith("nobody")


def test_nobody_is_said_as_such_and_what_is_not_known_too() -> None:
    assert touched_sentence(touched_of(facts(), USERS)).startswith("nobody")
    assert touched_sentence(None).startswith("not known")


def test_a_rollback_is_no_longer_what_happened_once_its_version_has_traffic_again() -> None:
    def by_hand(seq: int, action: str, was: str, then: str) -> Entry:
        return Entry(seq, 200.0 + seq, "ops", action, "r", "x", {"phase": was}, {"phase": then}, None, None, "")

    rolled = entry()
    split = by_hand(4, "split", "rolled_back", "steady")
    assert telling_one([], "r") is None
    assert telling_one([rolled], "r") is rolled
    assert telling_one([rolled, split], "r") is split
    assert telling_one([rolled, split, by_hand(5, "shadows", "steady", "steady")], "r") is split
    back = [rolled, split, by_hand(5, "undo", "steady", "rolled_back")]
    assert telling_one(back, "r") is rolled
    again = by_hand(6, "undo", "rolled_back", "steady")
    assert telling_one([*back, again], "r") is again
    begun = by_hand(4, "release", "rolled_back", "ramping")
    assert telling_one([rolled, begun], "r") is begun
    copied = by_hand(4, "release", "rolled_back", "shadowing")
    assert telling_one([rolled, copied], "r") is rolled, "no client has its answers"
    paused = entry("pause", "paused")
    resumed = by_hand(4, "undo", "paused", "ramping")
    assert telling_one([paused, resumed], "r") is resumed


def test_what_begins_anew_is_a_command_that_the_route_takes() -> None:
    told = told_of("r", entry(), None, None, state("rolled_back"), [])
    assert "begin anew: penumbra release r --reason" in told.now[-1]
    bare = Entry(
        3, 200.0, "scorecard", "rollback", "r", "x", {"split": {"v2": 10.0}}, {"rolled_back": ["v2"]}, None, None, ""
    )
    told = told_of("r", bare, None, None, state("rolled_back"), [])
    assert "begin anew: penumbra split r v2=PERCENT --reason" in told.now[-1]


def test_a_release_that_began_since_is_what_happened() -> None:
    advanced = entry("advance", "ramping")
    before = advanced.after
    after = before | {"phase": "shadowing", "release": before["release"] | {"false_alarm": 0.5}}
    begun = Entry(4, 201.0, "configuration", "reload", "r", "its section changed", before, after, None, None, "")
    assert telling_one([advanced, begun], "r") is begun
