"""The checks hold when the story holds and break when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.demo import checks
from proxy.demo.checks import Check, Flip
from proxy.demo.traffic import ClientCounts
from proxy.demo.view import Row

SHADOW = Row("v2", "shadow", 0.0, 0, 0, None, None, copies=400, coverage=1.0, disagreement=0.04, rescued=0)


def counts(**answers: int) -> ClientCounts:
    """So many answers from each version, every user with a version of its own."""
    made = ClientCounts(0.0)
    for version, count in answers.items():
        for number in range(count):
            made.note(f"{version}-{number}", version, 0.01, "")
    return made


def test_a_shadow_without_copies_or_comparison_breaks_the_story() -> None:
    assert held(checks.mirrored(SHADOW)) == [True]
    assert held(checks.mirrored(replace(SHADOW, copies=0))) == [False]
    assert held(checks.mirrored(replace(SHADOW, disagreement=None))) == [False]


@pytest.mark.parametrize(
    ("canary", "holds"), [(100, True), (60, True), (160, True), (10, False), (300, False), (0, False)]
)
def test_the_split_must_be_within_its_bound(canary: int, holds: bool) -> None:
    part, _ = checks.split(counts(v1=1000 - canary, v2=canary), "v2", 10.0, users=500)
    assert part.held is holds


def test_a_user_who_changes_version_breaks_the_story() -> None:
    moving = counts(v1=900, v2=100)
    moving.note("v1-0", "v2", 0.01, "")
    assert held(checks.split(moving, "v2", 10.0, users=500)) == [True, False]


def test_no_rollback_breaks_the_story_and_a_rollback_says_what_it_took() -> None:
    assert held(checks.rolled_back("v3", Flip(None, None, 80, 80, ""))) == [False]
    (check,) = checks.rolled_back("v3", Flip(0.42, 0.40, 6, 6, "errors"))
    assert check.held
    for figure in ("0.42 s", "0.40 s", "6 canary requests failed"):
        assert figure in check.measured


def test_traffic_to_a_rolled_back_version_breaks_the_story() -> None:
    assert held(checks.calm(counts(v1=100), "v3")) == [True]
    assert held(checks.calm(counts(v1=100, v3=1), "v3")) == [False]
    assert held(checks.calm(counts(), "v3")) == [False]


def test_one_client_error_in_any_act_breaks_the_story() -> None:
    bad = counts(v1=10)
    bad.note("anna", "", 0.0, "502 from nobody")
    assert held(checks.unharmed([counts(v1=10), counts(v1=5)])) == [True]
    (check,) = checks.unharmed([counts(v1=10), bad])
    assert not check.held
    assert "1 of 21 requests, first: 502 from nobody" in check.measured
    assert held(checks.unharmed([])) == [False]


def held(results: list[checks.Check]) -> list[bool]:
    return [check.held for check in results]


def test_what_never_held_at_all_sidecars_breaks_the_story() -> None:
    assert checks.everywhere("flipped", 1.25) == Check("flipped", "after 1.25 s", True)
    assert not checks.everywhere("flipped", None).held


def test_a_user_who_meets_another_version_at_another_sidecar_breaks_the_story() -> None:
    one, two = counts(v1=3, v2=2), counts(v1=3)
    assert checks.same_everywhere([one, two]).held
    two.note("v2-1", "v1", 0.01, "")
    assert not checks.same_everywhere([one, two]).held
    assert not checks.same_everywhere([one]).held  # nobody came to several
