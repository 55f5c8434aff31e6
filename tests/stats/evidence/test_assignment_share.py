"""The candidate's share of two, from what each arm carries."""

from typing import Any

import numpy as np
import pytest

from proxy.contracts.record import ArmTick
from proxy.stats.evidence.assignment_share import REMEMBERED, AssignmentShares
from proxy.stats.sequential.e_process import BREACH_FACTORS
from proxy.stats.sequential.rate_ratio import gains


def arms(canary: Any = (), primary: Any = (), shadow: Any = ()) -> list[ArmTick]:
    rows: Any = (("canary", "v2", canary), ("primary", "v1", primary), ("shadow", "v2", shadow))
    return [ArmTick("r", version, role, share) for role, version, shares in rows for share in shares]


def seen(canary: Any = (), primary: Any = ()) -> AssignmentShares:
    shares = AssignmentShares()
    shares.sides(arms(canary, primary), "v2", "v1")
    return shares


def test_only_assignments_of_the_two_are_sides() -> None:
    others = [ArmTick("r", "v1", "rescue", 0.9), ArmTick("r", "v1", "noise", 0.1), ArmTick("r", "v9", "canary", 0.1)]
    sides = AssignmentShares().sides([*arms([0.1], [0.9]), *others], "v2", "v1")
    assert [(side.arm.role, side.candidate) for side in sides] == [("primary", False), ("canary", True)]
    assert [side.share for side in sides] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("part", [0.1, 1.0])
def test_copies_count_beside_the_live_requests(part: float) -> None:
    shares = AssignmentShares()
    sides = shares.sides(arms(primary=[1.0], shadow=[part]), "v2", "v1")
    assert [side.share for side in sides] == pytest.approx([part / (1 + part)] * 2)
    after = shares.sides(arms([0.2], [0.8]), "v2", "v1")
    assert [side.share for side in after] == pytest.approx([0.2, 0.2])


def test_a_request_that_is_bad_for_shadow_and_primary_never_gains() -> None:
    for part in np.linspace(0.01, 1.0, 25):
        w = part / (1 + part)
        mine, other = (
            gains(w, np.array(1), np.array(0), 1.0, np.array(BREACH_FACTORS)),
            gains(w, np.array(0), np.array(1), 1.0, np.array(BREACH_FACTORS)),
        )
        assert (np.exp(other) * (part * np.exp(mine) + 1 - part) <= 1.0 + 1e-12).all()


def test_two_versions_share_everything() -> None:
    shares = seen([0.1], [0.9])
    assert shares.of_canary(0.1) == pytest.approx(0.1)
    assert shares.of_primary(0.9) == pytest.approx(0.1)


def test_legs_from_before_a_ramp_keep_the_share_they_were_assigned_at() -> None:
    shares = seen([0.1, 0.5], [0.9, 0.5])
    assert shares.of_primary(0.9) == pytest.approx(0.1)
    assert shares.of_primary(0.5) == pytest.approx(0.5)


def test_a_third_version_is_left_out_of_the_two() -> None:
    shares = seen([0.1], [0.7])
    assert shares.of_canary(0.1) == pytest.approx(1 / 8)
    assert shares.of_primary(0.7) == pytest.approx(1 / 8)


def test_alone_means_all_or_nothing() -> None:
    assert seen([1.0], []).of_canary(1.0) == 1.0
    assert seen([], [1.0]).of_primary(1.0) == 0.0
    assert seen().of_canary(0.0) == 0.0


def test_memory_is_bounded() -> None:
    shares = seen([i / 1000 for i in range(500)])
    assert len(shares._candidate) == REMEMBERED
