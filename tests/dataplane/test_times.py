"""Durations are counted in the buckets of the contract, each in exactly one tick."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.histogram import HIGHEST, LOWEST, bucket, lower_bound
from proxy.dataplane.times import Times


@given(st.lists(st.floats(1e-7, 2e6), max_size=50))
def test_counts_are_those_of_the_buckets(durations: list[float]) -> None:
    times = Times()
    for seconds in durations:
        times.add(seconds)
    assert bool(times) == bool(durations)
    assert times.sum == pytest.approx(sum(durations))
    assert times.take() == Counter(map(bucket, durations))
    assert not times and times.sum == 0.0 and times.take() == {}


def test_both_ends_have_a_place() -> None:
    times = Times()
    for index in (LOWEST, HIGHEST):
        times.add(lower_bound(index) * 1.0001)
    assert times.take() == {LOWEST: 1, HIGHEST: 1}


def test_pages_of_one_are_not_those_of_another() -> None:
    one, other = Times(), Times()
    one.add(0.5)
    other.add(0.5)
    assert one.take() == other.take() == {bucket(0.5): 1}
