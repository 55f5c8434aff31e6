"""Traffic by version: every count is the ticks' own, and what was not seen is null."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.contracts.grpc_status import NAMES
from proxy.contracts.histogram import bucket
from proxy.contracts.record import ArmTick, Tick
from proxy.control.api import page
from proxy.control.api.traffic_view import traffic
from proxy.stats.board import Board


def test_nothing_seen_is_null_and_not_zero() -> None:
    shown = traffic(Board(), "r", 1000.0)
    assert shown["arms"] == shown["shadows"] == shown["rescued"] == []
    assert shown["overhead"] == {"n": 0, "p50": None, "p99": None}


def test_an_arm_has_counts_of_all_time_and_latencies_of_a_minute() -> None:
    board = Board()
    codes = {"200": 98, "503": 1, "connect_failed": 1}
    arm = ArmTick("r", "v2", "canary", 0.1, codes, total={bucket(0.010): 98, bucket(2.0): 2}, total_sum=5.0)
    board.on_tick(Tick(0, "a", 1, 1, arms=[arm], inflight=[("r", "v2", "canary", 3)]), 1000.0)
    (shown,) = traffic(board, "r", 1001.0)["arms"]
    assert (shown["version"], shown["role"], shown["legs"], shown["bad"]) == ("v2", "canary", 100, 2)
    assert (shown["bad_ratio"], shown["codes"], shown["inflight"]) == (0.02, codes, 3)
    assert shown["total"]["n"] == 100
    assert abs(shown["total"]["p50"] - 0.010) < 0.0002
    assert abs(shown["total"]["p99"] - 2.0) < 0.04
    assert shown["first_byte"] == {"n": 0, "p50": None, "p90": None, "p99": None}
    (later,) = traffic(board, "r", 1100.0)["arms"]
    assert (later["legs"], later["total"]["n"], later["total"]["p99"], later["inflight"]) == (100, 0, None, 0)


def test_outcomes_sum_to_the_legs_and_those_that_count_to_n() -> None:
    board = Board()
    codes = {"200": 60, "400": 10, "reset": 5, "client_abort": 20, "pool_full": 5}
    inferences = ArmTick("r", "v2", "canary", 0.1, codes, total={bucket(0.01): 70}, waited={bucket(3.0): 20})
    others = ArmTick("r", "v2", "canary", 0.1, {"200": 30, "503": 10}, total={bucket(9.0): 40}, inference=False)
    board.on_tick(Tick(0, "a", 1, 1, arms=[inferences, others]), 1000.0)
    (shown,) = traffic(board, "r", 1000.0)["arms"]
    outcomes = {"good": 60, "failed": 5, "refused": 10, "abandoned": 20, "limited": 5, "not_an_inference": 40}
    assert shown["outcomes"] == shown["recent"] == outcomes
    assert (shown["legs"], shown["n"], shown["bad"]) == (sum(outcomes.values()), 95, 5)
    assert shown["bad_ratio"] == 5 / 95
    assert shown["total"]["n"] == 90, "an abandoned inference took at least as long as its client had waited"
    assert abs(shown["total"]["p99"] - 3.0) < 0.06
    (later,) = traffic(board, "r", 1100.0)["arms"]
    assert later["outcomes"] == outcomes and not any(later["recent"].values())


def test_what_bodies_say_is_told_by_reason_beside_the_outcomes() -> None:
    board = Board()
    arms = [ArmTick("r", version, "canary", 0.1, {"200": 9}) for version in ("v2", "v3")]
    board.on_tick(Tick(0, "a", 1, 1, arms=arms), 1000.0)
    board.content.analysed["r", "v2", "canary"] = 8
    board.content.invalid["r", "v2", "canary", "not_a_number"] = 3
    board.content.invalid["r", "v3", "canary", "empty_body"] = 1
    board.content.invalid["s", "v2", "canary", "empty_body"] = 1
    shown, other = traffic(board, "r", 1000.0)["arms"]
    assert (shown["analysed"], shown["invalid"], shown["outcomes"]["good"]) == (8, {"not_a_number": 3}, 9)
    assert (other["analysed"], other["invalid"]) == (0, {"empty_body": 1})


def test_what_was_lost_is_told_with_its_reason_and_of_this_route_only() -> None:
    board = Board()
    lost = [("r", "v3", "inflight", 5), ("s", "v3", "memory", 7)]
    tick = Tick(0, "a", 1, 1, shadow_dropped=lost, mirrored=[("r", "v3", 50), ("s", "v3", 50)])
    tick.rescued = [("r", "v2", "reset", 4)]
    tick.rejected = [("r", "overloaded", 6), ("s", "overloaded", 1)]
    board.on_tick(tick, 1000.0)
    shown = traffic(board, "r", 1000.0)
    assert shown["shadows"] == [{"version": "v3", "owed": 50, "coverage": 0.9, "dropped": {"inflight": 5}}]
    assert shown["rescued"] == [{"version": "v2", "reason": "reset", "count": 4}]
    assert shown["rejected"] == {"overloaded": 6}
    assert set(board.counters.overhead) == set(), "looking makes nothing"


def test_endpoints_are_those_of_the_route_s_versions() -> None:
    board = Board()
    told = {"v2": {"10.0.0.1:80": "serving", "[::1]:80": "ejected"}, "v9": {"10.0.0.9:80": "serving"}}
    arms = [ArmTick("r", "v2", role, 0.1, {"200": 1}) for role in ("canary", "shadow")]
    board.on_tick(Tick(0, "a", 1, 1, arms=arms, endpoints=told), 1000.0)
    assert traffic(board, "r", 1000.0)["endpoints"] == [
        {"version": "v2", "address": "10.0.0.1:80", "state": "serving"},
        {"version": "v2", "address": "[::1]:80", "state": "ejected"},
    ]


def test_the_page_knows_the_names_of_all_codes_of_grpc() -> None:
    text = (Path(page.__file__).parent / "dom.js").read_text(encoding="utf-8")
    (listed,) = re.findall(r"const GRPC = \[(.*?)\];", text, re.DOTALL)
    assert tuple(re.findall(r'"(\w+)"', listed)) == NAMES
