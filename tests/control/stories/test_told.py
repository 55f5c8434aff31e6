"""What is kept of a release, as documents tell it."""

from __future__ import annotations

from math import inf

import msgspec
import pytest

from proxy.contracts.release import Verdict
from proxy.contracts.story import Moment, MomentLine, StoryFacts, Touched
from proxy.control.stories.chronicle import line_of
from proxy.control.stories.sketch import put
from proxy.control.stories.told import (
    facts_for,
    facts_told,
    moment,
    touched,
    users_of,
    verdict_of,
    verdicts_at,
    while_on_its_way,
)


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


def test_counts_that_began_after_the_release_say_so() -> None:
    soon, late = touched(facts(100.0), 80.0), touched(facts(100.0), 60.0)
    assert soon and late and (soon["late"], late["late"], late["since"]) == (False, True, 100.0)


def test_a_moment_has_names_and_is_json() -> None:
    line = MomentLine("error_rate", "max_ratio", "v2", "r", "pass", "inf", 1.5, 9, "-inf")
    told = moment(Moment(1.0, "ramping", 1, 9, [line]))
    assert told["lines"][0]["verdict"] == "pass" and told["lines"][0]["value"] == "inf"
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_the_facts_of_a_release_are_the_first_of_its_candidate() -> None:
    kept = [facts(100.0), facts(200.0), facts(300.0, candidates=("v3",))]
    assert facts_for(kept, "v2") is kept[0]
    assert facts_for(kept, "v3") is kept[2]
    assert facts_for(kept, "v4") is None


@pytest.mark.parametrize(
    ("ended", "until"), [(199.0, 199.0), (None, inf), (50.0, inf)], ids=["over", "going", "a clock was set back"]
)
def test_facts_of_a_release_begin_while_it_is_on_its_way(ended: float | None, until: float) -> None:
    assert while_on_its_way(100.0, ended) == (98.0, until)


def test_verdicts_of_a_time_are_those_of_the_moment_before_it() -> None:
    verdict = Verdict(
        "error_rate", "fail", inf, 1.5, 9, 2, "", 7, "v2", "max_ratio", 0.0, 3.0, route="r", own=0.5, n_reference=40
    )
    known = facts(moments=[Moment(1.0, "ramping", 1, 9, []), Moment(5.0, "ramping", 1, 9, [line_of(verdict)])])
    assert verdicts_at(known, 5.5) == (5.0, (verdict,))
    assert verdicts_at(known, 4.0) == (1.0, ())
    assert verdicts_at(known, 0.5) == verdicts_at(None, 0.5) == (0.5, ())
    kept = msgspec.json.decode(msgspec.json.encode(known), type=StoryFacts)
    assert verdicts_at(kept, 5.5) == (5.0, (verdict,))


def test_a_line_of_a_story_of_before_can_be_read() -> None:
    old = msgspec.json.decode(b'["error_rate","max","v2","","pass",0.5,1.5,9,-0.5]', type=MomentLine)
    assert verdict_of(old).own is None and verdict_of(old).n == 9
