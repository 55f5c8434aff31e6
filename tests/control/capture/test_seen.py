"""An exchange comes for the first time once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.capture import seen
from proxy.control.capture.seen import SeenExchanges

KEYS = st.tuples(st.tuples(st.integers(0, 2), st.sampled_from("ab")), st.integers(0, 1 << 20))


@given(st.lists(KEYS))
def test_each_exchange_comes_first_once(keys: list[tuple[tuple[int, str], int]]) -> None:
    known, before = SeenExchanges(), set[object]()
    for key in keys:
        assert known.first(key) == (key not in before)
        before.add(key)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MAX_PAGES", 2)
    known = SeenExchanges()
    pages = [((0, "a"), number << seen.PAGE_BITS) for number in range(3)]
    assert all(known.first(key) for key in pages)
    assert not known.first(pages[2]) and known.first(pages[0])
