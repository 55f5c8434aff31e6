"""Starts and idle clients: one round with a real Penumbra, since what is timed is processes."""

import pytest

from loadtests import starts
from loadtests.starts import BACK, BACK_CPU, CLIENTS, FIRST, FIRST_CPU, run_starts, starts_table


def test_a_round_times_the_first_answer_and_the_next_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "ROUNDS", 1)
    monkeypatch.setattr(starts, "MOST", 3)
    monkeypatch.setattr(starts, "SETTLE_SECONDS", 0.2)
    found = run_starts("interpreted")
    assert list(found) == [FIRST, FIRST_CPU, BACK, BACK_CPU, CLIENTS]
    assert all(found[what].median > 0 for what in (FIRST, FIRST_CPU, BACK, BACK_CPU))
    assert starts_table(found).row_count == len(found)
