"""Rule 5 of outcomes: what an answer of a successful status has failed for, protocol by protocol."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.outcome import CONTENT
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from proxy.payload.content import CONTENT_OF, judged
from tests.payload.bodies import read

OIP_TENSOR = {"name": "y", "shape": [1, 1], "datatype": "FP32"}
ASKED: dict[Protocol, Any] = {
    "oip": {"inputs": [{**OIP_TENSOR, "data": [1]}]},
    "kserve-v1": {"instances": [[1]]},
    "mlflow": {"inputs": [[1]]},
    "openai": {"messages": [{"role": "user", "content": "hi"}]},
    "json": {"x": 1},
}
SSE = b"content-type: text/event-stream\r\n"
CHUNK = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
HTML = b"<html>502 Bad Gateway</html>"


def content(protocol: Protocol, response: Any, analysis: Analysis | None = None, **more: Any) -> str:
    seen = read(protocol, more.pop("asked", ASKED[protocol]), response, analysis or Analysis(), **more)
    assert seen.analysed
    return seen.content


def oip(data: Any, **more: Any) -> dict[str, Any]:
    return {"model_name": "m", "outputs": [{**OIP_TENSOR, "data": data, **more}]}


GOOD: list[tuple[Protocol, Any]] = [
    ("oip", oip([0.5])),
    ("oip", {"model_name": "m", "text_output": "hello"}),
    ("kserve-v1", {"predictions": [0.5]}),
    ("kserve-v1", b'\xef\xbb\xbf{"predictions": [0.5]}'),
    ("kserve-v1", {"predictions": [{"label": "a", "explanation": None}]}),
    ("kserve-v1", {"explanations": [1]}),
    ("mlflow", {"predictions": [1, 2]}),
    ("mlflow", [1, 2]),
    ("mlflow", {"choices": [{"message": {"content": "x"}}]}),
    ("openai", {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
    ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
    ("openai", {"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}),
    ("openai", {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}]}),
    ("openai", {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "error": None}),
    ("openai", {"results": [{"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0}]}),
    ("openai", [{"index": 0, "score": 0.5}, {"index": 1, "score": 0.4}]),
    ("openai", [[0.1, 0.2]]),
    ("openai", [{"generated_text": "ab"}]),
    ("oip", {"model_name": "m", "OUTPUT0": [1]}),
    ("oip", oip([1.0], datatype="INT64")),
    ("oip", {**oip([0.5]), "error": ""}),
    ("mlflow", {"data": [{"embedding": [0.1]}]}),
    ("json", {"boxes": []}),
    ("json", {"a": None, "b": 1}),
    ("openai", {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"name": "f"}}]}}]}),
    ("openai", {"data": [{"embedding": [0.1, 0.2]}]}),
    ("openai", {"data": [{"url": "https://a/b.png"}]}),
    ("openai", {"text": "hello"}),
    ("openai", {"output": [{"content": [{"text": "x"}]}], "status": "completed", "error": None}),
    ("json", {"score": 0.5}),
    ("json", {"boxes": [{"x": 1}, {"x": 2}]}),
    ("json", {"boxes": [{"x": 1}], "label": "a"}),
    ("json", {"a": [1, "b"]}),
    ("json", {"error": 0.1, "prediction": 3}),
]


@pytest.mark.parametrize(("protocol", "response"), GOOD)
def test_answers(protocol: Protocol, response: Any) -> None:
    assert content(protocol, response) == ""


BAD: list[tuple[Protocol, Any, str]] = [
    *[(protocol, HTML, "unreadable_body") for protocol in ASKED],
    *[(protocol, b"", "empty_body") for protocol in ASKED],
    *[(protocol, b" \n", "empty_body") for protocol in ASKED],
    *[(protocol, {}, "empty_body") for protocol in ASKED],
    *[(protocol, b"null", "empty_body") for protocol in ASKED],
    *[(protocol, {"error": "out of memory"}, "error_in_body") for protocol in ASKED],
    *[(protocol, {"error": {"message": "x"}}, "error_in_body") for protocol in ASKED],
    *[(protocol, {"object": "error", "message": "x"}, "error_in_body") for protocol in ASKED],
    *[(protocol, {"errors": ["x"]}, "error_in_body") for protocol in ASKED],
    *[(protocol, {"detail": "x"}, "error_in_body") for protocol in ASKED if protocol != "json"],
    *[(protocol, {"a": 1}, "unreadable_body") for protocol in ASKED if protocol != "json"],
    *[(protocol, b'{"predictions": [1', "unreadable_body") for protocol in ASKED],
    ("openai", {"text": ""}, "empty_body"),
    ("oip", {"outputs": []}, "empty_body"),
    ("oip", oip([], shape=[0, 1]), "empty_body"),
    ("oip", oip([1, 2]), "unreadable_body"),
    ("oip", oip(["x"]), "unreadable_body"),
    ("oip", oip([None]), "not_a_number"),
    ("oip", b'{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[NaN]}]}', "not_a_number"),
    ("oip", b'{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[1e999]}]}', "not_a_number"),
    *[("kserve-v1", {name: []}, "empty_body") for name in ("explanations", "results", "result")],
    ("kserve-v1", {"predictions": []}, "empty_body"),
    ("kserve-v1", {"predictions": None}, "empty_body"),
    ("kserve-v1", {"predictions": [[]]}, "empty_body"),
    ("kserve-v1", {"predictions": [[1], [1, 2]]}, "unreadable_body"),
    ("kserve-v1", {"predictions": [None]}, "not_a_number"),
    ("kserve-v1", {"predictions": [{"score": None}]}, "not_a_number"),
    ("kserve-v1", {"predictions": [{"label": "a", "score": None}]}, "not_a_number"),
    ("kserve-v1", {"predictions": [{"error": "boom"}]}, "error_in_body"),
    ("kserve-v1", {"predictions": ["NaN"]}, "not_a_number"),
    ("kserve-v1", b'{"predictions": [NaN]}', "not_a_number"),
    ("kserve-v1", b'{"predictions": [-Infinity]}', "not_a_number"),
    ("kserve-v1", '{"predictions": ["ä"]}'.encode("latin-1"), "unreadable_body"),
    ("kserve-v1", '{"predictions": [1]}'.encode("utf-16"), "unreadable_body"),
    ("mlflow", {"error_code": "INTERNAL_ERROR", "message": "x"}, "error_in_body"),
    ("mlflow", {"predictions": []}, "empty_body"),
    ("openai", [{"error": {"code": 500}}], "error_in_body"),
    ("openai", {"choices": []}, "empty_body"),
    ("openai", {"choices": [{"message": {"content": None}}]}, "empty_body"),
    ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": None}]}, "empty_body"),
    ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, "empty_body"),
    ("openai", {"choices": [{"error": {"code": 502}, "message": {"content": "x"}}]}, "error_in_body"),
    ("openai", {"choices": [{"message": {"content": "x"}}], "error": {"code": 502}}, "error_in_body"),
    ("openai", {"results": [{"index": 0, "relevance_score": None}]}, "not_a_number"),
    ("openai", b'{"data": [{"index": 0, "score": NaN}]}', "not_a_number"),
    ("openai", {"data": [{"b64_json": None, "url": None}]}, "empty_body"),
    ("openai", {"text": None}, "empty_body"),
    ("openai", [], "empty_body"),
    ("openai", [{"generated_text": ""}], "empty_body"),
    ("openai", {"data": []}, "empty_body"),
    ("openai", {"data": [{"embedding": [None]}]}, "not_a_number"),
    ("openai", {"status": "failed", "output": []}, "error_in_body"),
    ("mlflow", {"choices": []}, "empty_body"),
    ("mlflow", {"choices": [{"message": {"content": ""}, "finish_reason": None}]}, "empty_body"),
    ("mlflow", {"messages": []}, "empty_body"),
    ("mlflow", {"data": [{"embedding": [None]}]}, "not_a_number"),
    ("oip", oip([0.5], datatype="INT64"), "unreadable_body"),
    ("oip", oip([None], datatype="BYTES"), "empty_body"),
    ("oip", {**oip([0.5]), "error": "boom"}, "error_in_body"),
    ("oip", {"text_output": ""}, "empty_body"),
    ("kserve-v1", {"predictions": ["-NAN"]}, "not_a_number"),
    ("json", {"message": "x", "code": 500}, "error_in_body"),
    ("json", b'{"score": NaN}', "not_a_number"),
    ("json", {"score": None}, "not_a_number"),
]


@pytest.mark.parametrize(("protocol", "response", "reason"), BAD)
def test_answers_that_are_none(protocol: Protocol, response: Any, reason: str) -> None:
    assert content(protocol, response) == reason


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (CHUNK + b"data: [DONE]\n\n", ""),
        (b": ping\n\n" + CHUNK + b"data: [DONE]\n\n", ""),
        (CHUNK + b"data:\n\n" + b"data: [DONE]\n\n", ""),
        (CHUNK, "unfinished_stream"),
        (b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n', "empty_body"),
        (CHUNK + b'data: {"error": "x"}', "error_in_stream"),
        (CHUNK + b'data: {"error": 500}\n\ndata: [DONE]\n\n', "error_in_stream"),
        (CHUNK + b'data: {"message": "x", "code": 500, "type": "A"}\n\ndata: [DONE]\n\n', "error_in_stream"),
        (CHUNK + b'data: {"type": "internal_error", "message": "x"}\n\n', "error_in_stream"),
        (CHUNK + b'data: {"choices":[{"delta":{},"error":{"code":1}}]}\n\ndata: [DONE]\n\n', "error_in_stream"),
        (CHUNK + b'data: {"error": {"message": "EngineDeadError"}}\n\ndata: [DONE]\n\n', "error_in_stream"),
        (CHUNK + b"event: error\ndata: overloaded\n\ndata: [DONE]\n\n", "error_in_stream"),
        (CHUNK + b'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n', "error_in_stream"),
        (b"data: [DONE]\n\n", "empty_body"),
        (b"data: oops\n\ndata: [DONE]\n\n", "unreadable_body"),
        (b"", "empty_body"),
    ],
)
def test_streams(stream: bytes, reason: str) -> None:
    assert content("openai", stream, response_fields=SSE) == reason


def test_streams_of_generated_text_end_with_their_connection() -> None:
    said = b'data: {"text_output": "a"}\n\n'
    assert content("oip", said, response_fields=SSE) == ""
    assert content("oip", said + b'data: {"error": "x"}\n\n', response_fields=SSE) == "error_in_stream"


def test_no_rows_for_no_rows_is_an_answer() -> None:
    assert content("kserve-v1", {"predictions": []}, asked={"instances": []}) == ""
    assert content("kserve-v1", {"predictions": []}, asked=None) == "empty_body"


def test_each_row_is_promised_a_prediction() -> None:
    asked: list[tuple[Protocol, Any]] = [
        ("kserve-v1", {"instances": [[1], [2], [3]]}),
        ("kserve-v1", {"instances": [{"a": 1}, {"a": 2}, {"a": 3}]}),
        ("mlflow", {"dataframe_split": {"columns": ["a"], "data": [[1], [2], [3]]}}),
        ("mlflow", {"dataframe_records": [{"a": 1}, {"a": 2}, {"a": 3}]}),
    ]
    answers: list[tuple[Any, str]] = [
        ([1, 2, 3], ""),
        ([1, 2, 3, 4], ""),
        ([{"score": 1}] * 3, ""),
        ({"top": [1, 2, 3]}, ""),
        ([1, 2], "unreadable_body"),
        ([[1, 2, 3]], "unreadable_body"),
        ([{"score": 1}], "unreadable_body"),
    ]
    for protocol, request in asked:
        for predictions, reason in answers:
            assert content(protocol, {"predictions": predictions}, asked=request) == reason
    assert content("kserve-v1", {"predictions": [1]}, asked={"inputs": [[1], [2]]}) == ""


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b'data: {"token": "a"}\n\ndata: {"token": "b"}\n\n', ""),
        (b"data: hello\n\n", ""),
        (CHUNK + b"data: [DONE]\n\n", ""),
        (CHUNK, "unfinished_stream"),
        (b'data: {"token": "a"}\n\ndata: {"error": "x"}\n\n', "error_in_stream"),
        (b"data: hello\n\nevent: error\ndata: x\n\n", "error_in_stream"),
        (b": ping\n\n", "empty_body"),
        (b"Internal Server Error", "unreadable_body"),
    ],
)
def test_streams_of_a_protocol_without_any(stream: bytes, reason: str) -> None:
    assert content("json", stream, response_fields=SSE) == reason


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b'{"response":"a","done":false}\n{"response":"","done":true}\n', ""),
        (b'{"message":{"content":"a"},"done":false}\n{"message":{"content":""},"done":true}\n', ""),
        (b'{"response":"a","done":false}\n{"error":"x"}\n', "error_in_stream"),
        (b'{"response":"a","done":false}\n', "unfinished_stream"),
        (b'{"response":"","done":true}\n', "empty_body"),
    ],
)
def test_lines(stream: bytes, reason: str) -> None:
    assert content("openai", stream, response_fields=b"content-type: application/x-ndjson\r\n") == reason


def test_a_stream_is_one_whatever_its_media_type_says() -> None:
    failed = b": ping\n\n" + CHUNK + b'data: {"error": "x"}\n\ndata: [DONE]\n\n'
    for media in (b"application/json", b"text/plain", b"application/octet-stream"):
        assert content("openai", failed, response_fields=b"content-type: " + media + b"\r\n") == "error_in_stream"
    assert content("openai", b'{"error": "x"}', response_fields=b"content-type: audio/mpeg\r\n") == "error_in_body"
    assert content("openai", b"\xff\xfb\x90", response_fields=b"content-type: audio/mpeg\r\n") == ""


def test_a_pointer_says_what_an_answer_is() -> None:
    analysis = Analysis(prediction="/score")
    assert content("json", {"score": 1, "error": "none"}, analysis) == ""
    assert content("json", {"sore": 1}, analysis) == "unreadable_body"
    assert content("json", {"error": "x"}, analysis) == "error_in_body"
    assert content("json", {"score": None}, analysis) == "empty_body"


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.5])
def test_binary_tensors(value: float) -> None:
    head = orjson.dumps({"outputs": [{**OIP_TENSOR, "parameters": {"binary_data_size": 4}}]})
    fields = b"Inference-Header-Content-Length: %d\r\n" % len(head)
    body = head + np.array([value], "<f4").tobytes()
    assert content("oip", body, response_fields=fields) == ("" if value == 0.5 else "not_a_number")


def test_bounds_and_unknown_forms_are_charged_to_nobody() -> None:
    unknown = read("kserve-v1", None, b"x", response_fields=b"content-encoding: compress\r\n")
    assert (unknown.analysed, unknown.content) == (False, "")
    assert content("kserve-v1", b"x", response_fields=b"content-encoding: gzip\r\n") == "unreadable_body"
    assert not read("kserve-v1", None, None).analysed


def test_what_is_no_success_or_no_inference_is_not_analysed() -> None:
    for more in ({"status": 404}, {"failure": "reset"}, {"inference": False}):
        seen = read("kserve-v1", None, b"", **more)
        assert (seen.analysed, seen.content) == (False, "")


def test_a_request_that_is_unreadable_says_nothing_of_the_version() -> None:
    assert content("kserve-v1", {"predictions": [0.5]}, asked=b"<xml>") == ""


def test_numbers_that_are_none_are_still_read() -> None:
    seen = read("kserve-v1", None, b'{"predictions": [1, NaN]}')
    assert (seen.unreadable_response, len(seen.outputs[0].data)) == ("", 2)


@given(st.lists(st.floats() | st.integers(-5, 5), min_size=1, max_size=6))
def test_a_tensor_is_judged_by_each_of_its_values(data: list[float]) -> None:
    reason = judged((Tensor("y", 1, len(data), "number", data),), ())
    assert (reason == "") == all(map(math.isfinite, data))


def test_every_reason_is_in_the_table() -> None:
    assert set(CONTENT_OF.values()) | {"not_a_number"} == set(CONTENT)


def test_an_observation_knows_its_reason() -> None:
    seen: Observation = read("openai", None, {})
    assert (seen.content, seen.unreadable_response) == ("empty_body", "empty_body")
