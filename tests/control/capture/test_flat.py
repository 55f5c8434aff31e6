"""Rows of a capture, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from proxy.control.capture.flat import Flattener, lines_of
from proxy.control.capture.format import UnreadableLineError, line_of
from proxy.stats.drift.features import names_of
from tests.control.capture.test_exchanges import joined, leg

FLATTENER = Flattener({}, lambda tensor: names_of((tensor.name, tensor.columns, tensor.width, tensor.kind)))
REQUEST = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
ANSWER = {"model_name": "m", "outputs": [{"name": "y", "shape": [2], "datatype": "INT64", "data": [0, 1]}]}


def test_a_row_for_each_row_of_the_frame() -> None:
    one = leg(1, path="/v2/models/m/infer", request=json.dumps(REQUEST).encode(), response=json.dumps(ANSWER).encode())
    (exchange,) = joined([one])
    first, second = FLATTENER.rows(replace(exchange, label={"a": 1}))
    assert [first[f"feature.x[{at}]"] for at in (0, 1)] == [1, 2] and second["feature.x[1]"] == 4
    assert (first["prediction.y"], second["prediction.y"], second["raw"]) == (0, 1, None)
    assert (first["label"], first["outcome"], first["weight"]) == ('{"a":1}', "good", 1.0)
    assert list(lines_of(first, "")) == [line_of(one), b'{"label":{"a":1},"request_id":"id"}\n']
    assert list(lines_of(second, "")) == []


@pytest.mark.parametrize("row", [{"raw": "{}"}, {"raw": 7}, {"raw": '{"label":1,"request_id":"a"}'}])
def test_what_is_no_line_is_refused_with_its_place(row: dict[str, Any]) -> None:
    with pytest.raises(UnreadableLineError, match="FILE, line 3: "):
        list(lines_of(row, "FILE, line 3"))
