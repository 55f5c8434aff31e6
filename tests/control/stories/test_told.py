"""What is kept of a release, as documents tell it."""

from __future__ import annotations

from math import inf

import msgspec

from proxy.contracts.story import Moment, MomentLine, StoryFacts, Touched
from proxy.control.stories.sketch import put
from proxy.control.stories.told import facts_for, facts_told, moment, touched, users_of


def facts(began: float = 100.0, **more: object) -> StoryFacts:
    made = StoryFacts("r", ("v2",), began, requests=10, seen=3, sticky=True)
    made.touched = [Touched("v2", "canary", {"good": 3})]
    return msgspec.structs.replace(made, **more)


def test_nothing_is_told_of_what_is_not_kept() -> None:
    told = facts_told(None)
    assert told == {"touched": None, "failed": [], "failed_total": 0, "disagreements": {}, "moments": []}


def test_users_are_counted_and_what_was_not_seen_is_said() -> None:
    known = facts()
    for key in (7, 8, 7):
        put(known.keys, key)
    assert users_of(known) == {"count": 2, "error": 0.0, "at_least": False, "why": ""}
    known.seen = 2
    assert users_of(known)["why"] == "2 of 3 requests were looked at" and users_of(known)["at_least"]
    assert users_of(facts(sticky=False))["count"] is None
    told = touched(known)
    assert told and told["live"]["requests"] == 3


def test_a_moment_has_names_and_is_json() -> None:
    line = MomentLine("error_rate", "max_ratio", "v2", "r", "pass", "inf", 1.5, 9, "-inf")
    told = moment(Moment(1.0, "ramping", 1, 9, [line]))
    assert told["lines"][0]["verdict"] == "pass" and told["lines"][0]["value"] == "inf"
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_the_facts_of_a_release_began_with_it() -> None:
    kept = [facts(100.0), facts(200.0), facts(300.0, candidates=("v3",))]
    assert facts_for(kept, "v2", 100.5, 199.0) is kept[0]
    assert facts_for(kept, "v2", 200.0, None) is kept[1]
    assert facts_for(kept, "v2", 250.0, inf) is None, "begun before there were stories"
    assert facts_for(kept, "v3", 299.0, None) is kept[2]
