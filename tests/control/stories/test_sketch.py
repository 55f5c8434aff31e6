"""Distinct keys: exact while they are few, near the truth beyond, whatever their hashes are like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.stories.sketch import ERROR, MAX_KEYS, count_of, mixed, put


def counted(keys: list[int]) -> tuple[int, float]:
    kept: list[int] = []
    for key in keys:
        put(kept, key)
    assert len(kept) <= MAX_KEYS
    return count_of(kept)


@given(st.lists(st.integers(1, 2**64 - 1), max_size=200))
def test_few_are_counted_exactly(keys: list[int]) -> None:
    assert counted(keys) == (len(set(keys)), 0.0)


def test_many_are_estimated_within_some_standard_errors_though_only_small_hashes_meet_a_canary() -> None:
    count, error = counted([key % 20_000 + 1 for key in range(40_000)])
    assert error == ERROR
    assert abs(count - 20_000) < 5 * ERROR * 20_000


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_mixing_joins_no_two(one: int, other: int) -> None:
    assert (mixed(one) == mixed(other)) == (one == other)
