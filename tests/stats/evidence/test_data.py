"""Violations of the contract by arm: what each counts for depends on the two shares, not on whose row it is."""

from typing import Any

import numpy as np
import pytest

from proxy.contracts.evidence import Evidence
from proxy.contracts.record import ArmTick
from proxy.contracts.settings import Limit
from proxy.stats.drift.figures import RowCounts
from proxy.stats.evidence.alpha import AlphaShare
from proxy.stats.evidence.assignment_share import AssignmentShares
from proxy.stats.evidence.data import ContractViolations
from proxy.stats.sequential.overdispersion import Overdispersion

ARMS: list[Any] = [("v1", "primary", 0.4), ("v2", "canary", 0.3), ("v3", "canary", 0.3)]


def judged(candidate: str, arms: list[Any], rates: dict[str, float], seed: int, looks: int = 300) -> Evidence:
    rng, shares = np.random.default_rng(seed), AssignmentShares(candidate, "v1")
    contract = ContractViolations(Limit(max_ratio=1.0), AlphaShare(candidate, 0.01), Overdispersion())
    shares.update([ArmTick("r", version, role, share, {"200": 1}) for version, role, share in arms])
    for look in range(looks):
        sizes = rng.multinomial(20, np.array([arm[2] for arm in arms]) / sum(arm[2] for arm in arms))
        rows = [
            RowCounts(version, role, share, int(n), int(rng.binomial(n, rates[version])))
            for (version, role, share), n in zip(arms, sizes, strict=True)
        ]
        contract.update(rows, shares, look * 0.1)
    return contract.get()[0]


@pytest.mark.parametrize("candidate", ["v2", "v3"])
def test_equal_arms_of_several_lose_their_bets(candidate: str) -> None:
    rates = dict.fromkeys(("v1", "v2", "v3"), 0.3)
    assert np.mean([judged(candidate, ARMS, rates, seed).log_breach for seed in range(10)]) < -0.5


@pytest.mark.parametrize("arms", [ARMS, [("v1", "primary", 1.0), ("v2", "shadow", 1.0)]])
def test_one_that_breaks_rules_is_found(arms: list[tuple[str, str, float]]) -> None:
    found = judged("v2", arms, {"v1": 0.02, "v2": 0.2, "v3": 0.02}, 1)
    assert found.log_breach > np.log(1000)
    assert found.value == pytest.approx(0.2, abs=0.03)
    assert found.reference == pytest.approx(0.02, abs=0.01)


def test_a_promoted_version_has_nobody_beside_it() -> None:
    found = ContractViolations(Limit(max=0.05, max_ratio=1.0), AlphaShare("v2", 0.01), Overdispersion())
    for look in range(10):
        found.update([RowCounts("v2", "primary", 1.0, 50, 20)], AssignmentShares("v2", "v2"), float(look))
    ratio, most = found.get()
    assert (ratio.log_breach, ratio.n, ratio.n_reference) == (pytest.approx(0.0), 500, 0)
    assert most.log_breach > np.log(1000)
