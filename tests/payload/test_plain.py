"""Plain JSON: the configured pointers lead to features and prediction."""

from __future__ import annotations

from proxy.contracts.settings import Analysis
from tests.payload.bodies import read, shown


def test_plain_json_by_pointer() -> None:
    analysis = Analysis(features="/data/features", prediction="/result/0/score")
    request, response = {"data": {"features": {"age": 3, "x/y": "z"}}}, {"result": [{"score": 0.7}]}
    seen = read("json", request, response, analysis)
    assert [(t.columns, list(t.data)) for t in seen.inputs] == [(("age",), [3]), (("x/y",), ["z"])]
    assert shown(seen.outputs) == [("prediction", 1, 1, "number", [0.7], ())]
    assert read("json", {"x~y/z": [1]}, None, Analysis(features="/x~0y~1z/0")).inputs[0].data == [1]
    assert read("json", {"a": 1}, None, Analysis(features="/b")).unreadable_request == "pointer"
