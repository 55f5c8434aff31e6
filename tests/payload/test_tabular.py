"""Rows and columns of JSON as tensors."""

from __future__ import annotations

import pytest

from proxy.payload.reading import Unreadable
from proxy.payload.tabular import table_of, tensors_of
from tests.payload.bodies import read, shown


def test_predictions_that_are_objects_with_arrays() -> None:
    seen = read(
        "kserve-v1",
        response={"predictions": [{"label": "cat", "scores": [0.9, 0.1]}, {"label": "dog", "scores": [0.2, 0.8]}]},
    )
    assert shown(seen.outputs) == [
        ("", 2, 1, "category", ["cat", "dog"], ("label",)),
        ("scores", 2, 2, "number", [0.9, 0.1, 0.2, 0.8], ()),
    ]


def test_a_long_string_is_a_text_of_which_the_length_counts() -> None:
    seen = read("json", {"note": "long " * 50, "n": 1})
    assert shown(seen.inputs) == [("", 1, 2, "number", [250, 1], ("note.chars", "n"))]


def test_a_frame_is_its_numbers_its_categories_and_its_arrays() -> None:
    rows = [{"n": 1, "c": "x", "a": [1, 2]}, {"n": None, "c": None, "a": [3, 4]}]
    numbers, categories, arrays = tensors_of(rows, "rows")
    assert (numbers.columns, numbers.kind, categories.columns, categories.kind) == (
        ("n",),
        "number",
        ("c",),
        "category",
    )
    assert (arrays.name, arrays.rows, arrays.width, list(arrays.data)) == ("a", 2, 2, [1, 2, 3, 4])


def test_columns_rows_and_one_object_are_the_same_frame() -> None:
    forms = ({"a": [1], "b": [2]}, [{"a": 1, "b": 2}], {"a": 1, "b": 2})
    assert [shown(tensors_of(form, "x")) for form in forms] == [[("", 1, 2, "number", [1, 2], ("a", "b"))]] * 3


def test_a_table_has_as_many_names_as_columns() -> None:
    assert shown(table_of(["a"], [[1], [2]])) == [("", 2, 1, "number", [1, 2], ("a",))]
    with pytest.raises(Unreadable, match="shape"):
        table_of(["a"], [[1, 2]])
