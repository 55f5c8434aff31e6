"""Histograms add up, and a window forgets by parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.histogram import bucket
from proxy.stats.counts.latency_window import RECENT_SECONDS, SLICES, Histogram, Window

Updates = list[tuple[int, float]]
UPDATES = st.lists(st.tuples(st.integers(-300, 300), st.floats(0.0, 300.0)), max_size=30)


def test_a_quantile_is_that_of_numpy_within_a_bucket() -> None:
    seconds = np.random.default_rng(1).lognormal(-4.0, 0.5, 5000)
    window = Window()
    for value in seconds.tolist():
        window.update({bucket(value): 1}, 0.0)
    for q in (0.5, 0.9, 0.99):
        assert window.quantile(q, 0.0) == pytest.approx(np.quantile(seconds, q), rel=0.02)


def test_a_window_covers_five_to_six_sixths_of_its_length() -> None:
    window = Window()
    window.update({0: 1}, 0.0)
    part = RECENT_SECONDS / SLICES
    assert window.get(RECENT_SECONDS - part) == {0: 1}
    assert window.get(RECENT_SECONDS) == {}
    assert window.quantile(0.5, RECENT_SECONDS) is None


def test_a_long_pause_forgets_everything() -> None:
    window = Window()
    window.update({0: 1}, 0.0)
    window.update({1: 2}, 1e6)
    assert window.get(1e6) == {1: 2}


@given(UPDATES, UPDATES)
def test_two_windows_merge_into_one_of_both_streams(
    mine: list[tuple[int, float]], other: list[tuple[int, float]]
) -> None:
    one, two, both = Window(), Window(), Window()
    for window, updates in ((one, mine), (two, other)):
        for index, now in sorted(updates, key=lambda update: update[1]):
            window.update({index: 1}, now)
    for index, now in sorted(mine + other, key=lambda update: update[1]):
        both.update({index: 1}, now)
    one += two
    assert one.get(300.0) == both.get(300.0)


def test_two_histograms_merge_into_one() -> None:
    one, two = Histogram(), Histogram()
    one.update({1: 2, 3: 1}, 0.5)
    two.update({3: 4}, 0.25)
    one += two
    assert (one.buckets, one.seconds) == ({1: 2, 3: 5}, 0.75)
    assert two.buckets == {3: 4}
