"""Answers of calls, written by protobuf's own library, as REST says them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.answer import MAX_DIMENSIONS, MAX_PARAMETERS, Untellable, answer_of, refusal
from proxy.routing.oip.datatypes import MAX_VALUES, to_raw
from proxy.routing.oip.request import MAX_TENSORS, Wanted
from proxy.routing.oip.wire import bytes_field, number_field
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
    body = response(tensor("x", "INT8", [MAX_VALUES + 1]), raw=[bytes(MAX_VALUES + 1)])
    with pytest.raises(Untellable):
        answer_of(b"ModelInfer", body, asked())
    assert len(answer_of(b"ModelInfer", body, asked("x")).behind) == MAX_VALUES + 1
    with pytest.raises(Untellable):
        answer_of(b"ModelInfer", response(tensor("x", "BYTES", [1], [b"\xff"])), asked())


NUMBERS = bytes_field(1, b"x") + bytes_field(2, b"INT64")


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        (lambda n: bytes_field(4, b"") * n, MAX_PARAMETERS),
        (lambda n: bytes_field(5, NUMBERS) * n, MAX_TENSORS),
        (lambda n: bytes_field(5, NUMBERS + bytes_field(4, b"") * n), MAX_PARAMETERS),
        (lambda n: bytes_field(5, NUMBERS + bytes_field(5, b"\x18\1") * n), MAX_PARAMETERS),
        (lambda n: bytes_field(5, NUMBERS + bytes_field(3, bytes(n))), MAX_DIMENSIONS),
        (lambda n: bytes_field(5, NUMBERS + number_field(3, 1) * n), MAX_DIMENSIONS),
        (lambda n: bytes_field(5, NUMBERS + bytes_field(5, bytes_field(3, bytes(n)))), MAX_VALUES),
    ],
)
def test_what_would_hold_up_its_worker_is_not_told(answer: Callable[[int], bytes], most: int) -> None:
    assert answer_of(b"ModelInfer", framed(answer(most)), asked()).status == 200
    with pytest.raises(Untellable, match=f"more than {most} "):
        answer_of(b"ModelInfer", framed(answer(most + 1)), asked())


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


def parameter(key: str, **value: Any) -> Any:
    return message("Parameter", key=key, value=message("Value", **value))


def test_parameters_are_told_whatever_they_are() -> None:
    said = {"int64_param": -3, "bool_param": True, "string_param": "é", "double_param": 0.25, "uint64_param": 1 << 63}
    entries = [parameter(key, **{key: value}) for key, value in said.items()]
    output = tensor("x", "INT8", [1], [1])
    output.parameters.extend(entries)
    made = message("ModelInferResponse", model_name="m", id="7", parameters=entries, outputs=[output])
    told = json.loads(answer_of(b"ModelInfer", framed(made.SerializeToString()), Wanted()).text)
    assert told["parameters"] == told["outputs"][0]["parameters"] == said and told["id"] == "7"


def test_metadata_of_a_model_and_of_a_server() -> None:
    sides = {
        side: [message("TensorMetadata", name=side, datatype="FP32", shape=[-1, 4])] for side in ("inputs", "outputs")
    }
    model = message("ModelMetadataResponse", name="m", versions=["1", "2"], platform="onnx", **sides)
    model.properties.append(parameter("a", bool_param=True))
    told = json.loads(answer_of(b"ModelMetadata", framed(model.SerializeToString()), Wanted()).text)
    assert (told["name"], told["versions"], told["platform"]) == ("m", ["1", "2"], "onnx")
    assert [told[side] for side in sides] == [[{"name": side, "datatype": "FP32", "shape": [-1, 4]}] for side in sides]
    server = message("ServerMetadataResponse", name="triton", version="2", extensions=["a", "b"])
    told = json.loads(answer_of(b"ServerMetadata", framed(server.SerializeToString()), Wanted()).text)
    assert told == {"name": "triton", "version": "2", "extensions": ["a", "b"]}


def test_what_lives_says_so() -> None:
    assert json.loads(answer_of(b"ServerLive", framed(b"\x08\x01"), Wanted()).text) == {"live": True}
    assert json.loads(answer_of(b"ServerReady", framed(b""), Wanted()).text) == {"ready": False}


def test_fields_say_whether_raw_tensors_follow() -> None:
    body = response(tensor("x", "INT8", [2], [1, 2]))
    plain, binary = answer_of(b"ModelInfer", body, asked()), answer_of(b"ModelInfer", body, asked("x"))
    assert plain.fields() == b"content-type: application/json\r\n"
    assert b"inference-header-content-length: %d\r\n" % len(binary.text) in binary.fields()
