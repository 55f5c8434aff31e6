"""Shares are kept, and whoever has a canary keeps it while it grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Match, Route, Share
from proxy.routing.split import Split, mirrored

POINT = st.floats(0, 1, exclude_max=True)
PERCENT = st.floats(0, 100)


def split(*percents: float, baseline: float | None = None) -> Split:
    shares = tuple(Share(f"c{n}", percent) for n, percent in enumerate(percents, 1))
    beside = None if baseline is None else Share("b", baseline)
    return Split(Route("r", Match("/"), "oip", "primary", split=shares, baseline=beside))


def test_all_or_nothing() -> None:
    assert split(0.0).choose(0.0) == 0
    assert split(100.0).choose(0.999999999) == 1
    assert split().choose(0.5) == 0


def test_shares_sum_to_one() -> None:
    assert split(10.0, 20.0).shares == (1 - 0.1 - 0.2, 0.1, 0.2)


@given(PERCENT)
def test_the_measure_of_a_canary_is_its_share(percent: float) -> None:
    n = 2000
    chosen = sum(split(percent).choose((i + 0.5) / n) == 1 for i in range(n))
    assert abs(chosen - n * percent / 100) <= 1


@given(POINT, PERCENT, PERCENT)
def test_monotone(point: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    if split(low).choose(point) == 1:
        assert split(high).choose(point) == 1


@given(POINT, st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_two_canaries_grow_at_the_cost_of_the_primary_alone(point: float, percents: list[int]) -> None:
    (a, more_a), (b, more_b) = sorted(percents[:2]), sorted(percents[2:])
    before, after = split(a, b).choose(point), split(more_a, more_b).choose(point)
    if before:
        assert after == before


@given(POINT, st.lists(st.integers(0, 33), max_size=3))
def test_three_canaries_share_what_they_should(point: float, percents: list[int]) -> None:
    ranges = split(*percents)
    assert 0 <= ranges.choose(point) <= len(percents)
    n = 1000
    counts = [sum(ranges.choose((i + 0.5) / n) == k for i in range(n)) for k in range(1, len(percents) + 1)]
    assert all(abs(count - 10 * percent) <= 2 for count, percent in zip(counts, percents, strict=True))


def test_a_baseline_is_the_last_arm() -> None:
    three = split(10.0, 20.0, baseline=10.0)
    assert three.versions == ("primary", "c1", "c2", "b")
    assert three.roles == ("primary", "canary", "canary", "baseline")
    assert three.shares == (1 - 0.1 - 0.2 - 0.1, 0.1, 0.2, 0.1)


@given(st.lists(st.integers(0, 25), max_size=3), st.integers(0, 25))
def test_the_measure_of_a_baseline_is_its_share(percents: list[int], baseline: int) -> None:
    ranges, n = split(*percents, baseline=baseline), 1000
    chosen = [ranges.choose((i + 0.5) / n) for i in range(n)]
    for index, percent in enumerate((*percents, baseline), 1):
        assert abs(chosen.count(index) - 10 * percent) <= 2


@given(POINT, st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_canary_and_baseline_grow_at_the_cost_of_the_primary_alone(point: float, percents: list[int]) -> None:
    (a, more_a), (b, more_b) = sorted(percents[:2]), sorted(percents[2:])
    before, after = split(a, baseline=b).choose(point), split(more_a, baseline=more_b).choose(point)
    if before:
        assert after == before


@given(POINT, st.lists(st.integers(0, 25), max_size=3), st.integers(0, 25))
def test_no_canary_moves_for_a_baseline(point: float, percents: list[int], baseline: int) -> None:
    alone, beside = split(*percents).choose(point), split(*percents, baseline=baseline).choose(point)
    assert beside == alone or (alone == 0 and beside == len(percents) + 1)


@given(POINT, st.lists(st.integers(1, 25), min_size=2, max_size=4), st.integers(0, 3))
def test_a_vacant_share_goes_to_the_primary_and_moves_nobody_else(point: float, percents: list[int], gone: int) -> None:
    gone %= len(percents)
    shares = tuple(Share(f"c{n}", percent, n == gone) for n, percent in enumerate(percents))
    full, less = split(*percents), Split(Route("r", Match("/"), "oip", "primary", split=shares))
    before, after = full.choose(point), less.versions[less.choose(point)]
    assert after == ("primary" if before == gone + 1 else "primary" if not before else f"c{before - 1}")
    assert sum(less.shares) == pytest.approx(1.0) and len(less.shares) == len(percents)


@given(st.floats(0, 1, exclude_max=True))
def test_mirrored(draw: float) -> None:
    assert mirrored(100.0, draw)
    assert not mirrored(0.0, draw)
    assert mirrored(30.0, draw) == (draw < 0.3)


@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.booleans()), max_size=5), st.floats(0.0, 1.0, exclude_max=True))
def test_who_falls_to_the_primary_at_once_is_in_no_range(shares: list[tuple[float, bool]], draw: float) -> None:
    taken = tuple(Share(f"v{n}", percent, vacant) for n, (percent, vacant) in enumerate(shares))
    split = Split(Route("r", Match("/"), "oip", "primary", split=taken))
    found = next((index for low, high, index in split._ranges if low <= draw < high), 0)
    assert split.choose(draw) == found
