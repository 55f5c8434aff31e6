"""Exchanges at even distances over a capture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.replay.survey import MIN_SURVEYED, Survey, survey_of
from tests.support.replayed import exchange


@given(st.integers(1, 500), st.integers(0, 2000), st.text(max_size=5))
def test_a_survey_has_one_exchange_of_each_piece(pieces: int, more: int, seed: str) -> None:
    survey = Survey(pieces, pieces + more, seed)
    chosen = [place for place in range(survey.count) if survey.has(place)]
    assert len(chosen) == pieces
    for piece, place in enumerate(chosen):
        assert piece / pieces <= place / survey.count < (piece + 1) / pieces


@given(st.integers(1, 20), st.integers(0, 40))
def test_the_others_are_all_the_others_and_both_keep_the_order(pieces: int, more: int) -> None:
    exchanges = [exchange(number) for number in range(pieces + more)]
    survey = Survey(pieces, pieces + more, "")
    first, then = list(survey.of(exchanges)), list(survey.others(exchanges))
    keys = [[each.key for each in some] for some in (first, then)]
    assert all(some == sorted(some) for some in keys)
    assert sorted(keys[0] + keys[1]) == [each.key for each in exchanges]


def test_a_small_capture_is_replayed_as_a_whole() -> None:
    assert survey_of(2 * MIN_SURVEYED, 300, "") is None
    assert survey_of(2 * MIN_SURVEYED + 1, 300, "") == Survey(MIN_SURVEYED, 2 * MIN_SURVEYED + 1, "")
    assert survey_of(30_000, 10_000, "") is None
