"""Rows and columns of JSON as tensors."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.reading import MAX_TENSORS, Unreadable
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


LONG = "n" * 200_000


@pytest.mark.parametrize(
    "body",
    [
        [{LONG + "1": 1, LONG + "2": 2}],
        {LONG + "1": [1], LONG + "2": [2]},
        [{"a": {LONG + "1": 1, LONG + "2": 2}}],
        [{LONG: {"1": 1, "2": 2}}],
        [{LONG + "1": "long " * 50, LONG + "2": "long " * 50}],
    ],
)
def test_names_are_bounded_and_stay_apart(body: object) -> None:
    (frame,) = read("json", response=body).outputs
    assert len(set(frame.columns)) == 2 and all(len(name) <= MAX_NAME for name in frame.columns)


def test_a_long_name_is_not_multiplied_by_what_is_in_it() -> None:
    row = {"n" * 1000: {str(at): at for at in range(MAX_TENSORS + 1)}, "a": {}}
    assert read("json", response=[row]).unreadable_response == "too_many_tensors"


def test_rows_with_columns_of_their_own_are_no_table() -> None:
    rows = [{f"{at}": at} for at in range(MAX_TENSORS + 1)]
    seen = read("json", rows, rows)
    assert (seen.unreadable_request, seen.unreadable_response) == ("too_many_tensors", "too_many_tensors")


def test_columns_that_may_be_rows_of_errors_are_looked_at() -> None:
    assert read("json", response={"error": ["no such model"]}).content == "error_in_body"
    assert shown(read("json", response={"a": [{"b": 1}]}).outputs) == [("", 1, 1, "number", [1], ("a.b",))]
    assert read("json", response={"a": [1, "x"]}).unreadable_response == "form"


@pytest.mark.parametrize(
    ("protocol", "request_body", "response_body"),
    [
        ("json", [1.5, 0.3], [0.1, 0.9]),
        ("kserve-v1", {"instances": [1.5, 0.3]}, {"predictions": [0.1, 0.9]}),
        ("mlflow", {"inputs": [1.5, 0.3]}, {"predictions": [0.1, 0.9]}),
        (
            "oip",
            {"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [1.5, 0.3]}]},
            {"outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "data": [0.1, 0.9]}]},
        ),
    ],
)
def test_a_flat_list_is_one_row_where_the_route_says_so(
    protocol: Protocol, request_body: Any, response_body: Any
) -> None:
    for analysis, shape in ((Analysis(), (2, 1)), (Analysis(rows="one"), (1, 2))):
        seen = read(protocol, request_body, response_body, analysis)
        assert [(each.rows, each.width) for each in (*seen.inputs, *seen.outputs)] == [shape, shape]


def test_rows_of_rows_are_rows_in_any_case() -> None:
    (seen,) = tensors_of([[1, 2], [3, 4]], "x", one_row=True)
    assert (seen.rows, seen.width) == (2, 2)
