"""The exact counts of a story, from ticks: of one sidecar, or of the looks that sum up a fleet."""

from __future__ import annotations

from collections.abc import Collection

from proxy.contracts.record import ArmTick
from proxy.contracts.story import CHARGED, StoryCounts, StoryFacts, Touched

LIVE = ("primary", "canary", "baseline")
"""Roles of the live traffic."""


def row_of(counts: StoryCounts | StoryFacts, version: str, role: str) -> Touched:
    """The row of a version in a role, made where there is none."""
    row = next((row for row in counts.touched if (row.version, row.role) == (version, role)), None)
    if row is None:
        row = Touched(version, role)
        counts.touched.append(row)
    return row


def count_arm(counts: StoryCounts | StoryFacts, candidates: Collection[str], arm: ArmTick, at: float) -> None:
    """Counts the finished legs of an arm of the route, at a Unix time."""
    if arm.role in LIVE:
        counts.requests += arm.finished
    if arm.version not in candidates:
        return
    row = row_of(counts, arm.version, arm.role)
    for outcome, count in arm.outcomes().items():
        row.outcomes[outcome] = row.outcomes.get(outcome, 0) + count
        if count and outcome in CHARGED:
            counts.first_bad = at if counts.first_bad is None else counts.first_bad
            counts.last_bad = at


def count_rescued(counts: StoryCounts | StoryFacts, reason: str, count: int) -> None:
    """Counts requests that the primary answered in place of a candidate."""
    counts.rescued[reason] = counts.rescued.get(reason, 0) + count
