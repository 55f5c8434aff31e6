"""KServe V1, MLflow and plain JSON: bodies as their documentation shows them, and bodies nobody should write."""

import math
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation, Tensor, UnreadReason
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.decode import CODECS, USUAL, decode
from tests.support.records import record as made

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("instances", "inputs", "dataframe_split", "dataframe_records", "predictions", "choices", "messages", "data")


def read(
    protocol: Protocol, request: Any = None, response: Any = None, analysis: Analysis = USUAL, **more: Any
) -> Observation:
    bodies = [None if x is None else x if isinstance(x, bytes) else orjson.dumps(x) for x in (request, response)]
    record = made(request=bodies[0], response=bodies[1], **more)
    return decode(record, protocol, (0, "a"), analysis)


def shown(tensors: tuple[Tensor, ...]) -> list[Any]:
    return [(t.name, t.rows, t.width, t.kind, list(t.data), t.columns) for t in tensors]


def test_kserve_v1_rows() -> None:
    seen = read("kserve-v1", {"instances": [[1, 2.5], [3, 4]]}, {"predictions": [0, 1]})
    assert shown(seen.inputs) == [("instances", 2, 2, "number", [1, 2.5, 3, 4], ())]
    assert shown(seen.outputs) == [("predictions", 2, 1, "number", [0, 1], ())]
    assert (seen.inputs[0].integer, seen.outputs[0].integer) == (False, True)


def test_kserve_v1_objects_and_strings() -> None:
    seen = read(
        "kserve-v1",
        {"instances": [{"age": 30, "city": "Bonn"}, {"age": None, "city": "Ulm"}]},
        {"predictions": ["a", "b"]},
    )
    numbers, categories = seen.inputs
    assert (numbers.columns, numbers.data[0], math.isnan(numbers.data[1])) == (("age",), 30, True)
    assert (categories.columns, list(categories.data)) == (("city",), ["Bonn", "Ulm"])
    assert shown(seen.outputs) == [("predictions", 2, 1, "category", ["a", "b"], ())]


def test_predictions_that_are_objects_with_arrays() -> None:
    seen = read(
        "kserve-v1",
        response={"predictions": [{"label": "cat", "scores": [0.9, 0.1]}, {"label": "dog", "scores": [0.2, 0.8]}]},
    )
    assert shown(seen.outputs) == [
        ("", 2, 1, "category", ["cat", "dog"], ("label",)),
        ("scores", 2, 2, "number", [0.9, 0.1, 0.2, 0.8], ()),
    ]


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


def test_plain_json_by_pointer() -> None:
    analysis = Analysis(features="/data/features", prediction="/result/0/score")
    request, response = {"data": {"features": {"age": 3, "x/y": "z"}}}, {"result": [{"score": 0.7}]}
    seen = read("json", request, response, analysis)
    assert [(t.columns, list(t.data)) for t in seen.inputs] == [(("age",), [3]), (("x/y",), ["z"])]
    assert shown(seen.outputs) == [("prediction", 1, 1, "number", [0.7], ())]
    assert read("json", {"x~y/z": [1]}, None, Analysis(features="/x~0y~1z/0")).inputs[0].data == [1]
    assert read("json", {"a": 1}, None, Analysis(features="/b")).unreadable_request == "pointer"


def test_a_long_string_is_a_text_of_which_the_length_counts() -> None:
    seen = read("json", {"note": "long " * 50, "n": 1})
    assert shown(seen.inputs) == [("", 1, 2, "number", [250, 1], ("note.chars", "n"))]


@pytest.mark.parametrize(
    ("protocol", "request_", "reason"),
    [
        ("kserve-v1", {"x": 1}, "schema"),
        ("kserve-v1", [1], "schema"),
        ("kserve-v1", {"instances": [[1, 2], [3]]}, "shape"),
        ("kserve-v1", {"instances": [[1, "a"]]}, "values"),
        ("kserve-v1", {"instances": [{"a": 1}, 2]}, "schema"),
        ("mlflow", {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "shape"),
        ("mlflow", {"dataframe_split": {"data": [[1]]}}, "schema"),
        ("mlflow", {"dataframe_records": [{f"c{i}": 1 for i in range(300)}]}, "too_many_tensors"),
        ("mlflow", b"<xml>", "json"),
        ("kserve-v1", b"[" * 10_000, "json"),
    ],
)
def test_what_cannot_be_read_has_a_reason(protocol: Protocol, request_: Any, reason: str) -> None:
    assert read(protocol, request_).unreadable_request == reason


def test_bodies_that_the_worker_did_not_keep_are_counted() -> None:
    seen = read("oip", None, None, request_fields=b"content-type: application/json\r\n")
    assert (seen.unreadable_request, seen.unreadable_response) == ("too_large", "too_large")


@given(st.sampled_from(sorted(CODECS)), JSON, st.sampled_from(KEYS))
def test_no_json_raises(protocol: Protocol, value: Any, key: str) -> None:
    for body in (
        value,
        {key: value},
        {key: {"columns": value, "data": value}},
        {"choices": [value]},
        {"data": [{"embedding": value}]},
    ):
        seen = read(protocol, body, body)
        assert {seen.unreadable_request, seen.unreadable_response} <= {*get_args(UnreadReason), ""} - {"internal"}
        for tensor in (*seen.inputs, *seen.outputs):
            assert len(tensor.data) == tensor.rows * tensor.width
            assert len(tensor.columns) in (0, tensor.width)
