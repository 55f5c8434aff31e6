"""Packing bodies by layout: the same tables however they were spread, and nothing but tables of features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.observation import Tensor
from proxy.stats.drift.batch import Batch, are_alike
from proxy.stats.drift.profile import MAX_FEATURES


def numbers(*rows: list[float] | tuple[float, ...], name: str = "x", vector: bool = False) -> Tensor:
    return Tensor(name, len(rows), len(rows[0]), "number", [v for row in rows for v in row], vector=vector)


def strings(*values: str) -> Tensor:
    return Tensor("c", len(values), 1, "category", list(values))


def batch(*bodies: tuple[Tensor, ...]) -> Batch:
    made = Batch(0.0)
    made.update(bodies)
    return made


@given(st.lists(st.lists(st.tuples(st.floats(allow_nan=False), st.integers(-(2**60), 2**60)), min_size=1), min_size=1))
def test_rows_come_out_as_they_went_in(bodies: list[list[tuple[float, int]]]) -> None:
    made = batch(*[(numbers(*rows),) for rows in bodies])
    (group,) = made.groups.values()
    expected = np.array([row for rows in bodies for row in rows], dtype=np.float64)
    assert np.array_equal(group.tables()[0], expected)
    assert (made.bodies, group.rows) == (len(bodies), len(expected))


def test_bodies_of_other_layouts_are_kept_apart_in_any_order() -> None:
    plain, named, both = (numbers((1.0,)),), (numbers((2.0,), name="y"),), (numbers((3.0,)), strings("a"))
    made = batch(plain, named, plain, both, plain, named, both)
    assert [group.bodies for group in made.groups.values()] == [3, 2, 2]
    first, second, third = made.groups.values()
    assert first.tables()[0].tolist() == [[1.0]] * 3
    assert second.tables()[0].tolist() == [[2.0]] * 2
    assert [table.tolist() for table in third.tables()] == [[[3.0]] * 2, [["a"]] * 2]


def test_what_is_no_table_of_features_is_left_out() -> None:
    wide, vector, empty = (
        numbers([0.0] * (MAX_FEATURES + 1)),
        numbers((1.0,), vector=True),
        Tensor("x", 0, 1, "number", []),
    )
    made = batch((numbers((1.0,)),), (wide,), (vector,), (empty,), (numbers((2.0,)),))
    (group,) = made.groups.values()
    assert group.tables()[0].tolist() == [[1.0], [2.0]]


def test_missing_values_and_booleans_are_numbers() -> None:
    made = batch((Tensor("x", 1, 3, "number", [float("nan"), True, 2]),))
    (group,) = made.groups.values()
    assert np.array_equal(group.tables()[0], [[np.nan, 1.0, 2.0]], equal_nan=True)


def test_bodies_are_alike_that_are_one_tensor_of_one_layout_without_texts() -> None:
    body = (numbers((1.0,)),)
    assert are_alike([body, (numbers((2.0,)),)])
    others = [(numbers((1.0,), name="y"),), (numbers((1.0,), (2.0,)),), (*body, *body), (numbers((1.0,), vector=True),)]
    assert not any(are_alike([body, other]) for other in others)
    assert not are_alike([body, (replace(body[0], texts=(("x", ("a long text",)),)),)])
