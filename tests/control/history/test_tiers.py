"""The step of an answer: kept, not shorter than asked for, and not too many of them."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.history.tiers import MAX_POINTS, STEPS, TIERS, step_for, tier_for


@given(st.floats(0, 1e10), st.floats(0.001, 3e6), st.floats(0, 86400), st.floats(0, 1e10))
def test_an_answer_has_no_more_steps_than_are_allowed(start: float, length: float, wanted: float, since: float) -> None:
    step = step_for(start, start + length, wanted, since)
    assert step >= wanted and step in STEPS
    assert step >= 60 or start >= since
    assert ceil((start + length) / step) - start // step <= MAX_POINTS or step == STEPS[-1]


@pytest.mark.parametrize(
    ("length", "step"), [(60, 1), (599, 1), (3600, 10), (36_000, 60), (86_400, 300), (604_800, 1200)]
)
def test_the_shortest_step_is_chosen(length: int, step: int) -> None:
    assert step_for(1200, 1200 + length, 0, 0) == step


def test_steps_are_made_of_the_longest_that_fit() -> None:
    assert [tier_for(step).step for step in STEPS] == [1, 1, 1, 10, 1, 10] + [60] * 3 + [600] * 9
    assert all(finer.block <= longer.step for finer, longer in pairwise(TIERS))
