"""Counts since the start: exact and monotone, whatever is judged, and read-only."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.contracts.observation import Tensor, Usage
from proxy.contracts.settings import Guard, Limit
from proxy.stats.board import Board
from proxy.stats.totals import AMPLE_MEMORY
from tests.stats.test_board import leg
from tests.support.boards import GUARD, ROUTE, arm, tick, watched
from tests.support.observed import observation


def test_counters_are_exact_and_monotone() -> None:
    board = watched()
    one = tick(
        arm(
            "canary",
            "v2",
            3,
            1,
            total={-240: 3},
            total_sum=0.03,
            first_byte={-250: 3},
            first_byte_sum=0.02,
            connect={-300: 1},
        ),
        shadow_dropped=[(ROUTE, "v3", "inflight", 2)],
        mirrored=[(ROUTE, "v3", 8)],
        rescued=[(ROUTE, "v2", "connect_failed", 1)],
        rejected=[("", "no_route", 4)],
        records_dropped={"outbox": 7},
        overhead={ROUTE: {-500: 4}},
        overhead_sum={ROUTE: 0.0003},
        inflight=[(ROUTE, "v2", "canary", 5)],
    )
    board.on_tick(one, 0.0)
    board.watch(ROUTE, ("v3",), "v1", GUARD, "oip", 0.5)
    board.on_tick(one, 1.0)
    counters = board.counters
    counted = counters.arms[ROUTE, "v2", "canary"]
    assert counted.codes == {"200": 6, "503": 2}
    assert (counted.outcomes["failed"], counted.total.buckets, counted.total.seconds) == (
        2,
        {-240: 6},
        pytest.approx(0.06),
    )
    assert counted.connect.buckets == {-300: 2}
    assert counters.shadow_dropped == {(ROUTE, "v3", "inflight"): 4}
    assert counters.coverage(ROUTE, "v3") == 0.75
    assert counters.coverage(ROUTE, "v1") is None
    assert counters.rescued == {(ROUTE, "v2", "connect_failed"): 2}
    assert counters.rejected == {("", "no_route"): 8}
    assert counters.records_dropped == {"outbox": 14}
    assert counters.overhead[ROUTE].buckets == {-500: 8}
    assert counters.inflight(1.0) == {(ROUTE, "v2", "canary"): 5}
    assert counters.inflight(60.0) == {}


def test_latency_quantiles_slide() -> None:
    board = watched()
    board.on_tick(tick(arm("primary", "v1", 10, total={-240: 10})), 0.0)
    assert board.latency(ROUTE, "v1", "primary", 0.5, 30.0) == pytest.approx(0.01, rel=0.02)
    board.on_tick(tick(arm("primary", "v1", 10, total={-120: 10})), 70.0)
    assert board.latency(ROUTE, "v1", "primary", 0.1, 70.0) == pytest.approx(0.1, rel=0.02)
    assert board.latency(ROUTE, "v1", "primary", 0.5, 1000.0) is None
    assert board.latency(ROUTE, "nobody", "primary", 0.5, 0.0) is None


def test_unreadable_bodies_are_counted_by_reason() -> None:
    board = watched()
    board.on_observations([leg("primary", "v1", 1, 0, unreadable_request="json", unreadable_response="shape")], 0.0)
    assert board.unreadable == {
        (ROUTE, "v1", "primary", "request", "json"): 1,
        (ROUTE, "v1", "primary", "response", "shape"): 1,
    }


def test_copies_that_were_not_compared_are_lost() -> None:
    board = watched(Guard(scorecard={"disagreement": Limit(max=0.05)}))
    board.on_tick(tick(shadow_dropped=[(ROUTE, "v2", "inflight", 3), (ROUTE, "v9", "inflight", 9)]), 0.0)
    board.on_observations([leg("shadow", "v2", 1, 0), leg("shadow", "v2", 2, 0, unreadable_response="json")], 0.0)
    board.on_observations([leg("primary", "v1", 2, 0)], 100.0)
    assert board.unpaired == {"late": 1}
    assert board.evidence(ROUTE, 0.0)[0].lost == 3 + 1
    board.on_observations(
        [leg("shadow", "v2", 3, 0, unreadable_response="too_large"), leg("primary", "v1", 3, 0)], 100.0
    )
    assert board.evidence(ROUTE, 0.0)[0].lost == 3 + 1 + 1
    assert board.pairs == {
        (ROUTE, "v2", "agrees", ""): 0,
        (ROUTE, "v2", "differs", "json"): 1,
        (ROUTE, "v2", "lost", "late"): 1,
        (ROUTE, "v2", "lost", "too_large"): 1,
        (ROUTE, "v2", "lost", "inflight"): 3,
        (ROUTE, "v9", "lost", "inflight"): 9,
    }
    assert board.unbalanced(ROUTE) == 0
    board.watch(ROUTE, ("v2",), "v0", Guard(scorecard={"disagreement": Limit(max=0.05)}), "oip", 101.0)
    assert board.evidence(ROUTE, 0.0)[0].lost == 0


def test_what_the_board_shows_cannot_be_written() -> None:
    board = watched()
    for view in (board.scores, board.labelled, board.unscored, board.feedbacks, board.unlabelled, board.tokens):
        with pytest.raises(TypeError):
            view["x"] = 1  # type: ignore[index]


def test_bad_events_of_a_primary_are_of_its_inferences_and_of_its_answers() -> None:
    board = watched()
    board.on_tick(tick(arm("primary", "v1", 8, 2), arm("canary", "v2", 1, 1)), 0.0)
    assert board.bad_events(ROUTE, "v1") == {
        "error_rate": (2, 10),
        "refusal_rate": (0, 10),
        "abandonment_rate": (0, 10),
    }
    assert board.bad_events(ROUTE, "nobody") == {}


def test_tokens_are_counted_by_kind() -> None:
    board = watched()
    board.on_observations(
        [leg("primary", "v1", 1, 0, usage=usage) for usage in (Usage(9, 5, 2), Usage(1, 1), None)], 0.0
    )
    assert board.usage == {
        (ROUTE, "v1", "primary", "input"): 10,
        (ROUTE, "v1", "primary", "output"): 6,
        (ROUTE, "v1", "primary", "reasoning"): 2,
    }


@pytest.mark.parametrize("memory", [1 << 24, AMPLE_MEMORY])
def test_what_waits_takes_its_part_of_the_memory(memory: int) -> None:
    board = Board(memory=memory)
    board.watch("r", ("v2",), "v1", Guard(), "oip", 0.0)
    outputs = (Tensor("y", 1, 200, "category", ["v" * 200] * 200),)
    for at in range(400):
        one = observation((0, "a"), at, f"{at}", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, outputs=outputs)
        board.on_observations([replace(one, copies=1)], 0.0)
    pairs, labels = board.unpaired.get("crowded", 0), board.unlabelled.get(("r", "evicted"), 0)
    assert (pairs > 300, labels > 300) == ((True, True) if memory < AMPLE_MEMORY else (False, False))
