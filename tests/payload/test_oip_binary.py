"""The binary extension, every datatype, written here as the published extension says and read back."""

import struct
from typing import Any, get_args

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation, UnreadReason
from proxy.payload.decode import decode
from proxy.payload.oip_binary import TYPES
from tests.support.records import record as made


def body(tensors: list[Any], raws: list[bytes], extra: bytes = b"") -> tuple[bytes, bytes]:
    header = orjson.dumps({"inputs": tensors, "outputs": tensors})
    return header + b"".join(raws) + extra, f"Inference-Header-Content-Length: {len(header)}\r\n".encode()


def described(name: str, shape: list[int], datatype: str, raw: bytes) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}


def read(data: bytes, fields: bytes) -> Observation:
    record = made(request_fields=fields, request=data, response_fields=fields, response=data)
    return decode(record, "oip", (0, "a"))


@pytest.mark.parametrize("datatype", TYPES)
def test_every_number_type(datatype: str) -> None:
    values = np.array([0, 1, 0, 1, 1, 0]) if datatype == "BOOL" else np.array([0, 1, 2, 100, 7, 5])
    raw = values.astype(TYPES[datatype]).tobytes()
    seen = read(*body([described("x", [2, 3], datatype, raw)], [raw]))
    for tensors in (seen.inputs, seen.outputs):
        assert [(t.name, t.rows, t.width) for t in tensors] == [("x", 2, 3)]
        assert list(tensors[0].data) == values.tolist()
        assert tensors[0].integer == (not datatype.startswith("FP"))


def test_bf16_is_the_upper_half_of_a_float() -> None:
    numbers = [1.0, -2.5, 0.15625, 3.0e38]
    raw = b"".join(struct.pack("<f", x)[2:] for x in numbers)
    (tensor,) = read(*body([described("x", [4], "BF16", raw)], [raw])).inputs
    assert list(tensor.data) == pytest.approx(numbers, rel=0.01)


def test_fp16_against_numpy() -> None:
    raw = np.array([0.1, -65504.0, 6e-8], dtype="<f2").tobytes()
    (tensor,) = read(*body([described("x", [3], "FP16", raw)], [raw])).inputs
    assert list(tensor.data) == np.frombuffer(raw, "<f2").astype(float).tolist()


def test_bytes_are_length_prefixed_strings() -> None:
    words = ["a", "", "zwölf"]
    raw = b"".join(len(w.encode()).to_bytes(4, "little") + w.encode() for w in words)
    (tensor,) = read(*body([described("x", [3], "BYTES", raw)], [raw])).inputs
    assert (tensor.kind, list(tensor.data)) == ("category", words)


def test_binary_and_json_tensors_may_be_mixed() -> None:
    raw = np.arange(4, dtype="<f4").tobytes()
    tensors = [described("a", [1, 4], "FP32", raw), {"name": "b", "shape": [1, 2], "datatype": "FP32", "data": [9, 8]}]
    seen = read(*body(tensors, [raw]))
    assert [(t.name, list(t.data)) for t in seen.inputs] == [("a", [0, 1, 2, 3]), ("b", [9, 8])]


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (*body([described("x", [2], "FP32", b"12345678")], [b"1234"]), "binary"),
        (*body([described("x", [2], "FP32", b"1234567")], [b"1234567"]), "binary"),
        (*body([described("x", [3], "FP32", b"12345678")], [b"12345678"]), "shape"),
        (*body([described("x", [1], "BYTES", b"\x09\x00\x00\x00a")], [b"\x09\x00\x00\x00a"]), "binary"),
        (*body([described("x", [1], "FP99", b"1234")], [b"1234"]), "schema"),
        (
            *body([{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": -1}}], []),
            "binary",
        ),
        (b"{}", b"Inference-Header-Content-Length: 99\r\n", "binary"),
        (b"{}", b"Inference-Header-Content-Length: x\r\n", "binary"),
        (b"{}", b"Inference-Header-Content-Length: 9999999999999\r\n", "binary"),
        (b"{x}", b"Inference-Header-Content-Length: 3\r\n", "json"),
    ],
)
def test_what_cannot_be_read_has_a_reason(data: bytes, fields: bytes, reason: str) -> None:
    assert read(data, fields).unreadable_request == reason


@given(
    st.binary(max_size=80), st.integers(-5, 100), st.sampled_from([*TYPES, "BYTES", "BF16", "?"]), st.integers(0, 40)
)
def test_no_bytes_raise(raw: bytes, size: int, datatype: str, cut: int) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": datatype, "parameters": {"binary_data_size": size}}
    data, fields = body([tensor], [raw])
    for each in (data, data[:cut]):
        assert read(each, fields).unreadable_request in {*get_args(UnreadReason), ""} - {"internal"}
