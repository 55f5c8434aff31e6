"""Seeded faults against the real program, and what must hold all the same: a minute in all.

Ten minutes of another schedule each night: `make chaos`.
"""

from __future__ import annotations

import pytest

from tests.process.chaos.__main__ import chaos, told
from tests.process.chaos.schedule import KINDS, schedule

SECONDS = 18.0
SEEDS = (6064, 24791)
"""Together they have most kinds of fault, with one worker and with two. Few and long: each also starts and recovers."""


def test_the_seeds_have_most_kinds() -> None:
    kinds = {fault.kind for seed in SEEDS for fault in schedule(seed, SECONDS)}
    assert len(kinds) > 0.75 * len(KINDS), sorted(KINDS.keys() - kinds)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_must_hold_holds_under_faults(seed: int) -> None:
    report = chaos(seed, SECONDS)
    assert not report.wrong, "\n".join(map(str, (*report.faults, told(report), *report.lines)))
    assert report.results["good"] > 500
