"""Captured legs through the decision code: what it would have done, and when."""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec.structs import replace

from proxy.contracts.record import TICK_SECONDS, UNARY, UNREAD
from proxy.contracts.table import Share
from proxy.control.capture.format import Captured, captured
from proxy.control.capture.replay import Rehearsal, replay
from tests.control.houses import canary_release, section, settings
from tests.support.records import record


def traffic(seconds: float, rate: int, error: float, seed: int = 7) -> list[Captured]:
    """Requests at a 10 % split; the canary fails with probability `error`, the primary with 1 %."""
    random, legs = Random(seed), []
    for exchange in range(int(seconds * rate)):
        canary = random.random() < 0.1
        bad = random.random() < (error if canary else 0.01)
        who = {"version": "v2", "role": "canary", "share": 0.1} if canary else {"version": "v1", "share": 0.9}
        leg = record(
            exchange=exchange, route="cancer", started=1000.0 + exchange / rate, status=500 if bad else 200, **who
        )
        legs.append(captured(leg, (0, "a"), False))
    return legs


def test_a_backtest_says_when_it_would_have_acted() -> None:
    healthy, broken = replay(settings(), traffic(60, 100, 0.01)), replay(settings(), traffic(60, 100, 1.0))
    assert healthy.acts == []
    (act,) = broken.acts
    assert (act.action, act.route) == ("rollback", "cancer")
    assert act.requests < 20 and act.at < 1003.0
    assert healthy.verdicts()["cancer"][0].outcome != "fail"
    for rehearsal in (healthy, broken):
        rehearsal.close()


def test_a_backtest_of_a_release_goes_through_its_stages() -> None:
    release = canary_release(stages=canary_release().stages[1:2])
    rehearsal = replay(settings(section(split=(), release=release)), traffic(60, 100, 0.01))
    assert [act.action for act in rehearsal.acts] == ["promote"]
    rehearsal.close()


def test_nothing_captured_is_no_act() -> None:
    rehearsal = replay(settings(), [])
    assert (rehearsal.acts, rehearsal.verdicts()["cancer"][0].outcome) == ([], "undecided")
    rehearsal.close()


def test_legs_of_routes_that_are_gone_are_left_out() -> None:
    rehearsal = Rehearsal(settings(section("other")), 1000.0)
    rehearsal.observe(traffic(1, 100, 0.01), 1000.0 + TICK_SECONDS)
    assert rehearsal.verdicts().keys() == {"other"}
    rehearsal.close()


def test_what_was_picked_for_being_rare_is_no_evidence() -> None:
    """A capture that keeps each failure and one success in ten shows ten times as many failures as there were."""
    legs = traffic(60, 100, 0.01)
    picked = [replace(leg, extra=leg.status != 200) for leg in legs if leg.status != 200 or leg.exchange % 10 == 0]
    rehearsal = replay(settings(), picked)
    assert rehearsal.acts == []
    assert sum(verdict.n for verdict in rehearsal.verdicts()["cancer"][:1]) < len(legs) / 10
    rehearsal.close()


def test_messages_that_nobody_reads_are_not_read_here_either() -> None:
    """A capture has such requests, so that they can be sent again; control takes none of them to statistics, and none
    of their copies."""
    shadowed = settings(replace(section(split=()), protocol="grpc", shadows=(Share("v2", 100.0),)))
    fields = b"content-type: application/grpc\r\n"
    for path, marks, read in (
        ("/a.Service/Do", UNREAD, 0),
        ("/a.Service/Do", 0, 0),  # a line of before
        ("/inference.GRPCInferenceService/ModelInfer", UNARY, 1),
    ):
        facts: dict[str, Any] = {"route": "cancer", "started": 1000.0, "call": 0, "status": 200, "marks": marks}
        asked = {"path": path, "request_fields": fields, "request": b"odd", "copies": 1}
        legs = [record(version="v1", response=b"odd", **facts, **asked)]
        if marks:
            legs.append(record(version="v2", role="shadow", copies=-1, response=None, **facts))
        rehearsal = replay(shadowed, [captured(leg, (0, "a"), True) for leg in legs])
        board = rehearsal.board
        assert sum(board.content.analysed.values()) == read
        assert bool(board.unreadable) == bool(read)
        assert sum(arm.counted for arm in board.counters.arms.values()) == len(legs), "all count by their status"
        rehearsal.close()
