"""Error evidence: sticky keys count once for both arms, and φ is learnt from the primary alone."""

from __future__ import annotations

from math import log

import numpy as np

from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignedArm, Assignment
from proxy.stats.evidence.error_rate import ErrorBaseline, ErrorRate

LIMIT = Limit(max=0.1, max_ratio=1.5)


def mine(n: int, bad: int, keys: list[int] | None = None, share: float = 0.5) -> AssignedArm:
    arm = ArmTick("r", "v2", "canary", share, {"200": n - bad, "500": bad}, {"failed": keys or []})
    return AssignedArm(arm, Assignment(True, "canary", share, share))


def theirs(n: int, bad: int, keys: list[int] | None = None, share: float = 0.5) -> AssignedArm:
    arm = ArmTick("r", "v1", "primary", 1 - share, {"200": n - bad, "500": bad}, {"failed": keys or []})
    return AssignedArm(arm, Assignment(False, "primary", share, share))


def test_one_user_who_always_fails_breaches_nothing() -> None:
    sticky, chance = (ErrorRate(LIMIT, AlphaShare("v2", 0.01), ErrorBaseline()) for _ in range(2))
    for second in range(60):
        sticky.update([theirs(50, 0), mine(50, 10, [7] * 10)], float(second))
        chance.update([theirs(50, 0), mine(50, 10)], float(second))
    assert all(found.log_breach < log(100) / 2 for found in sticky.get())
    assert all(found.log_breach > log(100) for found in chance.get())
    assert [found.value for found in sticky.get()] == [0.2, 0.2]


def test_a_user_who_failed_at_the_primary_is_no_news_at_the_candidate() -> None:
    baseline = ErrorBaseline()
    rate = ErrorRate(LIMIT, AlphaShare("v2", 0.01), baseline)
    rate.update([theirs(10, 5, [7] * 5)], 0.0)
    assert baseline.events(mine(10, 5, [7] * 5).arm, 1.0) == 0


def test_a_primary_that_was_alone_is_no_comparison_but_teaches_phi() -> None:
    baseline, rng = ErrorBaseline(), np.random.default_rng(2)
    rate = ErrorRate(LIMIT, AlphaShare("v2", 0.01), baseline)
    for second in range(3000):
        bad = int(rng.binomial(50, 0.3 if second // 40 % 8 == 0 else 0.01))
        rate.update([theirs(50, bad, share=0.0)], float(second))
    assert baseline.dispersion.get() > 1.5
    assert all((found.n, found.n_reference) == (0, 0) for found in rate.get())
