"""A leg comes for the first time once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.control.capture import seen
from proxy.control.capture.format import Captured, captured
from proxy.control.capture.seen import SeenLegs
from tests.support.records import record

LEGS = st.builds(
    lambda exchange, worker, incarnation, role: captured(
        record(exchange=exchange, role=role), (worker, incarnation), False
    ),
    st.integers(0, 1 << 20), st.integers(0, 2), st.sampled_from("ab"), st.sampled_from(("primary", "shadow")),
)  # fmt: skip


@given(st.lists(st.lists(LEGS, max_size=4), max_size=6))
def test_each_leg_comes_first_once(batches: list[list[Captured]]) -> None:
    known, found = SeenLegs(), list[Captured]()
    for batch in batches:
        found += known.first(batch)
    every = [leg for batch in batches for leg in batch]
    firsts: dict[object, Captured] = {}
    for leg in every:
        firsts.setdefault((leg.source, leg.role, leg.exchange), leg)
    assert found == list(firsts.values())
    assert known.twice == len(every) - len(found)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MAX_PAGES", 2)
    known, leg = SeenLegs(), captured(record(), (0, "a"), False)
    legs = [replace(leg, exchange=number << seen.PAGE_BITS) for number in range(3)]
    assert known.first(legs) == legs
    assert known.first([legs[2], legs[0]]) == [legs[0]]
