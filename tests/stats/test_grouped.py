"""Grouping loses nothing and keeps the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.grouped import grouped


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9))))
def test_every_item_is_in_the_group_of_its_key_in_order(items: list[tuple[str, int]]) -> None:
    groups = grouped(items, lambda item: item[0])
    assert list(groups) == list(dict.fromkeys(key for key, _ in items))
    assert all(groups[key] == [item for item in items if item[0] == key] for key in groups)
