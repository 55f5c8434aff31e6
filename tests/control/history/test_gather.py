"""Ticks become the counts of a second; what there is no room for is said."""

from __future__ import annotations

import pytest

from proxy.contracts.record import ArmTick, Tick
from proxy.control.history import gather
from proxy.control.history.gather import Gatherer
from proxy.control.history.steps import ArmStep, TimeStep

ARM = ("v1", "primary")


def test_all_that_a_tick_counts_of_a_route_is_in_its_step() -> None:
    gatherer = Gatherer()
    arms = [
        ArmTick("r", "v1", "primary", 0.9, {"200": 3, "client_abort": 1}, total={-240: 3}, waited={0: 1}),
        ArmTick("r", "v1", "primary", 0.9, {"200": 2}, total={-1: 2}, inference=False),
    ]
    rows = {
        "mirrored": [("r", "v3", 5)],
        "shadow_dropped": [("r", "v3", "memory", 2)],
        "rescued": [("r", "v2", "late", 4)],
        "rejected": [("r", "overload", 6), ("", "no_route", 9)],
    }
    gatherer.on_tick(Tick(0, "a", 1, 1, arms=arms, **rows), {"r": None})  # type: ignore[arg-type]
    gatherer.on_tick(Tick(0, "a", 2, 1, arms=[ArmTick("r", "v1", "primary", 0.9, {"503": 1})]), {"r": None})
    arm = ArmStep([3, 1, 0, 1, 0, 2], {-240: 3, 0: 1})
    expected = TimeStep(0, 1, arms={ARM: arm}, copies={"v3": (5, 2)}, rescued={"v2": 4}, rejected=6)
    assert gatherer.take() == {"r": expected}


def test_a_second_without_a_tick_is_unknown_and_one_without_a_request_is_not() -> None:
    gatherer = Gatherer()
    assert gatherer.take() is None
    gatherer.on_tick(Tick(0, "a", 1, 1), {"r": None})
    assert gatherer.take() == {}
    assert gatherer.take() is None


def test_a_route_that_is_not_followed_is_counted() -> None:
    gatherer = Gatherer()
    rows = {"mirrored": [("s", "v3", 5)], "rescued": [("s", "v2", "late", 4)], "rejected": [("s", "overload", 6)]}
    gatherer.on_tick(Tick(0, "a", 1, 1, arms=[ArmTick("s", "v1", "primary", 1.0, {"200": 1})], **rows), {})  # type: ignore[arg-type]
    assert gatherer.take() == {} and gatherer.refused == 1


def test_latencies_without_room_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_CELLS", 2)
    gatherer = Gatherer()
    buckets = {-240: 5, -239: 6, -238: 7}
    for _ in range(2):
        arm = ArmTick("r", "v1", "primary", 1.0, {"200": 18}, total=dict(buckets))
        gatherer.on_tick(Tick(0, "a", 1, 1, arms=[arm]), {"r": None})
    (step,) = (gatherer.take() or {}).values()
    assert step.arms[ARM] == ArmStep([36, 0, 0, 0, 0, 0], {-240: 10, -239: 12}, 14)
    assert gatherer.untimed == 14
    gatherer.on_tick(
        Tick(0, "a", 1, 1, arms=[ArmTick("r", "v1", "primary", 1.0, {"200": 7}, total={9: 7})]), {"r": None}
    )
    (next_step,) = (gatherer.take() or {}).values()
    assert next_step.arms[ARM].untimed == 0, "each second has the whole room"
