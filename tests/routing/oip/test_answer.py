"""Answers of calls, written by protobuf's own library, as REST says them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.answer import MAX_WRITTEN, Untellable, answer_of, refusal
from proxy.routing.oip.datatypes import to_raw
from proxy.routing.oip.request import Wanted
from proxy.routing.protobuf import NotProtobuf
from tests.routing.oip.test_request import TENSORS
from tests.support.oip_messages import framed, message, tensor


def asked(*binary: str) -> Wanted:
    wanted = Wanted()
    wanted.binary.update(binary)
    return wanted


def response(*tensors: Any, raw: list[bytes] | None = None) -> bytes:
    made = message("ModelInferResponse", model_name="m", model_version="2", outputs=tensors, raw_output_contents=raw)
    return framed(made.SerializeToString())


@given(TENSORS, st.booleans())
def test_typed_and_raw_contents_are_the_same_answer(one: tuple[str, str, list[Any]], raw: bool) -> None:
    name, datatype, values = one
    typed = [value.encode() for value in values] if datatype == "BYTES" else values
    body = (
        response(tensor(name, datatype, [len(values)]), raw=[to_raw(datatype, values)])
        if raw
        else response(tensor(name, datatype, [len(values)], typed))
    )
    plain, binary = answer_of(b"ModelInfer", body, asked()), answer_of(b"ModelInfer", body, asked(name))
    (output,) = json.loads(plain.text)["outputs"]
    infinite = [None if value in (float("inf"), float("-inf")) else value for value in values]
    assert output == {"name": name, "datatype": datatype, "shape": [len(values)], "data": infinite}
    (output,) = json.loads(binary.text)["outputs"]
    assert binary.behind == to_raw(datatype, values)
    assert output["parameters"] == {"binary_data_size": len(binary.behind)} and "data" not in output
    assert plain.status == 200 and json.loads(plain.text)["model_version"] == "2"


def test_an_error_is_the_status_of_http_that_means_the_same() -> None:
    told = refusal(5, "no such model")
    assert (told.status, json.loads(told.text)) == (404, {"error": "no such model"})


@pytest.mark.parametrize(("value", "status"), [(b"\x08\x01", 200), (b"", 503)])
def test_health_is_a_status(value: bytes, status: int) -> None:
    assert answer_of(b"ModelReady", framed(value), Wanted()).status == status


def test_more_than_is_written_is_not_told() -> None:
    body = response(tensor("x", "INT8", [MAX_WRITTEN + 1]), raw=[bytes(MAX_WRITTEN + 1)])
    with pytest.raises(Untellable):
        answer_of(b"ModelInfer", body, asked())
    assert len(answer_of(b"ModelInfer", body, asked("x")).behind) == MAX_WRITTEN + 1
    with pytest.raises(Untellable):
        answer_of(b"ModelInfer", response(tensor("x", "BYTES", [1], [b"\xff"])), asked())


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\0\0\0\0\1", b"\1\0\0\0\0", framed(b"", b""), framed(b"\x0b"), framed(b"\x08\x01")),
        response(tensor("x", "INT8", [1]), raw=[b"1", b"2"]),
        response(tensor("x", "INT8", [1], [1]), raw=[b"1"]),
        response(tensor("x", "FP32", [1]), raw=[b"123"]),
    ],
)
def test_what_is_no_answer_is_never_told_as_one(body: bytes) -> None:
    with pytest.raises(NotProtobuf):
        answer_of(b"ModelInfer", body, Wanted())


@given(st.binary(max_size=80))
def test_whatever_comes_is_an_answer_or_none(data: bytes) -> None:
    try:
        answer = answer_of(b"ModelInfer", framed(data), Wanted())
    except (NotProtobuf, Untellable):
        return
    assert "outputs" in json.loads(answer.text)
