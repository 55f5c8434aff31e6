"""A rate of bad events: each limit has its own test, and the figures are of the arms that were shown."""

from __future__ import annotations

from math import log

import pytest

from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import Assignment
from proxy.stats.evidence.bad_event_rate import BadEventRate, EventCounts
from proxy.stats.sequential.overdispersion import Overdispersion

MINE, THEIRS = Assignment(True, "canary", 0.5, 0.5), Assignment(False, "primary", 0.5, 0.5)


def rate(limit: Limit, *looks: list[EventCounts]) -> BadEventRate:
    made = BadEventRate("error_rate", limit, AlphaShare("v2", 0.01, 2), Overdispersion())
    for look in looks:
        made.update(look)
    return made


def test_a_limit_that_is_not_set_has_no_evidence() -> None:
    assert rate(Limit(min=0.5)).get() == []
    assert [found.limit for found in rate(Limit(max=0.1)).get()] == ["max"]
    assert [found.limit for found in rate(Limit(max=0.1, max_ratio=2.0)).get()] == ["max_ratio", "max"]


def test_figures_count_legs_and_the_test_counts_events() -> None:
    """Nine of ten failures are of one sticky key: ten bad legs are shown, two events are held against the limit."""
    many = rate(Limit(max=0.1), [EventCounts(MINE, 20, 10, 10), EventCounts(THEIRS, 20, 1, 1)]).get()[0]
    few = rate(Limit(max=0.1), [EventCounts(MINE, 20, 10, 2), EventCounts(THEIRS, 20, 1, 1)]).get()[0]
    assert (few.value, few.n, few.reference, few.n_reference) == (0.5, 20, 0.05, 20)
    assert few.value == many.value
    assert few.log_breach < 0 < many.log_breach


def test_the_ratio_says_how_many_requests_it_still_needs() -> None:
    (found,) = rate(Limit(max_ratio=1.5), [EventCounts(MINE, 100, 5, 5), EventCounts(THEIRS, 100, 5, 5)]).get()
    assert found.needed is not None
    assert found.needed > 0
    assert found.log_breach < log(1 / 0.01)


def test_only_the_candidates_events_are_held_against_a_constant() -> None:
    (found,) = rate(Limit(max=0.1), [EventCounts(THEIRS, 100, 100, 100)]).get()
    assert (found.n, found.n_reference, found.reference) == (0, 100, 1.0)
    assert found.log_breach == pytest.approx(-log(2))
