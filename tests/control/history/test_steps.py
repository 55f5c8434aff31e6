"""Steps join without loss, in any order of joining."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.history.steps import (
    ArmStep,
    FeatureStep,
    LineStep,
    TimeStep,
    encode,
    fold,
    joined,
    packed,
    unpacked,
)

ARMS = st.sampled_from([("v1", "primary"), ("v2", "canary"), ("v2", "shadow")])
COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9))
ARM_STEPS = st.builds(
    ArmStep,
    st.lists(st.integers(0, 50), min_size=6, max_size=6),
    st.dictionaries(st.integers(-720, 719), st.integers(1, 99), max_size=5),
    st.integers(0, 3),
)
LINES = st.builds(LineStep, st.floats(-2, 2), st.none() | st.floats(0, 1), st.just(0.5), st.integers(0, 99))
PLAIN_STEPS = st.builds(
    TimeStep,
    start=st.integers(0, 200),
    seconds=st.just(1),
    seen=st.just(1),
    arms=st.dictionaries(ARMS, ARM_STEPS, max_size=3),
    pairs=st.dictionaries(ARMS, COUNTS, max_size=2),
    contents=st.dictionaries(ARMS, COUNTS, max_size=2),
    copies=st.dictionaries(st.sampled_from(["v2", "v3"]), COUNTS, max_size=2),
    rescued=st.dictionaries(st.sampled_from(["v2", "v3"]), st.integers(0, 9), max_size=2),
    rejected=st.integers(0, 9),
    split=st.dictionaries(st.sampled_from(["v1", "v2"]), st.floats(0, 100), max_size=2),
    lines=st.dictionaries(
        st.tuples(st.just("error_rate"), st.sampled_from(["max", "max_ratio"]), st.just("v2")), LINES
    ),
    drift=st.dictionaries(
        st.tuples(st.sampled_from(["age", "sum"]), st.just("input"), st.just("v2"), st.just("canary")),
        st.builds(FeatureStep, st.floats(0, 3), st.booleans()),
    ),
)
STEPS = st.lists(PLAIN_STEPS, max_size=12, unique_by=lambda step: step.start)


def total(steps: list[TimeStep]) -> TimeStep:
    whole = TimeStep(0, 0)
    for step in sorted(steps, key=lambda step: step.start):
        fold(whole, step)
    return whole


@given(STEPS)
def test_longer_steps_sum_to_what_shorter_ones_do(steps: list[TimeStep]) -> None:
    by_ten = joined(steps, 10)
    assert joined(by_ten, 60) == joined(steps, 60), "by way of a tier, or at once"
    assert total(by_ten) == total(steps)
    assert sum(step.seen for step in by_ten) == len(steps)
    assert [step.start for step in by_ten] == sorted({step.start - step.start % 10 for step in steps})


@given(STEPS)
def test_a_block_holds_what_was_put_in(steps: list[TimeStep]) -> None:
    assert unpacked(packed([encode(step) for step in steps])) == steps


@pytest.mark.parametrize("body", [b"", b"x", packed([b"\xc0"]), packed([encode(TimeStep(0, 1))])[:-3]])
def test_what_is_no_block_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="no block of steps"):
        unpacked(body)


def test_peaks_of_evidence_and_drift_stay_in_a_longer_step_and_values_are_the_last() -> None:
    line, feature = ("error_rate", "max", "v2"), ("age", "input", "v2", "canary")
    steps = [
        TimeStep(at, 1, 1, lines={line: LineStep(way, value, 0.1, n)}, drift={feature: FeatureStep(psi, drifted)})
        for at, way, value, n, psi, drifted in ((0, 0.2, 0.1, 5, 0.3, True), (1, 0.9, 0.2, 6, 0.1, False))
    ]
    (one,) = joined(steps, 10)
    assert one.lines[line] == LineStep(0.9, 0.2, 0.1, 6) and one.drift[feature] == FeatureStep(0.3, True)
