"""Every code that a leg can end with has exactly one outcome, and the tables agree with each other."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.failure import FAILURES
from proxy.contracts.outcome import CHARGED_FAILURES, CONTENT, OUTCOMES, ContentReason, Outcome, outcome_of
from proxy.contracts.record import ArmTick

CODES = st.one_of(st.integers(100, 999).map(str), st.sampled_from(sorted(FAILURES)))


def test_every_outcome_and_content_reason_has_a_row() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome))
    assert set(CONTENT) == set(get_args(ContentReason))


def test_statuses() -> None:
    assert {code: outcome_of(code) for code in ("200", "204", "301", "400", "429", "500", "599")} == {
        "200": "good",
        "204": "good",
        "301": "refused",
        "400": "refused",
        "429": "refused",
        "500": "failed",
        "599": "failed",
    }


def test_what_is_charged_is_the_versions_or_the_paths_fault() -> None:
    assert all(FAILURES[reason].source == "upstream" for reason in CHARGED_FAILURES)
    assert {reason for reason in FAILURES if FAILURES[reason].source == "upstream"} == CHARGED_FAILURES


def test_a_client_that_leaves_has_abandoned_and_our_limits_are_charged_to_nobody() -> None:
    assert outcome_of("client_abort") == "abandoned"
    for reason in ("answer_too_large", "pool_full", "body_too_large", "body_timeout"):
        assert OUTCOMES[outcome_of(reason)].charge == "nobody"


@given(st.dictionaries(CODES, st.integers(1, 100)), st.booleans())
def test_the_outcomes_of_an_arm_sum_to_its_legs(codes: dict[str, int], inference: bool) -> None:
    arm = ArmTick("r", "v", "canary", 0.5, codes, inference=inference)
    assert sum(arm.outcomes().values()) == arm.finished
    assert arm.counted() <= arm.finished
    assert inference or not arm.counted()
