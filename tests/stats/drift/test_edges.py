"""Bins of flags, counts, constants and zero-inflated features: what they tell apart, and that they raise no alarm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.arrays import Floats
from proxy.stats.drift.detector import DriftDetector, Reference
from proxy.stats.drift.edges import BIN_QUANTILES, FEW_VALUES, MAX_ATOMS, edges_of
from proxy.stats.drift.profile import features_of, number_bins

Draw = Callable[[np.random.Generator, int], Floats]


def inflated(zeros: float, scale: float = 1.0) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < zeros, 0.0, scale * rng.lognormal(0.0, 1.0, n))


KINDS: dict[str, Draw] = {
    "flag": lambda rng, n: (rng.random(n) < 0.01).astype(float),
    "count": lambda rng, n: rng.poisson(2.0, n).astype(float),
    "large count": lambda rng, n: rng.poisson(60.0, n).astype(float),
    "constant": lambda _, n: np.full(n, 3.0),
    "zero": lambda _, n: np.zeros(n),
    "zero-inflated": inflated(0.9),
    "rounded": lambda rng, n: rng.normal(0.0, 1.0, n).round(1),
    "default": lambda rng, n: np.where(rng.random(n) < 0.3, -1.0, rng.normal(50.0, 9.0, n)),
}
DRIFTS: dict[str, tuple[str, Draw, int]] = {
    "flag": ("flag", lambda rng, n: (rng.random(n) < 0.1).astype(float), 1000),
    "count": ("count", lambda rng, n: rng.poisson(2.7, n).astype(float), 1500),
    "constant that grew": ("constant", lambda _, n: np.full(n, 4.0), 250),
    "zero that is none": ("zero", lambda _, n: np.full(n, 0.5), 250),
    "fewer zeros": ("zero-inflated", inflated(0.75), 1500),
    "as many zeros, other values": ("zero-inflated", inflated(0.9, 4.0), 2500),
    "more defaults": ("default", lambda rng, n: np.where(rng.random(n) < 0.5, -1.0, rng.normal(50.0, 9.0, n)), 2000),
}


def detector(kind: str, seed: int, rows: int = 2000) -> DriftDetector:
    return DriftDetector(Reference(features_of({"x": KINDS[kind](np.random.default_rng(seed), rows).tolist()})))


def feed(made: DriftDetector, values: Floats, seconds: float = 1.0) -> None:
    edges = np.array(made.reference.features[0].edges)
    bins = number_bins(values[:, None], edges[None], made.reference.bins - 1)[:, 0]
    made.update(np.bincount(bins, minlength=made.reference.bins)[None].astype(float), seconds)


@pytest.mark.parametrize("kind", KINDS)
def test_stable_features_raise_no_alarm(kind: str) -> None:
    """400,000 rows in looks of 2,000, eight times: as the false alarms of continuous features are held."""
    for seed in range(8):
        made, rng = detector(kind, seed), np.random.default_rng(100 + seed)
        for _ in range(200):
            feed(made, KINDS[kind](rng, 2000))
            assert made.margin[0] < 0


@pytest.mark.parametrize("name", DRIFTS)
def test_what_changes_is_found(name: str) -> None:
    kind, drifted, most = DRIFTS[name]
    needed = []
    for seed in range(9):
        made, rng = detector(kind, seed), np.random.default_rng(200 + seed)
        for _ in range(20):
            feed(made, KINDS[kind](rng, 250))
        rows = 0
        while made.margin[0] < 0 or made.psi[0] <= 0.02:
            feed(made, drifted(rng, 250))
            rows += 250
            assert rows < 20_000
        needed.append(rows)
    assert np.median(needed) <= most


@given(st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=200))
def test_edges_are_few_and_ascend(values: list[float]) -> None:
    edges = edges_of(np.array(values))
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= max(len(BIN_QUANTILES) + 1 + 2 * MAX_ATOMS, FEW_VALUES + 1)


def test_each_of_few_values_has_a_bin_and_what_is_outside_has_another() -> None:
    edges = edges_of(np.array([0.0, 1.0, 2.0, 5.0] * 20))
    assert np.digitize([-1.0, 0.0, 1.0, 2.0, 5.0, 6.0], edges).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_frequent_value_has_a_bin_of_its_own_among_many() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(4000) < 0.5, 0.0, rng.normal(10.0, 3.0, 4000))
    edges = edges_of(values)
    shares = np.bincount(np.digitize(values, edges)) / len(values)
    assert max(shares) == pytest.approx((values == 0.0).mean())
    assert sorted(shares)[-2] < 0.1
    assert len(edges_of(np.zeros(0))) == 0
