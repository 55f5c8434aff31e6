"""Rows of bodies to a profile: the same as that of their columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor
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


def test_a_builder_is_full_when_its_rows_take_too_much() -> None:
    builder = ProfileBuilder()
    group = LayoutGroup((("x", (), 1, "category"),))
    group.update((Tensor("x", 1000, 1, "category", ["v" * 200] * 1000),))
    batches = MAX_LEARNT_BYTES // group.bytes
    for _ in range(batches):
        assert not builder.full
        builder.update([group])
    builder.update([group])
    assert builder.full and builder.get().made == f"the first {1000 * (batches + 1)} rows"
