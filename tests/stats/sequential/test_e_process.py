"""E-processes against direct computation, their restarts, and merging."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.arrays import Floats
from proxy.stats.sequential.e_process import EProcess, log_mean


def directly(factors: list[tuple[Floats, int]]) -> float:
    """The wealth of the docstring in plain numbers: factors is a list of (per-bet factors, events)."""
    active, reserve, seen = np.full(len(factors[0][0]), 0.5), 0.5, 0
    for gain, events in factors:
        active = active * np.array(gain)
        before = reserve
        seen += events
        reserve = 0.5 * np.log(2) / np.log(seen + 2)
        active = active + (before - reserve)
    return float(np.mean(active + reserve))


def test_wealth_is_the_direct_sum() -> None:
    rng = np.random.default_rng(3)
    factors = [(rng.uniform(0.5, 2.0, 4), int(rng.integers(0, 3))) for _ in range(30)]
    wealth = EProcess(4)
    for gain, events in factors:
        wealth.update(np.log(gain), events)
        wealth.settle()
    assert np.exp(wealth.get()) == pytest.approx(directly(factors))


def test_without_restarts_it_is_the_plain_product() -> None:
    wealth = EProcess(2, restarts=False)
    for _ in range(3):
        wealth.update(np.log([2.0, 0.5]), 1)
        wealth.settle()
    assert np.exp(wealth.get()) == pytest.approx((8 + 1 / 8) / 2)


def test_wealth_starts_at_one_and_idle_ticks_cost_nothing() -> None:
    wealth = EProcess(3)
    for _ in range(1000):
        wealth.update(np.zeros(3), 0)
        wealth.settle()
    assert wealth.get() == pytest.approx(0.0)


def test_merging_with_an_empty_one_changes_nothing_and_order_does_not_matter() -> None:
    def streams() -> tuple[EProcess, EProcess]:
        mine, other = EProcess(2), EProcess(2)
        mine.update(np.log([3.0, 0.2]), 5)
        mine.settle()
        other.update(np.log([1.5, 0.9]), 2)
        other.settle()
        return mine, other

    a, b = streams()
    before = float(a.get())
    a += EProcess(2)
    assert a.get() == pytest.approx(before)
    c, d = streams()
    a += b
    d += c
    assert a.get() == pytest.approx(d.get())


def test_a_merged_wealth_goes_on() -> None:
    a, b = EProcess(1), EProcess(1)
    a += b
    a.update(np.log([2.0]), 1)
    a.settle()
    assert 0 < a.get() < np.log(2.0)


def test_restarts_recover_from_a_long_loss() -> None:
    def after_loss(restarts: bool) -> Any:
        wealth = EProcess(1, restarts=restarts)
        for _ in range(200):
            wealth.update(np.log([0.5]), 1)
            wealth.settle()
        for _ in range(20):
            wealth.update(np.log([3.0]), 1)
            wealth.settle()
        return wealth.get()

    assert after_loss(False) < -100
    assert after_loss(True) > np.log(1000)


@pytest.mark.parametrize("size", [1e3, -1e3, 1e6])
def test_extreme_gains_stay_numbers(size: float) -> None:
    wealth = EProcess(2)
    for _ in range(50):
        wealth.update(np.array([size, -size]), 1000)
        wealth.settle()
    assert np.isfinite(wealth.get())


def test_log_mean_does_not_overflow() -> None:
    assert log_mean(np.array([1000.0, 1000.0])) == pytest.approx(1000.0)


def test_a_look_without_events_releases_nothing() -> None:
    with_it, without = EProcess(3), EProcess(3)
    for process in (with_it, without):
        process.update(np.log([2.0, 0.5, 1.1]), 4)
        process.settle()
        process.update(np.log([1.1, 0.9, 1.0]), 0)
    with_it.settle()
    for process in (with_it, without):
        process.update(np.log([0.5, 2.0, 1.0]), 1)
        process.settle()
    assert with_it.get() == without.get()


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8), st.floats(0.01, 12))
def test_what_more_it_takes_takes_it_to_the_goal(gained: list[float], goal: float) -> None:
    process = EProcess(len(gained), restarts=False)
    process.update(np.array(gained), 1)
    growth = np.array([0.01 * (place + 1) for place in range(len(gained))])
    steps = process.needed(growth, goal)
    assert steps is not None
    assert log_mean(np.array(gained) + steps * growth) >= goal - 1e-9
    assert steps == 0.0 or log_mean(np.array(gained) + (steps - max(0.5, 0.01 * steps)) * growth) < goal + 1e-9
