"""Routes that are watched: when their comparisons begin anew, whom they judge, and what full bounds left out."""

from __future__ import annotations

from math import log

from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.stats.board import Board
from proxy.stats.drift.adwin import MAX_WATCHED
from proxy.stats.evidence.assignment_share import MAX_PARTS
from proxy.stats.quality.label_join import MAX_EARLY_LABELS
from proxy.stats.totals import BOUNDS
from tests.support.boards import GUARD, ROUTE, arm, tick, watched


def test_watch_is_idempotent_and_starts_afresh_with_a_new_subject() -> None:
    board = watched()
    board.on_tick(tick(arm("canary", "v2", bad=5), arm("primary", "v1", 100, share=0.9)), 0.0)
    before = board.evidence(ROUTE, 0.0)
    board.watch(ROUTE, ("v2",), "v1", Guard(), "oip", 1.0)
    assert board.evidence(ROUTE, 1.0) == before
    for candidate, primary, guard in (("v3", "v1", GUARD), ("v2", "v0", GUARD), ("v2", "v1", Guard(false_alarm=0.01))):
        board.watch(ROUTE, (candidate,), primary, guard, "oip", 1.0)
        assert board.evidence(ROUTE, 1.0)[0].n == 0
    board.watch(ROUTE, (), "v1", GUARD, "oip", 1.0)
    assert board.evidence(ROUTE, 1.0) == ()
    assert board.counters.arms[ROUTE, "v2", "canary"].codes["503"] == 5


def test_several_candidates_are_judged_each_for_itself() -> None:
    board = Board()
    guard = Guard({"error_rate": Limit(max_ratio=1.5)})
    board.watch("r", ("v2", "v3"), "v1", guard, "json", 0.0)
    for seq in range(5):
        arms = [ArmTick("r", "v1", "primary", 0.8, {"200": 80}), ArmTick("r", "v2", "canary", 0.1, {"200": 10})]
        arms.append(ArmTick("r", "v3", "canary", 0.1, {"500": 10}))
        board.on_tick(Tick(0, "a", seq, 1, arms=arms), 0.1 * seq)
    healthy, broken = board.evidence("r", 1.0)
    assert (healthy.version, healthy.n, broken.version, broken.n) == ("v2", 50, "v3", 50)
    assert healthy.log_breach < log(1000) <= broken.log_breach
    board.watch("r", ("v3", "v2"), "v1", guard, "json", 1.0)
    assert [evidence.n for evidence in board.evidence("r", 1.0)] == [50, 50]


def test_a_promoted_candidate_is_held_to_absolute_limits() -> None:
    board = Board()
    board.watch("r", ("v2",), "v2", Guard({"error_rate": Limit(max=0.05)}), "json", 0.0)
    board.on_tick(Tick(0, "a", 1, 1, arms=[ArmTick("r", "v2", "primary", 1.0, {"500": 60})]), 0.1)
    (evidence,) = board.evidence("r", 0.2)
    assert (evidence.n, evidence.value) == (60, 1.0)
    assert evidence.log_breach >= log(1000)


def test_what_a_full_bound_leaves_out_is_counted() -> None:
    board = watched()
    assert board.bounds_reached() == dict.fromkeys(BOUNDS, 0)
    for at in range(MAX_EARLY_LABELS + 3):
        board.on_label(f"nobody{at}", 1, 0.0)
    assert board.bounds_reached()["early_labels"] == 3
    board._streams[ROUTE][1].left_out["layouts"] += 2
    board.watch(ROUTE, ("v2",), "v1", GUARD, "json", 1.0)
    assert board.bounds_reached()["layouts"] == 2, "other streams of the route carry on counting"


def test_what_bounds_of_a_comparison_left_out_outlives_it() -> None:
    board = watched()
    for percent in range(1, 100):
        share = percent / 200
        board.on_tick(tick(arm("canary", "v2", 1, share=share), arm("primary", "v1", 1, share=1 - share)), 0.0)
    reached = board.bounds_reached()["shares"]
    assert reached == 2 * (99 - MAX_PARTS)
    board.watch(ROUTE, ("v3",), "v1", GUARD, "json", 1.0, Analysis(detectors=tuple(map(str, range(40)))))
    assert board.bounds_reached()["shares"] == reached
    assert board.bounds_reached()["detectors"] == 40 - MAX_WATCHED
