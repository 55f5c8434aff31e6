"""Healthy canaries under pauses of this program: none is rolled back, and no version is charged.

Two runs here; `python -m tests.process.chaos.false_alarms --runs 200` is the whole of it.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.process.chaos.false_alarms import PAUSE, ROUTES, false_alarms, pauses

MODELS_LATE = 0.1
"""Seconds by which the models of a busy machine are late themselves: a leg may then be charged, and rightly."""


@given(st.integers(0, 2**32), st.floats(1.0, 20.0))
def test_pauses_fill_the_run_and_are_more_than_half_of_it(seed: int, seconds: float) -> None:
    made = pauses(seed, seconds)
    assert made == pauses(seed, seconds)
    assert seconds <= sum(map(sum, made)) < seconds + 2 * PAUSE[1]
    assert all(still > runs for runs, still in made)


def test_a_paused_and_a_throttled_program_roll_no_healthy_canary_back() -> None:
    count = false_alarms(range(2), 3.0)
    assert (count.runs, count.candidates) == (2, 2 * len(ROUTES))
    assert not count.alarms, str(count)
    assert not count.charged or count.lag > MODELS_LATE, str(count)
    assert count.legs["200"] > 200, str(count)
