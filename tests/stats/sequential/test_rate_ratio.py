"""The rate-ratio test: log factors against direct computation, and simulations through the same class.

The simulations are seeded and vectorised over runs: the class takes arrays. Reference figures are those of the design
(restarts off); with restarts the delays may be up to a fifth longer, which the tolerances here allow.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.arrays import Floats
from proxy.stats.sequential.e_process import BREACH_FACTORS, PASS_FACTORS
from proxy.stats.sequential.overdispersion import Overdispersion
from proxy.stats.sequential.rate_ratio import RateRatio, gains

ALPHA = 0.001


def q(w: float, r: float) -> float:
    return w * r / (w * r + 1 - w)


@given(st.floats(0.001, 0.999), st.floats(0.5, 3.0), st.integers(0, 50), st.integers(0, 50))
def test_increments_are_those_of_the_definition(w: float, bound: float, canary: int, primary: int) -> None:
    direct = [
        canary * np.log(q(w, bound * s) / q(w, bound)) + primary * np.log((1 - q(w, bound * s)) / (1 - q(w, bound)))
        for s in BREACH_FACTORS
    ]
    assert gains(w, np.array(canary), np.array(primary), bound, np.array(BREACH_FACTORS)) == pytest.approx(
        direct, abs=1e-7
    )


@given(st.floats(0.001, 0.999), st.floats(0.5, 3.0))
def test_a_factor_is_fair_at_the_bound(w: float, bound: float) -> None:
    for steps in (BREACH_FACTORS, PASS_FACTORS):
        canary = np.exp(gains(w, np.array(1), np.array(0), bound, np.array(steps)))
        primary = np.exp(gains(w, np.array(0), np.array(1), bound, np.array(steps)))
        assert q(w, bound) * canary + (1 - q(w, bound)) * primary == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_without_a_second_arm_says_nothing(share: float) -> None:
    test = RateRatio(1.5)
    test.update(share, 1000, 0)
    test.settle()
    test.update(share, 0, 1000)
    test.settle()
    assert (float(test.log_breach), float(test.log_pass)) == (0.0, 0.0) or abs(test.log_breach) < 1e-12


def test_an_impossible_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match="max_ratio"):
        RateRatio(0.0)


def test_ten_thousand_events_at_once_stay_numbers() -> None:
    test = RateRatio()
    test.update(0.01, 10_000, 0)
    test.settle()
    test.update(0.99, 0, 10_000)
    test.settle()
    assert np.isfinite(test.log_breach)
    assert np.isfinite(test.log_pass)


def test_merging_two_workers_is_as_convincing_as_one() -> None:
    one, two, both = RateRatio(), RateRatio(), RateRatio()
    for _ in range(10):
        one.update(0.1, 2, 1)
        one.settle()
        two.update(0.1, 2, 1)
        two.settle()
        both.update(0.1, 2, 1)
        both.settle()
        both.update(0.1, 2, 1)
        both.settle()
    one += two
    assert float(one.log_breach) == pytest.approx(float(both.log_breach), abs=2.0)


class Traffic:
    """Seeded arms of many runs at once: a look every `look` requests."""

    def __init__(self, runs: int, share: float, base: float, ratio: float, seed: int, look: int = 100) -> None:
        self.rng, self.runs, self.share, self.look = np.random.default_rng(seed), runs, share, look
        self.base, self.rate = base, min(base * ratio, 1.0)

    def tick(self, share: float | None = None) -> tuple[Any, Any, Any]:
        canary = self.rng.binomial(self.look, self.share if share is None else share, self.runs)
        return canary, self.rng.binomial(canary, self.rate), self.rng.binomial(self.look - canary, self.base)


def looks(
    traffic: Traffic,
    test: RateRatio,
    ticks: int,
    goal: float,
    of: Callable[..., Any] = lambda test: test.log_breach,
    stop_at: float = 1.0,
) -> Floats:
    """Canary requests until `of(test)` reached `goal`, one for each run; infinity where it never did."""
    used, hit = np.zeros(traffic.runs), np.full(traffic.runs, np.inf)
    for _ in range(ticks):
        n, canary, primary = traffic.tick()
        used += n
        test.update(traffic.share, canary, primary)
        test.settle()
        hit = np.where((of(test) >= goal) & np.isinf(hit), used, hit)
        if np.isfinite(hit).mean() >= stop_at:
            break
    return hit


@pytest.mark.parametrize("base", [0.01, 0.05])
def test_healthy_canaries_are_almost_never_rolled_back(base: float) -> None:
    """2,000 runs of 100,000 requests with a look every 100: at most 0.25 % flagged (the bound is 0.1 % in
    expectation)."""
    hit = looks(Traffic(2000, 0.1, base, 1.0, seed=11), RateRatio(shape=(2000,)), 1000, np.log(1 / ALPHA))
    assert np.isfinite(hit).mean() <= 0.0025


DELAYS = [
    (0.10, 0.01, 2, 2324, 4015),
    (0.10, 0.01, 5, 236, 472),
    (0.10, 0.01, 10, 74, 144),
    (0.10, 0.01, 100, 4, 5),
    (0.10, 0.05, 2, 465, 873),
    (0.10, 0.05, 5, 48, 88),
    (0.10, 0.05, 10, 15, 25),
    (0.10, 0.05, 20, 6, 8),
    (0.50, 0.01, 2, 4216, 7827),
    (0.50, 0.01, 5, 494, 836),
    (0.50, 0.01, 10, 186, 290),
    (0.50, 0.01, 100, 12, 17),
]


@pytest.mark.parametrize(("share", "base", "ratio", "median", "late"), DELAYS)
def test_delays_are_those_of_the_design(share: float, base: float, ratio: float, median: float, late: float) -> None:
    """Tolerance: 30 % and the 6 canary requests that restarts and the grain of a look of 10 requests may add."""
    traffic = Traffic(300, share, base, ratio, seed=5, look=10)
    hit = looks(traffic, RateRatio(shape=(300,)), 20_000, np.log(1 / ALPHA), stop_at=0.93)
    assert np.quantile(hit, 0.5, method="inverted_cdf") <= 1.3 * median + 6 + 5 * share
    assert np.quantile(hit, 0.9, method="inverted_cdf") <= 1.3 * late + 6 + 5 * share


def test_a_late_breakage_is_found_nearly_as_fast_as_an_early_one() -> None:
    """Healthy for 50,000 requests, then dead: without restarts 36 canary requests, with them about 12 (α = 0.01)."""
    traffic, test = Traffic(200, 0.1, 0.01, 1.0, seed=9), RateRatio(shape=(200,))
    for _ in range(500):
        _, canary, primary = traffic.tick()
        test.update(0.1, canary, primary)
        test.settle()
    dying = Traffic(200, 0.1, 0.01, 100.0, seed=10, look=10)
    hit = looks(dying, test, 200, np.log(100))
    assert np.median(hit) <= 20
    assert np.isfinite(hit).all()


def test_ramps_do_not_look_like_breakage() -> None:
    """The base rate falls while the share grows: pooled totals would blame the canary, shares at assignment do not."""
    test = RateRatio(shape=(1000,))
    worst = np.zeros(1000)
    for at in range(400):
        share, base = 0.05 + 0.9 * at / 400, 0.08 * (1 - 0.9 * at / 400)
        _, canary, primary = Traffic(1000, share, base, 1.0, seed=at).tick()
        test.update(share, canary, primary)
        test.settle()
        worst = np.maximum(worst, test.log_breach)
    assert (worst >= np.log(1 / 0.01)).mean() <= 0.01


def test_an_equal_canary_passes_early_and_one_at_the_bound_does_not() -> None:
    goal = np.log(1 / FALSE_PASS)
    equal = looks(Traffic(300, 0.1, 0.05, 1.0, 21), RateRatio(shape=(300,)), 1000, goal, lambda t: t.log_pass)
    assert np.median(equal) == pytest.approx(258, rel=0.3)
    doubled = looks(Traffic(500, 0.1, 0.05, 2.0, 22), RateRatio(shape=(500,)), 500, goal, lambda t: t.log_pass)
    assert np.isfinite(doubled).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)


def bursty(runs: int, seed: int, ratio: float, tempered: bool) -> Floats:
    """Ten backends; each stalls by itself now and then and fails 60 % for 15 s. The canary is one of them, and came
    when the primary's habits had been known for ten minutes."""
    rng, test, dispersion = np.random.default_rng(seed), RateRatio(shape=(runs,)), Overdispersion()
    used, hit, stalled = np.zeros(runs), np.full(runs, np.inf), np.zeros((runs, 10))
    for second in range(-600, 1000):
        stalled = np.where(rng.random((runs, 10)) < 1 / 400, 15, np.maximum(stalled - 1, 0))
        rates = np.where(stalled > 0, 0.6, 0.01 * np.r_[ratio, np.ones(9)])
        bad = rng.binomial(10, np.minimum(rates, 1.0))
        phi = dispersion.get() if tempered else 1.0
        dispersion.update(bad[:, 1:].sum(axis=1), np.full(runs, 90), float(second))
        if second < 0:
            continue
        test.update(0.1, bad[:, 0], bad[:, 1:].sum(axis=1), phi)
        test.settle()
        used += 10
        hit = np.where((test.log_breach >= np.log(100)) & np.isinf(hit), used, hit)
    return hit


