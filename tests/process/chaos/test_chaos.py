"""Seeded faults against the real program, and what must hold all the same: a quarter of a minute for each seed.

Ten minutes of another schedule each night: `make chaos`.
"""

from __future__ import annotations

import pytest

from tests.process.chaos.__main__ import chaos, told
from tests.process.chaos.schedule import KINDS, schedule

SECONDS = 15.0
SEEDS = (1462, 1161, 402, 1021)
"""Together they have nearly every kind of fault, with one worker and with two."""


def test_the_seeds_have_nearly_every_kind() -> None:
    kinds = {fault.kind for seed in SEEDS for fault in schedule(seed, SECONDS)}
    assert len(kinds) > 0.85 * len(KINDS), sorted(KINDS.keys() - kinds)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_must_hold_holds_under_faults(seed: int) -> None:
    report = chaos(seed, SECONDS)
    assert not report.wrong, "\n".join(map(str, (*report.faults, told(report), *report.lines)))
    assert report.results["good"] > 500
