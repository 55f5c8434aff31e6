"""Faults of reference profiles: each figure that is none is named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.stats.drift.profile import Feature, Profile, Rules, profile_of
from proxy.stats.drift.profile_faults import faults_of

GOOD = Feature("x", "number", 100, [0.2, 0.5, 0.2, 0.1], edges=[0.0, 1.0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 0}, "n must be"),
        ({"n": 10**400}, "n is too large"),
        ({"shares": [0.5, 0.5]}, "2 shares; its bins are 4"),
        ({"shares": [0.0, 0.0, 0.0, 0.0]}, "sum of 1"),
        ({"shares": [-0.2, 0.5, 0.6, 0.1]}, "sum of 1"),
        ({"shares": [float("nan"), 0.5, 0.4, 0.1]}, "sum of 1"),
        ({"edges": [1.0, 0.0]}, "ascending"),
        ({"edges": [0.0, float("inf")]}, "ascending"),
        ({"rules": Rules(minimum=2.0, maximum=1.0)}, "minimum"),
        ({"rules": Rules(maximum=float("nan"))}, "minimum"),
    ],
)
def test_a_figure_that_is_none_is_named(changes: dict[str, Any], said: str) -> None:
    (fault,) = faults_of(Profile(inputs=[replace(GOOD, **changes)]))
    assert said in fault
    assert "feature 'x'" in fault


def test_names_that_stand_twice_are_named() -> None:
    category = Feature("c", "category", 9, [0.4, 0.4, 0.1, 0.1], categories=["a", "a"])
    assert faults_of(Profile(inputs=[GOOD, GOOD])) == ["two features have the same name"]
    assert faults_of(Profile(predictions=[category])) == ["feature 'c': a category stands twice"]


def test_what_this_program_makes_has_no_faults() -> None:
    columns: dict[str, list[Any]] = {"a": [1.0] * 9, "b": [None, "x", "y"] * 3, "c": [float("nan"), float("inf"), 1.0]}
    assert faults_of(profile_of(columns, columns)) == []
