"""MLflow: the forms of a request that its documentation shows, and its answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.payload.bodies import read, shown


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"inputs": {"a": [1, 3], "b": [2, 4]}},
    ],
)
def test_mlflow_forms_of_the_same_frame(request_: dict[str, Any]) -> None:
    assert shown(read("mlflow", request_).inputs) == [("", 2, 2, "number", [1, 2, 3, 4], ("a", "b"))]


def test_mlflow_mixed_columns() -> None:
    seen = read("mlflow", {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [None, None]]}})
    assert [(t.columns, t.kind) for t in seen.inputs] == [(("a",), "number"), (("b",), "category")]
    assert list(seen.inputs[1].data) == ["x", None]


@pytest.mark.parametrize("answer", [{"predictions": [0.5, 1.5]}, [0.5, 1.5]])
def test_mlflow_answers(answer: Any) -> None:
    assert shown(read("mlflow", response=answer).outputs) == [("predictions", 2, 1, "number", [0.5, 1.5], ())]
