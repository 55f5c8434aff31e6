"""Keys that cannot be read are told where they are many, by reason, once."""

from __future__ import annotations

import pytest

from proxy.contracts.record import ArmTick, Tick
from proxy.control.unread_keys import UnreadKeys
from proxy.stats.board import Board


def counted(reason: str, unread: int, requests: int = 100) -> Board:
    board = Board()
    arms = [
        ArmTick("r", "v1", "primary", 0.9, {"200": requests - 10}),
        ArmTick("r", "v2", "canary", 0.1, {"200": 10}),
        ArmTick("r", "v2", "shadow", 1.0, {"200": 1000}),
    ]
    board.counters.update(Tick(0, "a", 1, 1, arms=arms, unread_keys=[("r", reason, unread)]), 0.0)
    return board


@pytest.mark.parametrize(
    ("reason", "unread", "told"),
    [("encoding", 11, True), ("encoding", 9, False), ("absent", 49, False), ("absent", 60, True), ("cost", 100, True)],
)
def test_what_is_large_is_told(reason: str, unread: int, told: bool) -> None:
    keys = UnreadKeys()
    found = keys.update(("r", "other"), counted(reason, unread))
    assert bool(found) == told and set(keys.faults) == ({"r"} if told else set())
    assert not told or f"({reason}: " in found[0][1]


def test_it_is_told_once_stays_without_traffic_and_goes_with_its_cause() -> None:
    keys, board = UnreadKeys(), counted("not_json", 50)
    assert keys.update(("r",), board) and not keys.update(("r",), board)
    assert keys.faults
    board.counters.update(Tick(0, "a", 2, 1, arms=[ArmTick("r", "v1", "primary", 0.9, {"200": 100})]), 1.0)
    assert not keys.update(("r",), board) and not keys.faults


def test_few_requests_tell_nothing() -> None:
    assert not UnreadKeys().update(("r",), counted("not_json", 12, requests=12))
