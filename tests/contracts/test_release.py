"""Which lines of a scorecard are waited for."""

from __future__ import annotations

import pytest

from proxy.contracts.release import Verdict


@pytest.mark.parametrize(
    ("n", "lost", "assumed", "moot", "counts"),
    [
        (0, 0, False, False, True),  # it was asked for, and nothing comes: the stage stands still
        (0, 0, True, False, False),
        (0, 3, True, False, True),
        (5, 0, True, False, True),
        (0, 0, False, True, False),  # it was asked for, and there can be nothing
        (0, 0, True, True, False),
    ],
)
def test_what_can_have_nothing_or_was_not_asked_for_and_has_nothing_is_not_waited_for(
    n: int, lost: int, assumed: bool, moot: bool, counts: bool
) -> None:
    line = Verdict("invalid_rate", "undecided", None, 0.02, n, lost, "", moot=moot, assumed=assumed)
    assert line.counts == counts
