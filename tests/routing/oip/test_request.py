"""Requests of REST as messages of gRPC, read by protobuf's own library."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.datatypes import MAX_VALUES, to_raw
from proxy.routing.oip.request import MAX_JSON, Wanted, infer_request
from proxy.routing.rewrite.unwritable import Unwritable
from tests.support.oip_messages import CONTENTS, message

BOUNDS = {"INT8": 7, "INT16": 15, "INT32": 31, "INT64": 63, "UINT8": 8, "UINT16": 16, "UINT32": 32, "UINT64": 64}


def values_of(datatype: str) -> st.SearchStrategy[Any]:
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.text(max_size=8)
    if datatype.startswith("FP"):
        return st.floats(width=32, allow_nan=False)
    bits = BOUNDS[datatype]
    return st.integers(0 if datatype.startswith("U") else -(1 << bits), (1 << bits) - 1)


TENSORS = st.sampled_from(sorted(CONTENTS)).flatmap(
    lambda kind: st.tuples(st.text(max_size=5), st.just(kind), st.lists(values_of(kind), max_size=6))
)


def test_more_values_than_are_written_are_refused_before_any_is() -> None:
    data = [[0] * (MAX_VALUES // 2)] * 2
    inputs = [{"name": "x", "datatype": "INT64", "shape": [MAX_VALUES], "data": data}]
    assert len(made({"inputs": inputs}).inputs[0].contents.int64_contents) == MAX_VALUES
    inputs.append({"name": "y", "datatype": "INT64", "shape": [1], "data": [0]})
    with pytest.raises(Unwritable, match=f"up to {MAX_VALUES} values"):
        made({"inputs": inputs})


def made(document: Any, behind: bytes = b"", wanted: Wanted | None = None) -> Any:
    text = json.dumps(document).encode()
    found = message("ModelInferRequest")
    found.ParseFromString(infer_request(b"m", b"", text + behind, len(text), wanted or Wanted()))
    return found


@given(st.lists(TENSORS, max_size=4))
def test_what_a_request_says_in_json_the_message_says_typed(tensors: list[tuple[str, str, list[Any]]]) -> None:
    inputs = [{"name": n, "datatype": t, "shape": [len(v)], "data": v} for n, t, v in tensors]
    found = made({"id": "7", "inputs": inputs})
    assert (found.model_name, found.id, len(found.inputs)) == ("m", "7", len(tensors))
    for tensor, (name, datatype, values) in zip(found.inputs, tensors, strict=True):
        assert (tensor.name, tensor.datatype, list(tensor.shape)) == (name, datatype, [len(values)])
        said = list(getattr(tensor.contents, CONTENTS[datatype]))
        assert said == [value.encode() if isinstance(value, str) else value for value in values]
    assert not found.raw_input_contents


@given(st.lists(TENSORS, min_size=1, max_size=4), st.integers(0, 3))
def test_one_binary_tensor_makes_all_of_them_raw(tensors: list[tuple[str, str, list[Any]]], which: int) -> None:
    inputs: list[dict[str, Any]] = []
    which %= len(tensors)
    for name, datatype, values in tensors:
        inputs.append({"name": name, "datatype": datatype, "shape": [len(values)], "data": values})
    raw = to_raw(tensors[which][1], tensors[which][2])
    del inputs[which]["data"]
    inputs[which]["parameters"] = {"binary_data_size": len(raw)}
    found = made({"inputs": inputs}, raw)
    assert list(found.raw_input_contents) == [to_raw(datatype, values) for _, datatype, values in tensors]
    assert not any(tensor.HasField("contents") or tensor.parameters for tensor in found.inputs)


def test_nested_data_are_flat_and_half_floats_are_raw() -> None:
    found = made({"inputs": [{"name": "x", "datatype": "FP16", "shape": [2, 2], "data": [[1, 2], [3, 4.5]]}]})
    assert list(found.raw_input_contents) == [struct.pack("<4e", 1, 2, 3, 4.5)]


def test_parameters_are_those_of_the_call_and_outputs_are_asked_for() -> None:
    wanted = Wanted()
    outputs = [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}]
    parameters = {"binary_data_output": True, "n": -3, "s": "é", "t": True}
    found = made({"inputs": [], "outputs": outputs, "parameters": parameters}, wanted=wanted)
    said = {each.key: each.value for each in found.parameters}
    assert sorted(said) == ["n", "s", "t"]
    assert (said["n"].int64_param, said["s"].string_param, said["t"].bool_param) == (-3, "é", True)
    assert [each.name for each in found.outputs] == ["a", "b"]
    assert not wanted.is_binary("a") and wanted.is_binary("b") and wanted.is_binary("c")


GOOD = {"name": "x", "datatype": "INT8", "shape": [1], "data": [1]}


@pytest.mark.parametrize(
    "document",
    [
        *([], {}, {"inputs": {}}, {"inputs": [1]}, {"inputs": [GOOD], "id": 1}, {"inputs": [GOOD], "parameters": []}),
        *({"inputs": [{**GOOD, **wrong}]} for wrong in ({"name": 1}, {"shape": [1.5]}, {"shape": [-1]})),
        *({"inputs": [{**GOOD, "data": data}]} for data in ([128], [None], [0.5], ["1"], 1, [[1], 2])),
        {"inputs": [{**GOOD, "datatype": "FP32", "data": [1e300]}]},
        {"inputs": [{**GOOD, "datatype": "FP64", "data": [10**400]}]},
        {"inputs": [{**GOOD, "datatype": "INT4"}]},
        {"inputs": [{**GOOD, "datatype": "BYTES", "data": ["\ud800"]}]},
        {"inputs": [GOOD], "outputs": [{}]},
        {"inputs": [GOOD], "parameters": {"list": [1]}},
        {"inputs": [GOOD], "parameters": {"large": 1 << 63}},
        {"inputs": [{**GOOD, "parameters": {"binary_data_size": 9}}]},
        {"inputs": [{**GOOD, "parameters": {"binary_data_size": True}}]},
    ],
)
def test_what_has_no_place_in_a_message_goes_nowhere(document: Any) -> None:
    with pytest.raises(Unwritable):
        made(document)


def test_a_large_text_and_bytes_that_nobody_announced_go_nowhere() -> None:
    with pytest.raises(Unwritable):
        made({"inputs": [], "id": "x" * MAX_JSON})
    with pytest.raises(Unwritable):
        made({"inputs": [GOOD]}, b"x")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["inputs", "name", "shape", "datatype", "data", "id", "outputs", "parameters"]), x
            )
        ),
    )
)
def test_whatever_comes_is_a_message_or_a_refusal(document: Any) -> None:
    try:
        made(document)
    except Unwritable as refused:
        assert refused.detail
