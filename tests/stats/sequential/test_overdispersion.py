"""The index of dispersion: 1 for independent events, far above for bursts, in any shape."""

from typing import Any

import numpy as np
import pytest

from proxy.stats.sequential.overdispersion import (
    NEIGHBOUR_WINDOWS,
    WINDOW_DECAY,
    WINDOW_SECONDS,
    DifferenceOverdispersion,
    Overdispersion,
)


def phi_of(counts: Any, n: Any) -> Any:
    dispersion = Overdispersion()
    for window, bad in enumerate(counts):
        dispersion.update(bad, n, window * WINDOW_SECONDS)
    dispersion.update(0, 0, len(counts) * WINDOW_SECONDS)
    return dispersion.get()


def test_it_is_the_mean_of_squared_differences_to_the_windows_before() -> None:
    rng = np.random.default_rng(2)
    x, n = rng.binomial(1000, 0.02, 12).astype(float) * 3, 1000.0
    weight = WINDOW_DECAY ** np.arange(11, -1, -1)
    p = (weight * x).sum() / (weight.sum() * n)
    pairs = [(i, j) for i in range(12) for j in range(max(i - NEIGHBOUR_WINDOWS, 0), i)]
    squares = sum(weight[i] * (x[i] - x[j]) ** 2 / (2 * n) for i, j in pairs) / sum(weight[i] for i, _ in pairs)
    assert phi_of(x, n) == pytest.approx(squares / (p * (1 - p)))


def test_independent_events_are_near_one_and_bursts_are_not() -> None:
    rng = np.random.default_rng(1)
    clean = [phi_of(rng.binomial(1000, 0.01, 40), 1000) for _ in range(50)]
    assert 1.0 <= np.mean(clean) < 1.2
    bursts = rng.binomial(1000, np.where(rng.random(40) < 0.1, 0.3, 0.01))
    assert phi_of(bursts, 1000) > 20


def test_the_time_of_day_is_no_burst() -> None:
    rng, hours = np.random.default_rng(3), 2 * np.pi * np.arange(300) * WINDOW_SECONDS / 86_400
    assert phi_of(rng.binomial(10_000, 0.02 * (1 + 0.5 * np.sin(hours))), 10_000) < 1.4


def test_it_stays_one_until_there_is_enough() -> None:
    assert phi_of([100, 0, 100], 1000) == 1.0
    assert phi_of([100, 0, 100, 0], 1000) > 10


def test_no_requests_and_no_failures_are_no_bursts() -> None:
    assert phi_of([0] * 20, 0) == 1.0
    assert phi_of([0] * 20, 1000) == 1.0
    assert phi_of([1000] * 20, 1000) == 1.0


def test_arrays_are_independent_runs() -> None:
    many = phi_of([np.array([10, a]) for a in (0, 90, 0, 80, 0, 90, 0, 0)], np.array([1000, 1000]))
    assert many[0] == 1.0
    assert many[1] > 10


def apart(candidate: Any, primary: Any, n: tuple[int, int] = (200, 1800)) -> float:
    """φ of one cut after windows with these rates of the two arms."""
    rng, both = np.random.default_rng(4), DifferenceOverdispersion(1)
    for window, rates in enumerate(zip(candidate, primary, strict=True)):
        for arm, mine in enumerate((True, False)):
            both.update(mine, rng.binomial(n[arm], [rates[arm]]).astype(float), n[arm], window * WINDOW_SECONDS / 2)
    both.update(True, np.zeros(1), 0, len(candidate) * WINDOW_SECONDS / 2)
    return float(both.get()[0])


def test_what_a_candidate_wanders_by_itself_is_seen_and_what_hits_both_is_not() -> None:
    t = np.arange(30)
    wander, steady = 0.5 + 0.2 * np.sin(t), np.full(30, 0.5)
    assert apart(steady, steady) == 1.0
    assert apart(wander, wander) < 1.3
    assert apart(wander, steady) > 5
    assert apart(steady + 0.3, steady) == 1.0, "always slower is no wander"


def test_a_candidate_is_known_after_four_windows() -> None:
    assert apart([0.3, 0.7, 0.3], [0.5] * 3) == 1.0
    assert apart([0.3, 0.7, 0.3, 0.7], [0.5] * 4) > 5


def test_what_is_rare_in_a_window_is_no_wander() -> None:
    assert apart([0.001] * 30, [0.001] * 30) == 1.0
    assert apart([0.5] * 30, [0.5] * 30, (0, 1800)) == 1.0