def test_backends_that_stall_by_themselves_are_tempered_by_dispersion() -> None:
    raw, tempered = bursty(200, 31, 1.0, False), bursty(200, 31, 1.0, True)
    assert np.isfinite(raw).mean() > 0.3
    assert np.isfinite(tempered).mean() <= 0.02


def test_needed_is_about_what_it_then_takes() -> None:
    """Half way to a pass, `needed` is right within a factor of two and a half for most of the runs."""
    ratios = []
    for seed in range(40):
        traffic, test, mine, theirs, said = Traffic(1, 0.1, 0.05, 1.0, seed), RateRatio(), (0, 0), (0, 0), None
        for _ in range(3000):
            arms = traffic.tick()
            canary, a, b = (int(x[0]) for x in arms)
            mine, theirs = (mine[0] + a, mine[1] + canary), (theirs[0] + b, theirs[1] + 100 - canary)
            test.update(0.1, a, b)
            test.settle()
            if said is None and mine[1] >= 120:
                said = (mine[1], test.needed(mine, theirs, ALPHA))
            if test.log_pass >= np.log(1 / FALSE_PASS):
                break
        if said and said[1] is not None and mine[1] > said[0]:
            ratios.append((mine[1] - said[0]) / max(said[1], 1))
    assert len(ratios) >= 20
    assert 0.4 <= np.median(ratios) <= 2.5


def test_needed_says_nothing_without_events() -> None:
    assert RateRatio().needed((0, 100), (0, 900), ALPHA) is None
