"""Counts of a story, arm by arm."""

from __future__ import annotations

from proxy.contracts.story import StoryCounts
from proxy.control.stories.counting import count_arm, count_rescued, row_of
from tests.control.houses import arm


def test_live_legs_are_the_routes_and_those_of_candidates_are_rows() -> None:
    counts = StoryCounts(100.0, [], 0, {}, None, None)
    legs = (("v1", "primary", 90, 0), ("v2", "canary", 10, 2), ("v2", "shadow", 5, 1), ("v1", "rescue", 2, 0))
    for version, role, n, bad in legs:
        count_arm(counts, ("v2",), arm(version, role, n, bad), 101.0)
    count_rescued(counts, "connect_failed", 2)
    assert (counts.requests, counts.rescued) == (100, {"connect_failed": 2})
    assert [(row.version, row.role, row.legs, row.bad) for row in counts.touched] == [
        ("v2", "canary", 10, 2),
        ("v2", "shadow", 5, 1),
    ]
    assert (counts.first_bad, counts.last_bad) == (101.0, 101.0)
    assert row_of(counts, "v2", "canary") is counts.touched[0]
