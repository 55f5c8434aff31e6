"""Rows of a test set as requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.labelled_rows import RowForm, exchanges_of_rows
from proxy.cli.capture.requests import ForeignExchange

ROW = {"age": 41, "sex": "f", "y": 1, "p": 0.5}


def made(row: dict[str, Any], **form: Any) -> ForeignExchange:
    (found,) = exchanges_of_rows(
        [("FILE, row 2", row)], RowForm(**{"model": "m", "label": "y", "prediction": "p"} | form)
    )
    return found


@pytest.mark.parametrize(
    ("form", "path", "body"),
    [
        ({"protocol": "kserve-v1"}, "/v1/models/m:predict", {"instances": [{"age": 41, "sex": "f"}]}),
        ({"protocol": "kserve-v1", "tensor": "x"}, "/v1/models/m:predict", {"instances": [[41, "f"]]}),
        ({"protocol": "mlflow"}, "/invocations", {"dataframe_split": {"columns": ["age", "sex"], "data": [[41, "f"]]}}),
        ({"protocol": "json", "path": "/score"}, "/score", {"age": 41, "sex": "f"}),
    ],
)
def test_a_row_is_a_request(form: dict[str, Any], path: str, body: Any) -> None:
    found = made(ROW, **form)
    assert (found.path, json.loads(found.request), found.label) == (path, body, 1)
    assert json.loads(found.answer or b"") in ({"predictions": [0.5]}, 0.5)


def test_tensors_have_the_datatype_of_their_values_or_as_said() -> None:
    inputs = json.loads(made(ROW, protocol="oip").request)["inputs"]
    assert [(each["name"], each["datatype"], each["data"]) for each in inputs] == [
        ("age", "INT64", [41]),
        ("sex", "BYTES", ["f"]),
    ]
    (one,) = json.loads(made({"a": 1, "b": 2.5, "y": 0, "p": 1}, protocol="oip", tensor="x", datatype="FP32").request)[
        "inputs"
    ]
    assert (one["name"], one["shape"], one["datatype"], one["data"]) == ("x", [1, 2], "FP32", [1, 2.5])


def test_a_column_that_is_missing_is_named_with_the_row() -> None:
    with pytest.raises(UnusableRows, match="FILE, row 2: no column y; there are age"):
        made({"age": 41}, protocol="oip")
    with pytest.raises(UnusableRows, match="no features"):
        made({"y": 1, "p": 1}, protocol="oip")
