"""Log buckets against numpy on a million samples of five distributions, and the properties that merging rests on."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.histogram import HIGHEST, LOWEST, Buckets, add, bucket, lower_bound, quantile, value_of
from proxy.stats.arrays import Floats

SAMPLES = 1_000_000
DISTRIBUTIONS: dict[str, Callable[[np.random.Generator], Floats]] = {
    "lognormal": lambda rng: rng.lognormal(-4, 1.0, SAMPLES),
    "pareto": lambda rng: 0.001 * (1 + rng.pareto(1.1, SAMPLES)),
    "two modes far apart": lambda rng: (
        np.where(rng.random(SAMPLES) < 0.5, 0.0002, 20.0) * rng.uniform(0.9, 1.1, SAMPLES)
    ),
    "constant": lambda rng: np.full(SAMPLES, 0.01),
    "ten decades": lambda rng: 10.0 ** rng.uniform(-5.9, 3.9, SAMPLES),
}
QUANTILES = (0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0)


def counted(values: Floats) -> dict[int, int]:
    """Buckets of many values at once; `test_vectorised_buckets_are_the_buckets` ties this to `bucket`."""
    indices = np.clip(np.floor(np.log10(values) * 120).astype(int), LOWEST, HIGHEST)
    return {int(i): int(n) for i, n in zip(*np.unique(indices, return_counts=True), strict=True)}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_within_one_percent_of_numpy(name: str) -> None:
    values = DISTRIBUTIONS[name](np.random.default_rng(7))
    counts = counted(values)
    for q in QUANTILES:
        exact = np.quantile(values, q, method="inverted_cdf")
        assert quantile(counts, q) == pytest.approx(exact, rel=0.01), (name, q)


def test_vectorised_buckets_are_the_buckets() -> None:
    values = 10.0 ** np.random.default_rng(1).uniform(-5.9, 3.9, 2_000)
    one_by_one: Buckets = {}
    for value in values:
        add(one_by_one, {bucket(float(value)): 1})
    assert one_by_one == counted(values)


@given(st.floats(1e-6, 9_999.0))
def test_the_value_of_a_bucket_is_within_one_percent(seconds: float) -> None:
    assert value_of(bucket(seconds)) == pytest.approx(seconds, rel=0.01)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_has_a_bucket(seconds: float) -> None:
    assert LOWEST <= bucket(seconds) <= HIGHEST


@given(st.lists(st.dictionaries(st.integers(LOWEST, HIGHEST), st.integers(1, 50), max_size=5), max_size=5))
def test_merging_is_exact_in_any_order(parts: list[dict[int, int]]) -> None:
    forwards: Buckets = {}
    backwards: Buckets = {}
    for part in parts:
        add(forwards, part)
    for part in reversed(parts):
        add(backwards, part)
    assert forwards == backwards
    assert sum(forwards.values()) == sum(sum(part.values()) for part in parts)


def test_decades_fall_on_bounds() -> None:
    assert [lower_bound(120 * d) for d in (-3, -2, 0, 1)] == [0.001, 0.01, 1.0, 10.0]


def test_no_data_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None
