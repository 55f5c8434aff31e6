"""Outcome evidence: sticky keys count once for both arms, and φ is learnt from the primary alone."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from proxy.contracts.metrics import OUTCOME_METRICS
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.contracts.table import Role
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignedArm, Assignment
from proxy.stats.evidence.outcome_rate import OutcomeRate, RateHistory

LIMIT = Limit(max=0.1, max_ratio=1.5)


def mine(n: int, bad: int, keys: list[int] | None = None, share: float = 0.5) -> AssignedArm:
    arm = ArmTick("r", "v2", "canary", share, {"200": n - bad, "500": bad}, {"failed": keys or []})
    return AssignedArm(arm, Assignment(True, "canary", share, share))


def theirs(n: int, bad: int, keys: list[int] | None = None, share: float = 0.5) -> AssignedArm:
    arm = ArmTick("r", "v1", "primary", 1 - share, {"200": n - bad, "500": bad}, {"failed": keys or []})
    return AssignedArm(arm, Assignment(False, "primary", share, share))


def test_one_user_who_always_fails_breaches_nothing() -> None:
    sticky, chance = (OutcomeRate("error_rate", LIMIT, AlphaShare("v2", 0.01), RateHistory()) for _ in range(2))
    for second in range(60):
        sticky.update([theirs(50, 0), mine(50, 10, [7] * 10)], float(second))
        chance.update([theirs(50, 0), mine(50, 10)], float(second))
    assert all(found.log_breach < log(100) / 2 for found in sticky.get())
    assert all(found.log_breach > log(100) for found in chance.get())
    assert [found.value for found in sticky.get()] == [0.2, 0.2]


def test_a_user_who_failed_at_the_primary_is_no_news_at_the_candidate() -> None:
    history = RateHistory()
    rate = OutcomeRate("error_rate", LIMIT, AlphaShare("v2", 0.01), history)
    rate.update([theirs(10, 5, [7] * 5)], 0.0)
    assert history.sticky.update(5, [7] * 5, 1.0) == 0


def test_a_primary_that_was_alone_is_no_comparison_but_teaches_phi() -> None:
    history, rng = RateHistory(), np.random.default_rng(2)
    rate = OutcomeRate("error_rate", LIMIT, AlphaShare("v2", 0.01), history)
    for second in range(3000):
        bad = int(rng.binomial(50, 0.3 if second // 40 % 8 == 0 else 0.01))
        rate.update([theirs(50, bad, share=0.0)], float(second))
    assert history.dispersion.get() > 1.5
    assert all((found.n, found.n_reference) == (0, 0) for found in rate.get())


def outcome(version: str, role: Role, code: str, n: int = 100) -> AssignedArm:
    whose = Assignment(version == "v2", role, 0.5, 0.0 if role == "shadow" else 0.5)
    return AssignedArm(ArmTick("r", version, role, 0.5, {code: n}), whose)


@pytest.mark.parametrize(
    ("code", "metric"),
    [
        ("400", "refusal_rate"),
        ("307", "refusal_rate"),
        ("429", "refusal_rate"),
        ("500", "error_rate"),
        ("reset", "error_rate"),
        ("client_abort", "abandonment_rate"),
    ],
)
def test_each_kind_of_bad_is_an_event_of_one_metric(code: str, metric: str) -> None:
    for name in OUTCOME_METRICS:
        rate = OutcomeRate(name, Limit(max_increase=0.05), AlphaShare("v2", 0.001), RateHistory())
        rate.update([outcome("v1", "primary", "200"), outcome("v2", "canary", code)], 0.0)
        (found,) = rate.get()
        assert (found.log_breach >= log(1000)) is (name == metric)
        assert (found.value, found.n, found.reference) == (float(name == metric), 100, 0.0)


def test_nobody_abandons_a_copy() -> None:
    rate = OutcomeRate("abandonment_rate", Limit(max_increase=0.05), AlphaShare("v2", 0.001), RateHistory())
    rate.update([outcome("v1", "primary", "200"), outcome("v2", "shadow", "client_abort")], 0.0)
    (found,) = rate.get()
    assert (found.n, found.moot) == (0, True)
    rate.update([outcome("v1", "primary", "200"), outcome("v2", "canary", "client_abort")], 1.0)
    (found,) = rate.get()
    assert (found.n, found.moot) == (100, False)
    assert found.log_breach >= log(1000)
