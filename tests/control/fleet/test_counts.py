"""Sums of counts: what was counted comes to the judge exactly once, however reports travel."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.fleet import counts
from proxy.control.fleet.counts import Cells

names = st.sampled_from(["a", "b", 3, -7, 2**63])
keys = st.tuples(st.sampled_from(["codes", "rows"]), st.sampled_from(["r", "q"]), st.sampled_from([0.1, 0.5]))
steps = st.lists(st.tuples(keys, st.dictionaries(names, st.integers(0, 5))), max_size=12)
"""What one sidecar counts between two reports."""


@given(st.lists(steps, max_size=6), st.lists(st.integers(0, 5), max_size=12))
def test_the_differences_that_a_judge_took_sum_up_to_the_counts(sidecar: list[object], order: list[int]) -> None:
    """Reports are lost, come twice and in the wrong order; the newest that ever came decides."""
    cells: Cells = {}
    reports = [b""] * 0
    for step in sidecar:
        for key, more in step:  # type: ignore[attr-defined]
            counts.add(cells, key, more)
        reports.append(counts.encoded(cells))
    consumed: Cells = {}
    taken: list[Cells] = []
    newest = -1
    for at in [number for number in order if number < len(reports)]:
        newest = max(newest, at)
        came = counts.decoded(reports[newest])
        taken.append(counts.difference(came, consumed))
        consumed = came
    assert counts.total(taken) == (counts.decoded(reports[newest]) if newest >= 0 else {})


@given(st.lists(steps, max_size=4))
def test_a_sum_does_not_depend_on_who_counted(sidecars: list[object]) -> None:
    single: Cells = {}
    many: list[Cells] = []
    for sidecar in sidecars:
        own: Cells = {}
        for key, more in sidecar:  # type: ignore[attr-defined]
            counts.add(own, key, more)
            counts.add(single, key, more)
        many.append(own)
    assert counts.total(many) == single
    assert counts.total(reversed(many)) == single


def test_zeros_make_no_cell() -> None:
    cells: Cells = {}
    counts.add(cells, ("rows", "r"), {"n": 0})
    assert cells == {}


def test_a_number_that_shrank_says_nothing() -> None:
    assert counts.difference({("rows",): {"n": 3}}, {("rows",): {"n": 5}}) == {}


def test_an_epoch_ends_before_it_is_large() -> None:
    assert not counts.is_full({("keys",): dict.fromkeys(range(counts.MAX_NAMES - 1), 1)})
    assert counts.is_full({("keys",): dict.fromkeys(range(counts.MAX_NAMES), 1)})
    assert counts.is_full({("keys", n): {"": 1} for n in range(counts.MAX_CELLS)})
