"""The index of dispersion: 1 for independent events, far above for bursts, in any shape."""

import numpy as np
import pytest

from proxy.stats.dispersion import ENOUGH, KEEP, WINDOW, Dispersion


def phi_of(counts, n):
    dispersion = Dispersion()
    for window, bad in enumerate(counts):
        dispersion.update(bad, n, window * WINDOW)
    dispersion.update(0, 0, len(counts) * WINDOW)
    return dispersion.value


def test_it_is_pearsons_statistic():
    rng = np.random.default_rng(2)
    x, n = rng.binomial(1000, 0.02, 12).astype(float) * 3, 1000.0
    weight = KEEP ** np.arange(11, -1, -1)
    p = (weight * x).sum() / (weight.sum() * n)
    pearson = (weight * (x - p * n) ** 2 / (p * (1 - p) * n)).sum() / (weight.sum() - 1)
    assert phi_of(x, n) == pytest.approx(max(pearson, 1.0))


def test_independent_events_are_near_one_and_bursts_are_not():
    rng = np.random.default_rng(1)
    clean = [phi_of(rng.binomial(1000, 0.01, 40), 1000) for _ in range(50)]
    assert 1.0 <= np.mean(clean) < 1.2
    bursts = rng.binomial(1000, np.where(rng.random(40) < 0.1, 0.3, 0.01))
    assert phi_of(bursts, 1000) > 20


def test_it_stays_one_until_there_is_enough():
    assert phi_of([100, 0, 100][: int(ENOUGH) - 1], 1000) == 1.0


def test_no_requests_and_no_failures_are_no_bursts():
    assert phi_of([0] * 20, 0) == 1.0
    assert phi_of([0] * 20, 1000) == 1.0
    assert phi_of([1000] * 20, 1000) == 1.0


def test_arrays_are_independent_runs():
    many = phi_of([np.array([10, a]) for a in (0, 90, 0, 80, 0, 90, 0, 0)], np.array([1000, 1000]))
    assert many[0] == 1.0
    assert many[1] > 10
