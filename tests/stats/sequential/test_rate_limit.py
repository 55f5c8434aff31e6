"""A rate against an absolute limit: direct computation, false alarms, delay, and the edges."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.evidence import FALSE_PASS
from proxy.stats.arrays import Floats
from proxy.stats.sequential.rate_limit import MIN_REQUESTS, RateLimit


def simulate(
    rate: float, limit: float, runs: int, looks: int, of: Callable[..., Any], goal: float, seed: int = 1, per: int = 10
) -> Floats:
    rng, test, hit = np.random.default_rng(seed), RateLimit(limit, (runs,)), np.full(runs, np.inf)
    for look in range(looks):
        test.update(rng.binomial(per, rate, runs), np.full(runs, per))
        hit = np.where((of(test) >= goal) & np.isinf(hit), per * (look + 1), hit)
    return hit


@given(st.floats(0.001, 0.9))
def test_factors_are_fair_at_the_limit(limit: float) -> None:
    test = RateLimit(limit)
    for rates in (test._above, test._below):
        bad = np.exp(test._gains(np.array(1.0), np.array(1.0), rates))
        good = np.exp(test._gains(np.array(0.0), np.array(1.0), rates))
        assert limit * bad + (1 - limit) * good == pytest.approx(1.0)
        assert bad == pytest.approx(rates / limit)


def test_a_rate_at_the_limit_is_not_flagged_and_one_above_is_found() -> None:
    at_limit = simulate(0.01, 0.01, 1000, 2000, lambda t: t.log_breach, np.log(100))
    assert np.isfinite(at_limit).mean() <= 0.01
    doubled = simulate(0.02, 0.01, 200, 2000, lambda t: t.log_breach, np.log(100))
    assert np.median(doubled) <= 1300 * 1.4
    fivefold = simulate(0.05, 0.01, 200, 500, lambda t: t.log_breach, np.log(100))
    assert np.median(fivefold) <= 200 * 1.4


def test_a_rate_well_under_the_limit_passes() -> None:
    hit = simulate(0.01, 0.05, 200, 200, lambda t: t.log_pass, np.log(1 / FALSE_PASS))
    assert np.isfinite(hit).mean() >= 0.95
    at_limit = simulate(0.05, 0.05, 500, 400, lambda t: t.log_pass, np.log(1 / FALSE_PASS))
    assert np.isfinite(at_limit).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)


def test_nothing_is_breached_before_the_minimum() -> None:
    test = RateLimit(0.05)
    test.update(MIN_REQUESTS - 1, MIN_REQUESTS - 1)
    assert test.log_breach == 0.0
    test.update(1, 1)
    assert test.log_breach > np.log(1000)


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_limits_at_the_ends_stay_numbers(limit: float) -> None:
    test = RateLimit(limit)
    test.update(500, 1000)
    assert np.isfinite(test.log_breach)
    assert np.isfinite(test.log_pass)


def test_merging_adds_counts_and_evidence() -> None:
    one, two = RateLimit(0.01), RateLimit(0.01)
    one.update(3, 100)
    two.update(4, 100)
    alone = float(one.log_breach)
    one += two
    assert (one.bad, one.n) == (7, 200)
    assert one.log_breach > alone


def test_needed_shrinks_as_evidence_grows() -> None:
    test, said = RateLimit(0.05), []
    for _ in range(10):
        test.update(1, 100)
        said.append(test.needed(0.001))
    assert said[0] > said[-1] == 0
    assert RateLimit(0.05).needed(0.001) is None
