"""Places: ordered as looks follow each other, and never the same for two terms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.fleet.store import NOWHERE, Leadership

terms = st.builds(Leadership, st.just("a"), st.integers(1, 5), st.sampled_from(["x", "y"]))


@given(terms, terms, st.integers(1, 5), st.integers(1, 5))
def test_places_are_ordered_by_term_and_look(one: Leadership, other: Leadership, first: int, second: int) -> None:
    here, there = one.place(first), other.place(second)
    assert here > NOWHERE
    if (one.term, first) != (other.term, second):
        assert (here < there) == ((one.term, first) < (other.term, second))
    else:
        assert (here == there) == (one.stamp == other.stamp)
