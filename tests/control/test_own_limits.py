"""Warnings about what this process had no room or time for: the reason, how often, and what to raise."""

from __future__ import annotations

import pytest

from proxy.contracts.failure import FAILURES
from proxy.contracts.record import ArmTick, Tick
from proxy.control.own_limits import NOT_KEPT, REMEDIES, UNWARNED, OwnLimits
from proxy.control.warnings import SPAN_SECONDS
from proxy.stats.board import Board
from tests.control.houses import House

Rejected = tuple[tuple[str, str, int], ...]


def counted(board: Board, seq: int, codes: dict[str, int], rejected: Rejected = ()) -> None:
    arms = [ArmTick("r", "v1", "primary", 1.0, codes)]
    board.counters.update(Tick(0, "a", seq, 1, arms=arms, rejected=list(rejected)), 0.0)


def test_every_reason_of_this_process_has_a_remedy_or_needs_none() -> None:
    own = {reason for reason, failure in FAILURES.items() if failure.source == "internal"}
    assert own == REMEDIES.keys() | UNWARNED and not REMEDIES.keys() & UNWARNED


@pytest.mark.parametrize("reason", REMEDIES)
def test_one_leg_is_told_with_its_reason_and_goes_with_its_cause(reason: str) -> None:
    board, own = Board(), OwnLimits()
    counted(board, 1, {"200": 500, reason: 1})
    ((route, fault),) = own.update(("r",), board)
    assert route == "r" and fault.startswith(f"{reason}: 1 clients, requests or legs: ") and "{" not in fault
    assert own.faults == {"r": [fault]}
    counted(board, 2, {reason: 7})
    assert own.update(("r",), board) == [], "told once while it lasts"
    assert own.faults["r"][0].startswith(f"{reason}: 7 ")
    counted(board, 3, {"200": 500})
    assert own.update(("r",), board) == [] and own.faults == {}


def test_requests_that_got_no_leg_are_told_of_their_route_alone() -> None:
    board, own = Board(), OwnLimits()
    counted(board, 1, {}, (("r", "overloaded", 3), ("other", "overloaded", 2), ("r", "body_too_large", 9)))
    own.update(("r", "idle"), board)
    assert list(own.faults) == ["r"]
    (fault,) = own.faults["r"]
    assert fault.startswith("overloaded: 3 ") and "routes.r.limits.inflight" in fault


def test_clients_that_were_refused_before_their_route_was_known_are_told_of_every_route() -> None:
    board, own = Board(), OwnLimits()
    counted(board, 1, {}, (("", "too_many_connections", 128), ("", "no_memory", 2), ("r", "no_memory", 1)))
    assert len(own.update(("r", "other"), board)) == 4
    full, many = own.faults["r"]
    assert full.startswith("no_memory: 3 ") and many.startswith("too_many_connections: 128 ")
    assert own.faults["other"][0].startswith("no_memory: 2 ")
    counted(board, 2, {})
    own.update(("r", "other"), board)
    assert own.faults == {}


@pytest.mark.parametrize("rows", ["not_rescued", "not_retried"])
@pytest.mark.parametrize(("reason", "told"), [("too_large", True), ("answer_began", False), ("processed", False)])
def test_a_second_try_that_a_larger_bound_would_have_allowed(rows: str, reason: str, told: bool) -> None:
    board, own = Board(), OwnLimits()
    board.counters.update(Tick(0, "a", 1, 1, **{rows: [("r", "v2", reason, 3)]}), 0.0)  # type: ignore[arg-type]
    own.update(("r", "other"), board)
    assert list(own.faults) == (["r"] if told else [])
    if told:
        (fault,) = own.faults["r"]
        assert fault.startswith(f"{NOT_KEPT}: 3 ") and "routes.r.limits.rescue_body" in fault


def test_failures_of_versions_and_clients_are_none_of_it() -> None:
    board, own = Board(), OwnLimits()
    counted(board, 1, {"connect_failed": 5, "client_abort": 5, "503": 5, "late": 5})
    assert own.update(("r",), board) == [] and own.faults == {}


def test_the_route_shows_it_and_the_log_has_it_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        house.now += SPAN_SECONDS
        house.tick(ArmTick("cancer", "v1", "primary", 0.9, {"200": 50, "no_resources": 2}))
        house.engine.on_time(house.now)
    (told,) = [warning for warning in house.engine.warnings("cancer") if "no_resources" in warning]
    assert "ulimit -n" in told
    assert len([record for record in caplog.records if "no_resources" in record.message]) == 1
