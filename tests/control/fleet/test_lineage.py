"""Lineages: which looks a committed value came from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.fleet.lineage import MAX_TERMS, Lineage, extended, includes
from proxy.control.fleet.store import Place


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=30))
def test_a_lineage_has_the_looks_that_it_went_through_and_no_others(steps: list[tuple[int, int]]) -> None:
    """Each step goes so many terms on, after the store has gone so many looks back; numbers may come twice."""
    lineage: Lineage = []
    path: list[Place] = []
    everything: list[Place] = []
    pasts: list[tuple[Lineage, list[Place]]] = [([], [])]
    term = 0
    for terms, back in steps:
        if back:
            lineage, path = pasts[max(len(pasts) - 1 - back, 0)]
            pasts = pasts[: max(len(pasts) - back, 1)]
            term += terms
        term = max(term, 1)
        stamp = f"{len(everything)}" if back or not path else path[-1][2]
        place = term, len(path) + 1, stamp
        lineage, path = extended(lineage, place), [*path, place]
        pasts.append((lineage, path))
        everything.append(place)
    for place in everything:
        assert includes(lineage, place) == (place in path)


def test_what_is_older_than_all_that_is_remembered_is_no_news() -> None:
    lineage: Lineage = []
    for term in range(1, MAX_TERMS + 10):
        lineage = extended(lineage, (term, term, ""))
    assert len(lineage) == MAX_TERMS
    assert includes(lineage, (1, 99, ""))
    assert not includes(lineage, (MAX_TERMS + 9, MAX_TERMS + 10, ""))
