"""Profiles of columns: bins at reference quantiles, categories, missing, learnt rules; JSON that can be edited."""

import msgspec
import numpy as np
import pytest

from proxy.stats.drift.edges import BIN_QUANTILES
from proxy.stats.drift.profile import (
    MAX_CATEGORIES,
    MAX_FEATURES,
    SORTED_ROWS,
    Profile,
    bin_counts,
    category_counts,
    feature_of,
    number_bins,
    profile_of,
)


def test_edges_are_the_quantiles_and_shares_the_parts_between() -> None:
    column = np.random.default_rng(1).standard_normal(10_000)
    feature = feature_of("x", column)
    assert feature.edges == pytest.approx(np.quantile(column, BIN_QUANTILES, method="inverted_cdf"), abs=0.005)
    assert feature.shares[:-1] == pytest.approx(np.diff((0.0, *BIN_QUANTILES, 1.0)), abs=0.002)
    assert feature.shares[-1] < 1e-4
    assert sum(feature.shares) == pytest.approx(1.0)


def test_bins_against_numpy_digitize() -> None:
    rng = np.random.default_rng(2)
    block = rng.standard_normal((500, 3))
    edges = np.sort(rng.standard_normal((3, 5)), axis=1)
    expected = np.stack([np.digitize(block[:, at], edges[at]) for at in range(3)], axis=1)
    assert (number_bins(block, edges, 9) == expected).all()
    block[::7, 1] = np.nan
    assert (number_bins(block, edges, 9)[::7, 1] == 9).all()


@pytest.mark.parametrize("rows", [0, 5, SORTED_ROWS - 1, SORTED_ROWS, 512])
@pytest.mark.parametrize("features", [1, 3])
def test_counts_by_bin_are_those_of_the_bins(rows: int, features: int) -> None:
    rng = np.random.default_rng(rows)
    block = rng.standard_normal((rows, features)).round(1)
    block[::7, 0], block[3::11, -1], block[4::13, -1] = np.nan, np.inf, -np.inf
    edges = np.full((features, 6), np.inf)
    edges[:, :5] = np.sort(rng.standard_normal((features, 5)).round(1), axis=1)
    edges[0, 3:] = np.inf
    before = block.copy()
    bins = number_bins(block, edges, 9)
    expected = [[(bins[:, at] == place).sum() for place in range(10)] for at in range(features)]
    np.testing.assert_array_equal(bin_counts(block, edges, 10), expected)
    np.testing.assert_array_equal(block, before)


def test_few_distinct_values_have_few_bins() -> None:
    feature = feature_of("flag", [0.0, 1.0] * 500)
    assert feature.edges == [0.0, 0.5, pytest.approx(1.000005)]
    assert feature.shares[1:3] == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.parametrize("values", [[0.7], [-0.0446416365069890, 0.0506801187398187], [0.1 * n for n in range(30)]])
def test_a_frequent_value_is_in_the_same_bin_however_it_is_written(values: list[float]) -> None:
    column = np.array(values * 50)
    edges = np.array(feature_of("x", column).edges)
    written = [column.astype(np.float32).astype(float), np.array([float(f"{value:.6g}") for value in column])]
    for other in written:
        assert (np.digitize(other, edges) == np.digitize(column, edges)).all()


@pytest.mark.parametrize("values", [[-np.inf, 1.0, 2.0, np.inf], [-np.inf, np.inf]])
def test_infinite_values_leave_edges_in_order(values: list[float]) -> None:
    edges = feature_of("x", values * 10).edges
    assert not np.isnan(edges).any()
    assert edges == sorted(edges)


def test_categories_keep_the_frequent_ones_and_close_when_all_were_seen_often() -> None:
    feature = feature_of("city", ["a"] * 70 + ["b"] * 29 + [None])
    assert (feature.categories, feature.rules.closed, feature.rules.required) == (["a", "b"], True, False)
    assert feature.shares == pytest.approx([0.7, 0.29, 0.005, 0.0147], abs=0.01)
    many = feature_of("id", [str(i) for i in range(100)])
    assert (len(many.categories), many.rules.closed) == (MAX_CATEGORIES, False)
    assert list(category_counts(["a", "z", None, "a"], {"a": 0, "b": 1})) == [2, 0, 1, 1]


def test_learnt_ranges_reach_beyond_what_was_seen() -> None:
    rules = feature_of("x", [1.0, 3.0, 2.0]).rules
    assert (rules.minimum, rules.maximum, rules.required) == (-1.0, 5.0, True)
    assert feature_of("x", [1.0, None]).rules.required is False


def test_a_profile_is_json_and_comes_back() -> None:
    profile = profile_of({"x": [1.0, 2.0, None], "c": ["a", "b", "a"]}, {"score": [0.1, 0.2]}, "a test")
    again = msgspec.json.decode(msgspec.json.encode(profile), type=Profile)
    assert again == profile
    assert [feature.kind for feature in profile.inputs] == ["number", "category"]


@pytest.mark.parametrize("column", [[], [None, None], [float("nan")] * 3, [5.0], [True, False]])
def test_odd_columns_have_a_profile_or_none(column: list[bool | float | None]) -> None:
    features = profile_of({"x": column}, {}).inputs
    assert len(features) == bool(column)
    assert all(sum(feature.shares) == pytest.approx(1.0) for feature in features)


def test_features_are_bounded() -> None:
    assert len(profile_of({str(i): [1.0] for i in range(500)}, {}).inputs) == MAX_FEATURES
