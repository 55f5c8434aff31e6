"""Answers that nobody looked at: lost where the primary's are seen, moot where they are as dark, never good."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.counts.content import ContentCounts
from proxy.stats.evidence.looked_at import LookedAt


def seen(mine: tuple[int, int], theirs: tuple[int, int]) -> LookedAt:
    """Answers that were looked at, and dark ones, of the candidate and of the primary."""
    looked_at = LookedAt()
    looked_at.update(ContentCounts("v2", "canary", 0.5, mine[0], 0, unread=mine[1]), candidate=True)
    looked_at.update(ContentCounts("v1", "primary", 0.5, theirs[0], 0, unread=theirs[1]), candidate=False)
    return looked_at


@pytest.mark.parametrize(
    ("mine", "theirs", "lost", "moot"),
    [
        ((0, 0), (0, 0), 0, False),
        ((100, 0), (100, 0), 0, False),
        ((0, 100), (0, 100), 0, True),
        ((0, 100), (1, 99), 0, True),
        ((0, 100), (50, 50), 100, False),
        ((0, 1), (1, 0), 1, False),
        ((0, 100), (0, 0), 100, False),
        ((500, 500), (500, 500), 0, False),
        ((1000, 0), (0, 1000), 0, False),
    ],
)
def test_what_is_lost(mine: tuple[int, int], theirs: tuple[int, int], lost: int, moot: bool) -> None:
    looked_at = seen(mine, theirs)
    assert (looked_at.lost(), looked_at.moot) == (lost, moot)


def test_half_of_the_answers_dark_beside_a_primary_without_are_lost_less_what_chance_explains() -> None:
    assert 400 < seen((500, 500), (1000, 0)).lost() <= 500


def test_a_candidate_like_its_primary_seldom_loses_a_tenth() -> None:
    rng = np.random.default_rng(13)
    dark = rng.binomial(200, 0.3, size=(2000, 2)).tolist()
    lost = [seen((200 - mine, mine), (200 - theirs, theirs)).lost() for mine, theirs in dark]
    assert sum(n > 20 for n in lost) < 20


@pytest.mark.parametrize(("theirs", "lost", "moot"), [(0, 100, False), (100, 0, True)])
def test_what_was_looked_at_in_part_is_as_dark_as_what_nobody_saw(theirs: int, lost: int, moot: bool) -> None:
    looked_at = LookedAt()
    looked_at.update(ContentCounts("v2", "canary", 0.5, 100, 0, partly=100), candidate=True)
    looked_at.update(ContentCounts("v1", "primary", 0.5, 100, 0, partly=theirs), candidate=False)
    assert (looked_at.lost(), looked_at.moot, looked_at.seen) == (lost, moot, 0)
