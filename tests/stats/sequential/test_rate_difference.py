"""The difference of two rates, against simulations: false alarms at the boundary, delays, proofs without any error."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.sequential.rate_difference import RateDifference, gains

ALPHA = 0.05
RUNS = 2000


def simulated(
    margin: float, share: float, rates: tuple[float, float], looks: int, size: int = 50, runs: int = RUNS
) -> tuple[np.ndarray, np.ndarray]:
    """The largest log evidence of a breach and of a proof in each run; `rates` of candidate and primary."""
    rng, test = np.random.default_rng(7), RateDifference(margin, (runs,))
    breach, proof = np.full(runs, -np.inf), np.full(runs, -np.inf)
    for _ in range(looks):
        n = rng.binomial(size, share, runs)
        mine, theirs = (rng.binomial(n, rates[0]), n), (rng.binomial(size - n, rates[1]), size - n)
        test.update(share, mine, theirs)
        test.settle()
        breach, proof = np.maximum(breach, test.log_breach), np.maximum(proof, test.log_pass)
    return breach, proof


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize(("margin", "rates"), [(0.05, (0.06, 0.01)), (0.02, (0.32, 0.3))])
def test_at_the_boundary_neither_test_errs_more_often_than_promised(
    margin: float, share: float, rates: tuple[float, float]
) -> None:
    breach, proof = simulated(margin, share, rates, 200)
    slack = 3 * (ALPHA / RUNS) ** 0.5
    assert (breach >= log(1 / ALPHA)).mean() <= ALPHA + slack
    assert (proof >= log(1 / FALSE_PASS)).mean() <= FALSE_PASS + slack


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_no_bad_event_at_all_is_a_proof(share: float) -> None:
    """4 divided by the margin, and a quarter more: 250 requests of the candidate at two points."""
    _, proof = simulated(0.02, share, (0.0, 0.0), int(250 / share / 50) + 1, runs=20)
    assert (proof >= log(1 / FALSE_PASS)).mean() > 0.9
    _, early = simulated(0.02, share, (0.0, 0.0), int(100 / share / 50), runs=20)
    assert (early < log(1 / FALSE_PASS)).all()


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_candidate_that_is_bad_every_time_is_found_within_sixty_of_its_requests(share: float) -> None:
    breach, proof = simulated(0.05, share, (1.0, 0.02), int(60 / share / 50), runs=200)
    assert (breach >= log(1000)).all()
    assert (proof < log(1 / FALSE_PASS)).all()


def test_the_factors_are_fair_at_the_boundary() -> None:
    """The expectation of each bet's factor over one request, by hand: candidate or primary, bad or good."""
    share, margin, primary = 0.3, 0.05, 0.1
    for sign in (1.0, -1.0):
        mine, theirs = [
            [np.exp(gains(share, *arms, margin, sign)) for arms in pair]
            for pair in (
                [((1, 1), (0, 0)), ((0, 1), (0, 0))],
                [((0, 0), (1, 1)), ((0, 0), (0, 1))],
            )
        ]
        candidate = primary + margin
        expected = share * (candidate * mine[0] + (1 - candidate) * mine[1])
        expected += (1 - share) * (primary * theirs[0] + (1 - primary) * theirs[1])
        assert expected == pytest.approx(1.0)


def test_streams_merge_and_one_arm_says_nothing() -> None:
    whole, left, right = (RateDifference(0.05) for _ in range(3))
    for test, looks in ((left, 1), (right, 1), (whole, 2)):
        for _ in range(looks):
            test.update(0.5, (5, 50), (1, 50))
            test.settle()
    left += right
    assert float(left.log_pass) == pytest.approx(float(whole.log_pass))
    alone = RateDifference(0.05)
    alone.update(1.0, (50, 50), (0, 0))
    assert float(alone.log_pass) == 0.0
    with pytest.raises(ValueError, match="between -1 and 1"):
        RateDifference(1.0)


def test_what_is_needed_is_what_it_takes() -> None:
    test = RateDifference(0.02)
    test.update(0.5, (0, 50), (0, 50))
    test.settle()
    needed = test.needed((0, 50), (0, 50), 0.001)
    assert needed is not None
    test.update(0.5, (0, needed + 5), (0, needed + 5))
    assert float(test.log_pass) >= log(1 / FALSE_PASS) - 0.1
    assert test.needed((0, 0), (0, 50), 0.001) is None
