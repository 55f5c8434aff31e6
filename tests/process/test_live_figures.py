"""The figures of `loadtests/statistics` through real processes, in short: a healthy candidate with the usual faults of
its primary is promoted, and a bad one has at most a hundred requests."""

from __future__ import annotations

import pytest

from loadtests.compiled import HOUSE
from loadtests.statistics import live, promotions


def test_a_healthy_candidate_among_errors_refusals_and_impatient_clients_is_promoted() -> None:
    end, requests = promotions.once(600.0, HOUSE, seed=7)
    assert end == "promoted"
    assert requests >= 200


@pytest.mark.parametrize(("kind", "healthy"), [("all errors in 200", 0), ("all 400", 600)])
def test_a_bad_candidate_has_at_most_a_hundred_requests_after_its_break(kind: str, healthy: int) -> None:
    assert live.once(kind, rate=100.0, share=50.0, healthy=healthy, source=HOUSE, seed=3) <= 100
