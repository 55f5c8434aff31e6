"""Analysed answers and invalid ones, by arm."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.observation import NOT_LOOKED_AT, Observation
from proxy.stats.counts.content import SEEN_IN_PART, ContentCounters, ContentCounts


def leg(**facts: Any) -> Observation:
    usual = {"exchange": 1, "route": "r", "version": "v2", "role": "canary", "share": 0.5, "started": 0.0, "total": 0.0}
    return Observation(**{**usual, "status": 200, **facts})


def test_only_analysed_answers_count() -> None:
    counters = ContentCounters()
    legs = [leg(), leg(analysed=True), leg(analysed=True, content="empty_body", key=7)]
    assert counters.update(legs) == ContentCounts("v2", "canary", 0.5, n=2, bad=1, keys=(7,))
    assert counters.analysed == {("r", "v2", "canary"): 2}
    assert counters.invalid == {("r", "v2", "canary", "empty_body"): 1}


def test_what_was_read_all_the_same_and_what_was_judged_by_its_end_is_counted_apart() -> None:
    counters = ContentCounters()
    ending = {"analysed": True, "unreadable_response": "too_large"}
    counters.update(
        [leg(analysed=True, content="not_a_number"), leg(**ending), leg(**ending, content="error_in_stream")]
    )
    assert counters.read[("r", "v2", "canary", "not_a_number")] == counters.read.total() == 1
    assert counters.endings == {("r", "v2", "canary"): 2}


@pytest.mark.parametrize("reason", sorted(NOT_LOOKED_AT))
def test_what_a_bound_left_unread_is_neither_good_nor_bad(reason: str) -> None:
    counters = ContentCounters()
    legs = [leg(analysed=True), leg(unreadable_response=reason)]
    assert counters.update(legs) == ContentCounts("v2", "canary", 0.5, n=1, bad=0, unread=1)
    assert counters.update([leg(status=500, unreadable_response=reason)]) is None
    assert counters.analysed == {("r", "v2", "canary"): 1}


def test_nothing_analysed_is_no_count() -> None:
    assert ContentCounters().update([leg(), leg(status=500)]) is None


@pytest.mark.parametrize("reason", sorted(SEEN_IN_PART))
def test_what_seemed_good_in_part_counts_and_is_told_apart(reason: str) -> None:
    legs = [leg(analysed=True), leg(analysed=True, unreadable_response=reason)]
    legs.append(leg(analysed=True, unreadable_response=reason, content="not_a_number", key=7))
    counts = ContentCounters().update(legs)
    assert counts == ContentCounts("v2", "canary", 0.5, n=3, bad=1, keys=(7,), partly=1)
