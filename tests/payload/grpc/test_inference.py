"""Messages of the Open Inference Protocol, against protobuf's own library and against the readers of JSON and raw
tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.json_cost import STRING
from proxy.contracts.observation import Tensor
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.payload import oip
from proxy.payload.grpc.inference import is_streamed, read_inputs, read_outputs, read_streamed
from proxy.payload.oip_binary import TYPES
from proxy.payload.reading import MAX_TENSOR_VALUES, MAX_TENSORS, Body, Unreadable
from tests.support.oip_messages import CONTENTS, message, tensor

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    "INT8": st.integers(-128, 127),
    "INT16": st.integers(-(1 << 15), (1 << 15) - 1),
    "INT32": st.integers(-(1 << 31), (1 << 31) - 1),
    "INT64": st.integers(-(1 << 63), (1 << 63) - 1),
    "UINT8": st.integers(0, 255),
    "UINT16": st.integers(0, (1 << 16) - 1),
    "UINT32": st.integers(0, (1 << 32) - 1),
    "UINT64": st.integers(0, (1 << 64) - 1),
    "FP32": st.floats(width=32, allow_nan=False),
    "FP64": st.floats(allow_nan=False),
    "BYTES": st.binary(max_size=20),
}


def body() -> Body:
    return Body(b"", b"", DEFAULT_ANALYSIS)


def raw_of(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        return b"".join(len(each).to_bytes(4, "little") + each for each in values)
    return np.array(values, TYPES[datatype]).tobytes()


def response(tensors: list[Any], raw: list[bytes] | None = None) -> bytes:
    made: bytes = message(
        "ModelInferResponse", model_name="iris", model_version="3", id="7", outputs=tensors, raw_output_contents=raw
    ).SerializeToString()
    return made


@pytest.mark.parametrize("datatype", CONTENTS)
@given(data=st.data())
def test_typed_and_raw_contents_are_the_same_tensor(datatype: str, data: st.DataObject) -> None:
    rows, width = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 5))
    values = data.draw(st.lists(VALUES[datatype], min_size=rows * width, max_size=rows * width))
    typed = read_outputs(response([tensor("y", datatype, [rows, width], values)]), body())
    raw = read_outputs(response([tensor("y", datatype, [rows, width])], [raw_of(datatype, values)]), body())
    assert typed == raw
    assert list(map(type, typed[0].data)) == list(map(type, raw[0].data))
    assert (typed[0].rows, typed[0].width, typed[0].datatype) == (rows, width, datatype)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_the_tensor_is_that_of_the_same_answer_as_json(values: list[float]) -> None:
    by_json = {"outputs": [{"name": "y", "datatype": "FP64", "shape": [1, len(values)], "data": values}]}
    document = Body(orjson.dumps({"model_name": "iris", "model_version": "3", **by_json}), b"", DEFAULT_ANALYSIS)
    expected = oip.read_response(document).tensors
    found = body()
    assert read_outputs(response([tensor("y", "FP64", [1, len(values)], values)]), found) == expected
    assert found.identity == document.identity


@pytest.mark.parametrize(("datatype", "raw", "value"), [("FP16", b"\x00\x3c", 1.0), ("BF16", b"\x80\x3f", 1.0)])
def test_half_precision_is_raw_alone(datatype: str, raw: bytes, value: float) -> None:
    assert read_outputs(response([tensor("y", datatype, [1])], [raw]), body())[0].data == [value]
    with pytest.raises(Unreadable, match="schema"):
        read_outputs(response([tensor("y", datatype, [1])]), body())


def test_a_request_names_its_model() -> None:
    asked = message("ModelInferRequest", model_name="iris", inputs=[tensor("x", "INT64", [2], [1, -1])])
    read = body()
    assert read_inputs(asked.SerializeToString(), read) == (
        Tensor("x", 2, 1, "number", [1, -1], integer=True, datatype="INT64"),
    )
    assert read.asked == "iris"
    raw = message(
        "ModelInferRequest", inputs=[tensor("x", "INT64", [2])], raw_input_contents=[raw_of("INT64", [1, -1])]
    )
    assert read_inputs(raw.SerializeToString(), body())[0].data == [1, -1]


def test_parts_of_a_message_that_comes_in_two_are_joined() -> None:
    whole = response([tensor("y", "INT32", [4], [1, 2, 3, 4])])
    first = message("Tensor", name="no", datatype="INT32", shape=[4]).SerializeToString()
    later = message("Tensor", name="y").SerializeToString()
    halves = [message("Tensor", contents={"int_contents": each}).SerializeToString() for each in ([1, 2], [3, 4])]
    one = first + halves[0] + later + halves[1]
    joined = message("ModelInferResponse", model_name="iris", model_version="3").SerializeToString()
    joined += b"\x2a" + bytes([len(one)]) + one
    assert read_outputs(joined, body()) == read_outputs(whole, body())


def test_a_stream_tells_its_errors_in_messages() -> None:
    answer = message("ModelInferResponse", outputs=[tensor("y", "FP32", [1], [0.5])])
    good = message("ModelStreamInferResponse", infer_response=answer).SerializeToString()
    assert read_streamed(good, body())[0].data == [0.5]
    bad = message("ModelStreamInferResponse", error_message="out of memory").SerializeToString()
    with pytest.raises(Unreadable, match="error_in_stream"):
        read_streamed(bad, body())
    with pytest.raises(Unreadable, match="error_in_stream"):
        read_streamed(good + bad, body())


def test_messages_of_a_stream_are_told_from_answers() -> None:
    answer = message("ModelInferResponse", model_name="m", model_version="1", outputs=[tensor("y", "FP32", [1], [0.5])])
    nothing = message("ModelInferResponse", model_name="m", model_version="1")
    failed = message("ModelInferResponse", id="7")
    streamed = [
        message("ModelStreamInferResponse", infer_response=answer),
        message("ModelStreamInferResponse", error_message="no GPU"),
        message("ModelStreamInferResponse", error_message="no GPU", infer_response=failed),  # as Triton says which
        message("ModelStreamInferResponse", error_message="no GPU", infer_response=message("ModelInferResponse")),
    ]
    assert [is_streamed(each.SerializeToString()) for each in streamed] == [True] * 4
    assert [is_streamed(each.SerializeToString()) for each in (answer, nothing)] == [False] * 2


def test_values_of_another_type_than_the_tensors_are_unreadable() -> None:
    other = message("Tensor", name="y", datatype="INT32", shape=[1], contents={"fp32_contents": [1.0]})
    with pytest.raises(Unreadable, match="schema"):
        read_outputs(response([other]), body())


def test_a_tensor_has_typed_or_raw_contents_and_all_have_raw_ones_or_none() -> None:
    both = tensor("y", "INT32", [1], [1])
    with pytest.raises(Unreadable, match="schema"):
        read_outputs(response([both], [raw_of("INT32", [1])]), body())
    with pytest.raises(Unreadable, match="binary"):
        read_outputs(response([tensor("y", "INT32", [1])] * 2, [raw_of("INT32", [1])]), body())


@pytest.mark.parametrize(("shape", "reason"), [([2], "shape"), ([-1], "schema"), ([1] * 9, "too_many_values")])
def test_a_shape_that_is_none_is_unreadable(shape: list[int], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_outputs(response([tensor("y", "INT32", shape, [1])]), body())


def test_tensors_and_values_are_bounded() -> None:
    with pytest.raises(Unreadable, match="too_many_tensors"):
        read_outputs(response([tensor("y", "INT32", [0], [])] * (MAX_TENSORS + 1)), body())
    half = tensor("y", "UINT8", [MAX_TENSOR_VALUES // 2 + 1], [1] * (MAX_TENSOR_VALUES // 2 + 1))
    with pytest.raises(Unreadable, match="too_many_values"):
        read_outputs(response([half, half]), body())
    texts = MAX_TENSOR_VALUES // STRING + 1
    with pytest.raises(Unreadable, match="too_many_values"):
        read_outputs(response([tensor("y", "BYTES", [texts], [b""] * texts)]), body())


GOOD = response([tensor("y", "FP64", [1, 3], [0.1, 0.2, 0.7]), tensor("z", "BYTES", [1], [b"a"])])


@given(st.data())
def test_a_damaged_message_is_read_as_the_oracle_reads_it_or_is_unreadable(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        oracle = message("ModelInferResponse").FromString(bytes(damaged))
    except DecodeError as error:
        if "UTF-8" in str(error):
            return  # perhaps of a field that is not read: the id
        oracle = None
    try:
        found = read_outputs(bytes(damaged), body())
    except Unreadable:
        return
    assert oracle is not None
    assert [each.name for each in found] == [each.name for each in oracle.outputs]
    for mine, theirs in zip(found, oracle.outputs, strict=True):
        if theirs.datatype == "FP64":
            np.testing.assert_array_equal(mine.data, list(theirs.contents.fp64_contents))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_unreadable(data: bytes) -> None:
    for read in (read_inputs, read_outputs, read_streamed):
        try:
            read(data, body())
        except Unreadable:
            continue
