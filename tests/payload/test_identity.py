"""Who answers, as the answers of each protocol say it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.contracts.identity import Identity
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Protocol
from tests.payload.bodies import read

OUTPUTS = [{"name": "y", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}]
TEXTS = [{"name": "y", "shape": [1], "datatype": "BYTES", "data": ["yes"]}]
CHAT = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
MESSAGE = {"type": "message", "model": "claude-x", "content": [{"type": "text", "text": "hi"}]}
SSE = b"content-type: text/event-stream\r\n"


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


PIECE = {"choices": [{"index": 0, "delta": {"content": "hi"}}]}
STARTS = {"type": "message_start", "message": {"model": "claude-x", "role": "assistant"}}
DELTA = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}}
CREATED = {"type": "response.created", "response": {"model": "gpt-y"}}


@pytest.mark.parametrize(
    ("protocol", "answer", "identity"),
    [
        ("oip", {"model_name": "iris", "model_version": "2", "outputs": OUTPUTS}, "model_name=iris, model_version=2"),
        ("oip", {"model_name": "iris", "model_version": 2, "outputs": OUTPUTS}, "model_name=iris, model_version=2"),
        ("oip", {"model_name": "iris", "model_version": "2", "outputs": TEXTS}, "model_name=iris, model_version=2"),
        ("oip", {"model_name": "iris", "model_version": None, "outputs": OUTPUTS}, "model_name=iris"),
        ("oip", {"model_name": "llm", "model_version": "1", "text_output": "hi"}, "model_name=llm, model_version=1"),
        ("oip", {"outputs": OUTPUTS}, ""),
        ("openai", CHAT | {"model": "gpt-x", "system_fingerprint": "fp_1"}, "model=gpt-x, system_fingerprint=fp_1"),
        ("openai", CHAT | {"model": "gpt-x", "system_fingerprint": None}, "model=gpt-x"),
        ("openai", {"model": "e", "data": [{"embedding": [1.0]}]}, "model=e"),
        ("openai", MESSAGE, "model=claude-x"),
        ("json", {"model": "car", "score": 0.5}, ""),
        ("kserve-v1", {"predictions": [0.5], "model": "x"}, ""),
        ("mlflow", {"predictions": [0.5], "model": "x"}, ""),
    ],
)
def test_an_answer_names_its_model(protocol: Protocol, answer: Any, identity: str) -> None:
    assert read(protocol, response=answer).identity == identity


@pytest.mark.parametrize(
    ("chunks", "identity"),
    [
        ([PIECE | {"model": "gpt-x", "system_fingerprint": "fp_1"}, PIECE], "model=gpt-x, system_fingerprint=fp_1"),
        ([{"choices": [], "model": ""}, PIECE | {"model": "gpt-x"}], "model=gpt-x"),
        ([STARTS, DELTA], "model=claude-x"),
        ([CREATED, PIECE], "model=gpt-y"),
        ([PIECE], ""),
    ],
)
def test_a_stream_names_it_in_its_first_chunks(chunks: list[dict[str, Any]], identity: str) -> None:
    assert read("openai", response=stream(*chunks), response_fields=SSE).identity == identity


def test_a_stream_that_is_too_large_names_it_in_its_beginning() -> None:
    beginning = b"data: " + orjson.dumps(PIECE | {"model": "gpt-x"}) + b"\n\ndata: {"
    seen = read("openai", beginning=beginning, response_fields=SSE, chunks=[0.1], ends=[9])
    assert (seen.identity, seen.unreadable_response) == ("model=gpt-x", "too_large")


def test_binary_tensors_name_it_in_their_json() -> None:
    output = {"name": "y", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    head = orjson.dumps({"model_name": "iris", "model_version": "3", "outputs": [output]})
    fields = b"inference-header-content-length: %d\r\n" % len(head)
    seen = read("oip", response=head + b"\0\0\x80?", response_fields=fields)
    assert (seen.identity, list(seen.outputs[0].data)) == ("model_name=iris, model_version=3", [1.0])


@pytest.mark.parametrize(
    ("protocol", "answer", "status"),
    [
        ("oip", {"error": "no", "model_name": "iris", "model_version": "2"}, 200),
        ("oip", {"model_name": "iris", "model_version": "2", "outputs": OUTPUTS}, 500),
        ("openai", {"error": {"message": "no"}, "model": "gpt-x"}, 200),
        ("openai", b"not json", 200),
        ("openai", b"", 200),
    ],
)
def test_an_error_names_nobody(protocol: Protocol, answer: Any, status: int) -> None:
    assert read(protocol, response=answer, status=status).identity == ""


def at(pointer: str) -> Analysis:
    return Analysis(identity=Identity("json", pointer))


@pytest.mark.parametrize(
    ("protocol", "answer", "identity"),
    [
        ("json", {"score": 0.5, "meta": {"build": "7f"}}, "/meta/build=7f"),
        ("json", {"score": 0.5}, ""),
        ("json", {"score": 0.5, "meta": {"build": {"a": 1}}}, ""),
        ("mlflow", {"predictions": [0.5], "meta": {"build": 7}}, "/meta/build=7"),
        ("kserve-v1", {"predictions": [0.5], "meta": {"build": "7f"}}, "/meta/build=7f"),
        ("oip", {"model_version": "1", "outputs": OUTPUTS, "meta": {"build": "7f"}}, "/meta/build=7f"),
        ("openai", CHAT | {"model": "gpt-x", "meta": {"build": "7f"}}, "/meta/build=7f"),
    ],
)
def test_a_pointer_names_it_in_any_protocol(protocol: Protocol, answer: Any, identity: str) -> None:
    assert read(protocol, response=answer, analysis=at("/meta/build")).identity == identity


@pytest.mark.parametrize("source", ["none", "header"])
def test_bodies_name_nobody_where_they_are_not_asked(source: Any) -> None:
    analysis = Analysis(identity=Identity(source, "x-build"))
    assert read("openai", response=CHAT | {"model": "gpt-x"}, analysis=analysis).identity == ""
    answer = {"model_name": "iris", "model_version": "2", "outputs": OUTPUTS}
    assert read("oip", response=answer, analysis=analysis).identity == ""


def test_the_model_that_is_asked_for_is_known_where_the_request_travels() -> None:
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    assert read("openai", request=asked, response=CHAT).asked == "gpt-4o"
    assert read("openai", response=CHAT).asked == ""
    assert read("oip", response={"outputs": OUTPUTS}, path="/v2/models/iris/versions/1/infer").asked == (
        "/v2/models/iris/versions/1"
    )
