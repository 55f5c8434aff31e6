"""Disagreement of pairs: against the budget, and against the primary's disagreement with itself where that is known."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from proxy.contracts.settings import Limit
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.disagreement import Disagreement

ALPHA = AlphaShare("v2", 0.01)


def test_without_a_limit_it_is_counted_and_not_judged() -> None:
    made = Disagreement(Limit(), ALPHA)
    made.update([PairResult("r", "v2", 10, 4)])
    assert (made.pairs, made.disagreed, made.get(0)) == (10, 4, [])


def test_a_budget_that_is_spent_breaches() -> None:
    made = Disagreement(Limit(max=0.05), ALPHA)
    made.update([PairResult("r", "v2", 1000, 200)])
    (found,) = made.get(7)
    assert (found.value, found.n, found.reference, found.n_reference, found.lost) == (0.2, 1000, None, 0, 7)
    assert found.log_breach > log(100)


@pytest.mark.parametrize(("of_noise", "breaches"), [(0.0, True), (0.2, False)])
def test_what_the_primary_does_to_itself_is_not_the_candidates(of_noise: float, breaches: bool) -> None:
    """Both differ in a fifth of the requests, which is above the budget: no worse than noise is no breach."""
    made, rng = Disagreement(Limit(max=0.05), ALPHA), np.random.default_rng(3)
    for _ in range(500):
        differs, noisy = bool(rng.random() < 0.2), bool(rng.random() < of_noise)
        made.update([PairResult("r", "v2", 1, int(differs), (differs, noisy))])
    (found,) = made.get(0)
    assert (found.log_breach >= log(100)) is breaches
    assert found.reference == pytest.approx(of_noise, abs=0.05)
    assert found.log_alone is not None and found.log_alone >= log(100), "what it would be without noise"
