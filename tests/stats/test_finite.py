"""Whatever stands in the place of a number: no evidence is spoilt by it, and a feature that loses its own drifts."""

from __future__ import annotations

from math import inf, isfinite, isnan, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Role
from proxy.stats.board import Board
from proxy.stats.drift.figures import Drift
from proxy.stats.finite import number, numbers
from tests.support.observed import observation

GUARD = Guard(
    scorecard={
        "disagreement": Limit(max=0.05),
        "input_drift": Limit(max_psi=0.2),
        "prediction_drift": Limit(max_psi=0.2),
        "contract_violations": Limit(max=0.05, max_ratio=2.0),
        "accuracy": Limit(min=0.5, max_drop=0.1),
        "auroc": Limit(min=0.5),
        "log_loss": Limit(max=1.0),
        "mae": Limit(max=1.0, max_ratio=1.5),
        "rmse": Limit(max=1.0, max_ratio=1.5),
    }
)
HUGE = 10**400
NOT_NUMBERS: tuple[Any, ...] = (nan, inf, -inf, HUGE, -HUGE, None, "7", "")


def leg(exchange: int, row: list[Any], scores: list[Any], role: Role = "primary", version: str = "v1") -> Observation:
    kind: Any = "category" if any(isinstance(value, str) for value in row) else "number"
    inputs = (Tensor("x", 1, len(row), kind, row),)
    outputs = (Tensor("y", 1, len(scores), "number", scores),)
    request_id = str(exchange)
    return observation(
        (0, "a"), exchange, request_id, "r", version, role, 0.5, 200, "", 0.0, 0.0, 0.0, 0, inputs, outputs
    )


def watched(reference: int = 300) -> Board:
    made = Board()
    made.watch("r", ("v2",), "v1", GUARD, "oip", 0.0, Analysis(reference=reference, wait=60.0))
    return made


def are_finite(lines: tuple[Evidence, ...]) -> bool:
    figures = [each for line in lines for each in (line.value, line.reference, line.shadow) if each is not None]
    return all(map(isfinite, figures)) and not any(isnan(line.log_breach) for line in lines)


VALUES = st.floats(-1e3, 1e3) | st.booleans() | st.sampled_from(NOT_NUMBERS) | st.sampled_from([1e308, -1e308, 5e-324])
BATCH = st.lists(
    st.tuples(st.lists(VALUES, min_size=2, max_size=2), st.lists(VALUES, min_size=1, max_size=3)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(BATCH, st.lists(VALUES, max_size=9), st.integers(1, 200))
def test_no_mixture_of_values_spoils_the_evidence(
    rows: list[tuple[list[Any], list[Any]]], labels: list[Any], reference: int
) -> None:
    board = watched(reference)
    for at, (features, scores) in enumerate(rows * 12):
        role: Role = ("primary", "canary", "shadow")[at % 3]
        board.on_observations([leg(at // 3, features, scores, role, "v1" if role == "primary" else "v2")], at / 10)
    for at, label in enumerate(labels):
        board.on_label(str(at), label, 100.0)
    board.on_time(1e4)
    assert are_finite(board.evidence("r", 1e4))
    assert all(isfinite(row.psi) and isfinite(row.margin) for row in board.drift("r"))


def drifts_of(before: Any, after: Any, rows: int = 400) -> dict[str, Drift]:
    """The primary's drift after a feature `x[0]` beside an unchanged `x[1]` was `before`, then `after`."""
    board = watched()
    for at in range(1000 + rows):
        value = before if at < 1000 else after
        board.on_observations([leg(at, [value, float(at * 7919 % 1000)], [0.5])], at / 100)
    board.on_time(1e3)
    return {row.feature: row for row in board.drift("r") if row.side == "input"}


@pytest.mark.parametrize("after", [nan, inf, -inf, HUGE, None, 0.70001, 0.69, -0.7, 1e308, "text"])
def test_a_constant_that_becomes_anything_else_drifts_and_loosens_nothing(after: Any) -> None:
    still, moved = drifts_of(0.7, 0.7), drifts_of(0.7, after)
    assert (still["x[0]"].drifted, moved["x[0]"].drifted) == (False, True)
    if after != "text":  # the whole tensor is of texts then
        assert (moved["x[1]"].drifted, moved["x[1]"].evidence) == (False, pytest.approx(still["x[1]"].evidence))


@pytest.mark.parametrize("before", [nan, inf, 0.0, 1e308, -1e308, HUGE])
def test_whatever_a_feature_was_it_drifts_when_it_is_something_else(before: Any) -> None:
    assert drifts_of(before, 3.0)["x[0]"].drifted
    assert not drifts_of(before, before)["x[0]"].drifted


def test_values_that_are_none_are_counted_by_their_source() -> None:
    board = watched(200)
    for at in range(1000):
        board.on_observations([leg(at, [nan if at % 2 else 1.0, inf], [0.5])], at / 100)
    board.on_time(100.0)
    counted = board.missing("r")["v1", "primary", "input"]
    assert 1.5 * 500 < counted <= 1.5 * 1000
    assert board.missing("r")["v1", "primary", "prediction"] == 0
    assert board.missing("other") == {}


def test_scores_that_are_no_numbers_do_not_spoil_those_that_are() -> None:
    board = watched()
    for at in range(20):
        scores = [nan, 0.5] if at == 3 else [0.2, 0.8]
        board.on_observations([leg(at, [1.0, 2.0], scores)], float(at))
        board.on_label(str(at), 1, float(at))
    score = board.scores["r", "v1", "primary"]
    assert (score.get("log_loss"), score.n["log_loss"]) == (pytest.approx(0.2231, abs=1e-4), 19)
    assert board.unscored["r", "v1"] == 1


def test_a_value_as_a_number() -> None:
    assert [number(value) for value in (True, 2, 0.5)] == [1.0, 2.0, 0.5]
    assert all(isnan(number(value)) for value in NOT_NUMBERS)
    made = numbers(Tensor("x", 1, 3, "number", [1, HUGE, None]))
    assert made.data[0] == 1.0
    assert isnan(made.data[1]) and isnan(made.data[2])
