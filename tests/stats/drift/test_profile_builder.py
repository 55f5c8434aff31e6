"""Rows of bodies to a profile: the same as that of their columns."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from proxy.contracts.observation import ColumnKind, Tensor
from proxy.stats.drift.batch import Batch, LayoutGroup
from proxy.stats.drift.profile import MAX_FEATURES, features_of
from proxy.stats.drift.profile_builder import MAX_LEARNT_BYTES, ProfileBuilder


def built(*bodies: tuple[Tensor, ...]) -> tuple[ProfileBuilder, int]:
    builder, batch = ProfileBuilder(), Batch(0.0)
    batch.update(bodies)
    return builder, builder.update(batch.groups.values())


def test_a_profile_of_bodies_is_that_of_their_columns() -> None:
    rows = np.random.default_rng(1).standard_normal((300, 2))
    colors = ["red", "blue", "red"] * 100
    builder, left_out = built(
        *(
            (Tensor("x", 1, 2, "number", row), Tensor("color", 1, 1, "category", [color]))
            for row, color in zip(rows.tolist(), colors, strict=True)
        )
    )
    columns: dict[str, Any] = {"x[0]": rows[:, 0], "x[1]": rows[:, 1], "color": colors}
    expected = features_of(columns)
    assert builder.get().inputs == builder.get().predictions == expected
    assert (builder.rows, left_out) == (300, 0)


def test_a_preliminary_profile_has_no_rules() -> None:
    builder, _ = built(*((Tensor("x", 1, 1, "number", [float(at)]),) for at in range(50)))
    assert builder.get().inputs[0].rules.required
    rules = builder.get(rules=False).inputs[0].rules
    assert (rules.minimum, rules.maximum, rules.required) == (None, None, False)


def test_columns_beyond_the_bound_are_left_out_and_counted() -> None:
    names = [tuple(f"{part}{at}" for at in range(MAX_FEATURES)) for part in "ab"]
    builder, left_out = built(*((Tensor("", 1, MAX_FEATURES, "number", [0.0] * MAX_FEATURES, each),) for each in names))
    assert len(builder.get().inputs) == MAX_FEATURES
    assert left_out == MAX_FEATURES


@pytest.mark.parametrize("kind", ["number", "category"])
def test_a_builder_is_full_when_its_rows_take_too_much(kind: ColumnKind) -> None:
    builder, group = ProfileBuilder(), LayoutGroup((("x", (), 1, kind),))
    values: list[Any] = [0.5, 1.5] * 5000 if kind == "number" else ["v" * 200, "w" * 200] * 5000
    group.update((Tensor("x", 10_000, 1, kind, values),))
    tracemalloc.start()
    try:
        while not builder.full:
            builder.update([group])
        spent, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spent < 1.5 * MAX_LEARNT_BYTES
    assert builder.get().made == f"the first {builder.rows} rows" and builder.rows > 50_000


def test_a_column_whose_kind_changes_is_one_of_categories() -> None:
    bodies = [(Tensor("x", 1, 1, "number", [1.5]),), (Tensor("x", 1, 1, "category", ["a"]),)] * 20
    builder, _ = built(*bodies)
    (feature,) = builder.get().inputs
    assert (feature.kind, feature.n, sorted(feature.categories)) == ("category", 40, ["1.5", "a"])
