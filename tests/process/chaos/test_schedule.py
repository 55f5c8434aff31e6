"""Schedules: of a seed alone, within their rules, and of every kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.process.chaos.schedule import EXCLUDED, KINDS, MOST_AT_ONCE, QUIET_SECONDS, schedule

seeds = st.integers(0, 2**32)


@given(seeds)
def test_a_seed_gives_one_schedule(seed: int) -> None:
    assert schedule(seed, 30.0) == schedule(seed, 30.0)


@given(seeds, st.floats(8.0, 60.0))
def test_faults_are_few_at_once_of_groups_that_go_together_and_end_before_the_quiet(seed: int, seconds: float) -> None:
    faults = schedule(seed, seconds)
    assert list(faults) == sorted(faults, key=lambda fault: fault.at)
    for fault in faults:
        kind = KINDS[fault.kind]
        assert kind.least - 0.001 <= fault.seconds <= kind.most + 0.001
        assert kind.amounts[0] <= fault.amount <= kind.amounts[1]
        assert fault.end <= seconds - QUIET_SECONDS
        beside = [other for other in faults if other is not fault and other.at <= fault.at < other.end]
        assert len(beside) < MOST_AT_ONCE
        groups = {KINDS[other.kind].group for other in beside}
        assert kind.group not in groups and not groups & EXCLUDED.get(kind.group, frozenset())


def test_exclusions_are_of_both_sides() -> None:
    for group, others in EXCLUDED.items():
        assert all(group in EXCLUDED.get(other, frozenset()) for other in others), group


def test_ten_minutes_have_nearly_every_kind() -> None:
    kinds = {fault.kind for fault in schedule(7, 600.0)}
    assert len(kinds) > 0.9 * len(KINDS)
    assert any(schedule(seed, 30.0) != schedule(seed + 1, 30.0) for seed in range(3))


def test_only_the_kinds_that_are_asked_for_are_drawn() -> None:
    faults = schedule(1, 60.0, ("reload", "aborts"))
    assert {fault.kind for fault in faults} == {"reload", "aborts"}
