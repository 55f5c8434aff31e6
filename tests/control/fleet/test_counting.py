"""Counting: cells are the sums of what was counted, whatever portions it came in, and only inferences are evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import ArmTick, Tick
from proxy.control.fleet import counts
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.looks import look_of
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import BinnedRows, RowCounts
from proxy.stats.evidence.answer_measures import MeasuredAnswers


def tick(*arms: ArmTick, **more: Any) -> Tick:
    return Tick(0, "w", 1, 1, arms=list(arms), **more)


small = st.integers(0, 5)
buckets = st.dictionaries(st.integers(-9, 9), small, max_size=3)
arms = st.builds(
    ArmTick,
    st.sampled_from(["r", "q"]),
    st.sampled_from(["v1", "v2"]),
    st.sampled_from(["primary", "canary", "shadow"]),
    st.sampled_from([0.1, 0.9]),
    codes=st.dictionaries(st.sampled_from(["200", "500", "connect_failed"]), small, max_size=3),
    keys=st.dictionaries(st.just("server_error"), st.lists(st.integers(1, 3), max_size=3), max_size=1),
    total=buckets,
    total_sum=st.integers(0, 9).map(float),
    first_byte=buckets,
    waited=buckets,
    connect=buckets,
    disturbed=buckets,
    inference=st.booleans(),
)


@given(st.lists(arms, max_size=8), st.integers(0, 8))
def test_two_sidecars_count_what_one_does(found: list[ArmTick], at: int) -> None:
    whole, one, other = Counting(), Counting(), Counting()
    whole.on_tick(tick(*found))
    one.on_tick(tick(*found[:at]))
    other.on_tick(tick(*found[at:]))
    assert counts.total([one.cells, other.cells]) == whole.cells
    assert one.legs + other.legs == whole.legs


@given(st.lists(arms, max_size=8))
def test_legs_are_the_finished_inferences(found: list[ArmTick]) -> None:
    counting = Counting()
    counting.on_tick(tick(*found))
    assert counting.legs == sum(each.finished for each in found if each.inference)


@given(arms.filter(lambda arm: arm.inference and arm.finished))
def test_a_look_has_the_arm_again(arm: ArmTick) -> None:
    counting = Counting()
    counting.on_tick(tick(arm))
    (again,) = look_of(counting.cells, 1).tick.arms
    for field in (*("codes", "total", "first_byte", "waited", "connect", "disturbed"),):
        assert getattr(again, field) == {name: n for name, n in getattr(arm, field).items() if n}
    assert (again.route, again.version, again.role, again.share) == (arm.route, arm.version, arm.role, arm.share)
    assert again.total_sum == arm.total_sum
    assert {outcome: sorted(keys) for outcome, keys in arm.keys.items() if keys} == again.keys


def test_what_a_tick_says_of_copies_and_rescues_is_counted_by_reason() -> None:
    counting = Counting()
    for _ in range(2):
        counting.on_tick(
            tick(mirrored=[("r", "v2", 3)], shadow_dropped=[("r", "v2", "full", 2)], rescued=[("r", "v2", "reset", 1)])
        )
    assert counting.cells == {
        ("mirrored", "r", "v2"): {"": 6},
        ("shadow_dropped", "r", "v2"): {"full": 4},
        ("rescued", "r", "v2"): {"reset": 2},
    }


def test_lost_pairs_are_what_they_are_now_and_not_a_sum() -> None:
    counting = Counting()
    for count in (3, 5, 0):
        counting.on_lost("r", "v2", count)
    assert counting.cells == {("lost", "r", "v2"): {"": 5}}, "a count that shrank says nothing: counts only grow"


CASES = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize("case", CASES)
def test_pairs_beside_a_noise_copy_come_back_as_the_case_that_they_are(case: tuple[bool, bool]) -> None:
    counting = Counting()
    counting.on_pairs([PairResult("r", "v2", 4, 1), *[PairResult("r", "v2", noise_pair=case)] * 2])
    pairs = look_of(counting.cells, 1).routes["r"].pairs
    assert sum(each.pairs for each in pairs) == 4
    assert sum(each.disagreed for each in pairs) == 1
    assert [each.noise_pair for each in pairs if each.noise_pair is not None] == [case] * 2


def test_everything_that_a_board_counts_comes_back() -> None:
    counting = Counting()
    contents = ContentCounts("v2", "canary", 0.1, 9, 2, (7, 7), 1, 3)
    rows = RowCounts("v2", "canary", 0.1, 9, 2)
    measured = MeasuredAnswers("v2", "canary", 0.1, "output_tokens", {4: 2}, 1)
    binned = BinnedRows("input", "v2", "canary", np.array([[0.0, 2.0], [1.0, 0.0]]))
    for _ in range(2):
        counting.on_contents("r", [contents])
        counting.on_rows("r", [rows])
        counting.on_measured("r", [measured])
        counting.on_binned("r", binned)
        counting.on_identities("r", {"v2": {("asked", "gave"): 2, ("", ""): 1}})
    look = look_of(counting.cells, 1).routes["r"]
    assert look.contents == [ContentCounts("v2", "canary", 0.1, 18, 4, (7, 7, 7, 7), 2, 6)]
    assert look.rows == [RowCounts("v2", "canary", 0.1, 18, 4)]
    assert {row.metric: (row.values, row.unread) for row in look.measured if row.values} == {
        "output_tokens": ({4: 4}, 0)
    }
    assert sum(row.unread for row in look.measured) == 2
    (again,) = look.binned
    assert np.array_equal(again.counts, 2 * binned.counts)
    assert look.identities == {"v2": {("asked", "gave"): 4, ("", ""): 2}}


def test_a_new_epoch_begins_at_zero() -> None:
    counting = Counting()
    counting.on_tick(tick(ArmTick("r", "v2", "canary", 0.1, {"200": 3})))
    before = counting.cells
    counting.begin()
    assert (counting.cells, counting.legs, counting.epoch) == ({}, 0, 1)
    assert before, "cells that are being written do not change under the writer"
