"""The candidate's share of two, from what each arm carries."""

import pytest

from proxy.contracts.record import ArmTick
from proxy.stats.shares import REMEMBERED, Shares


def seen(canary=(), primary=()):
    shares = Shares()
    shares.update(
        [ArmTick("r", "v2", "canary", s) for s in canary], [ArmTick("r", "v1", "primary", s) for s in primary]
    )
    return shares


def test_two_versions_share_everything():
    shares = seen([0.1], [0.9])
    assert shares.of_canary(0.1) == pytest.approx(0.1)
    assert shares.of_primary(0.9) == pytest.approx(0.1)


def test_legs_from_before_a_ramp_keep_the_share_they_were_assigned_at():
    shares = seen([0.1, 0.5], [0.9, 0.5])
    assert shares.of_primary(0.9) == pytest.approx(0.1)
    assert shares.of_primary(0.5) == pytest.approx(0.5)


def test_a_third_version_is_left_out_of_the_two():
    shares = seen([0.1], [0.7])
    assert shares.of_canary(0.1) == pytest.approx(1 / 8)
    assert shares.of_primary(0.7) == pytest.approx(1 / 8)


def test_alone_means_all_or_nothing():
    assert seen([1.0], []).of_canary(1.0) == 1.0
    assert seen([], [1.0]).of_primary(1.0) == 0.0
    assert seen().of_canary(0.0) == 0.0


def test_memory_is_bounded():
    shares = seen([i / 1000 for i in range(500)])
    assert len(shares._canary) == REMEMBERED
