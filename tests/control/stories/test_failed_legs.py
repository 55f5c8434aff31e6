"""Requests that went wrong, with what the other arm answered, in whatever order the legs come."""

from __future__ import annotations

from itertools import permutations

import pytest

from proxy.contracts.record import Record
from proxy.contracts.story import StoryFacts
from proxy.control.stories import failed_legs
from proxy.control.stories.failed_legs import MAX_FIRST, FailedLegs, is_bad
from tests.control.records import SOURCE, answer, failure, leg


def told(legs: tuple[Record, ...]) -> StoryFacts:
    facts, known = StoryFacts("cancer", ("v2", "v3"), 0.0), FailedLegs()
    for each in legs:
        if each.version in facts.candidates:
            if is_bad(each):
                known.bad(facts, each, SOURCE)
        else:
            known.references([each], SOURCE)
    return facts


@pytest.mark.parametrize("legs", [*permutations((failure("canary"), answer("rescue"), answer(exchange=2)))])
def test_a_rescued_request_has_the_answer_in_its_place(legs: tuple[Record, ...]) -> None:
    (found,) = told(legs).failed
    assert found.rescued
    assert found.other is not None
    assert (found.answer.code, found.other.code, found.other.role) == ("reset", "200", "rescue")


@pytest.mark.parametrize("legs", [*permutations((leg("shadow", status=503), answer(copies=1)))])
def test_a_bad_copy_has_the_primarys_answer_beside_it(legs: tuple[Record, ...]) -> None:
    (found,) = told(legs).failed
    assert found.other is not None
    assert (found.answer.code, found.other.version, found.rescued) == ("503", "v1", False)


def test_the_first_and_the_newest_are_kept() -> None:
    facts = told(tuple(leg("canary", n, status=500, request_id=str(n)) for n in range(200)))
    assert len(facts.failed) == 2 * MAX_FIRST
    kept = [int(each.request_id) for each in facts.failed]
    assert kept == [*range(MAX_FIRST), *range(200 - MAX_FIRST, 200)]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_legs, "MAX_REMEMBERED", 2)
    (found,) = told((answer(copies=1), answer(exchange=2), answer(exchange=3), leg("shadow", status=500))).failed
    assert found.other is None


@pytest.mark.parametrize(
    ("record", "bad"),
    [
        (leg("canary"), False),
        (leg("canary", status=404), True),
        (leg("canary", status=500), True),
        (failure("canary"), True),
        (failure("canary", reason="client_abort"), True),
        (failure("shadow", reason="client_abort"), False),
        (failure("canary", reason="draining"), False),
        (leg("canary", status=500, inference=False), False),
        (leg("canary", call=14), True),
        (leg("canary", call=0), False),
    ],
)
def test_what_a_version_is_charged_with_is_bad(record: Record, bad: bool) -> None:
    assert is_bad(record) == bad
