"""Inputs of Triton's load generator."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.perf_analyzer import TensorTypes, exchanges_of_inputs
from proxy.cli.capture.requests import ForeignExchange
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.payload.oip import read_request
from proxy.payload.reading import Body


def read(folder: Path, document: Any, **types: str) -> list[ForeignExchange]:
    (folder / "inputs.json").write_text(json.dumps(document))
    return list(exchanges_of_inputs(folder / "inputs.json", "m", TensorTypes(types, "FP32")))


def test_steps_are_requests_that_are_read_as_what_they_say(tmp_path: Path) -> None:
    steps = [
        {"A": [1, 2], "B": {"content": [[3, 4], [5, 6]], "shape": [2, 2]}},
        [{"A": {"b64": "AAAAQAAAgD8="}, "B": [1]}],
    ]
    first, second = read(tmp_path, {"data": steps, "validation_data": [{"Y": [1.5]}]})
    a, b = (json.loads(first.request)["inputs"][at] for at in (0, 1))
    assert (a["shape"], b["shape"], b["data"]) == ([1, 2], [2, 2], [3, 4, 5, 6])
    assert json.loads(first.answer or b"")["outputs"][0]["data"] == [1.5] and second.answer is None
    found = read_request(Body(second.request, second.request_fields.lower(), DEFAULT_ANALYSIS))
    assert found.tensors[0].data == [2.0, 1.0]


def test_a_payload_is_a_body(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {"data": [{"payload": [{"model": "m", "messages": []}]}]})
    assert (found.path, json.loads(found.request)["model"]) == ("/v1/chat/completions", "m")


def test_inputs_of_the_forms_that_the_tool_takes(tmp_path: Path) -> None:
    """Sequences, shapes of variable tensors, raw bytes of numbers and of texts: in the shapes of docs/input_data.md of
    github.com/triton-inference-server/perf_analyzer."""
    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"yes", b"", b"no"))
    raw = {"b64": b64encode(struct.pack("<3f", 0.5, 1.5, 2.5)).decode()}
    document = {
        "data": [
            [{"X": {"content": [1, 2, 3, 4], "shape": [2, 2]}}, {"X": {"content": [1, 2, 3, 4]}}],
            [{"X": {"content": raw, "shape": [3]}, "S": {"content": {"b64": b64encode(texts).decode()}, "shape": [3]}}],
            [{"S": ["one"]}],
        ]
    }
    square, flat, binary, text = read(tmp_path, document, S="BYTES")
    assert [json.loads(each.request)["inputs"][0]["shape"] for each in (square, flat, text)] == [[2, 2], [1, 4], [1, 1]]
    found = read_request(Body(binary.request, binary.request_fields.lower(), DEFAULT_ANALYSIS))
    assert [list(tensor.data) for tensor in found.tensors] == [[0.5, 1.5, 2.5], ["yes", "", "no"]]


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 a picture", b""])
def test_bytes_that_are_no_texts_with_lengths_are_one(tmp_path: Path, data: bytes) -> None:
    (found,) = read(tmp_path, {"data": [{"S": {"b64": b64encode(data).decode()}}]}, S="BYTES")
    assert found.request.endswith(struct.pack("<I", len(data)) + data)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"a": 1}, 'no list "data"'),
        ({"data": [1]}, "no object of tensors"),
        ({"data": [{}]}, "no object of tensors"),
        ({"data": [{"ipc_stream": "python3 make.py"}]}, "step 1: ipc_stream: a program"),
        ({"data": [{"A": {"b64": "*"}}]}, "step 1: "),
        ({"data": [{"A": [1]}, {"A": {"content": {"x": 1}}}]}, "step 2: "),
        ({"data": [{"X": {"content": [1, 2, 3], "shape": [2]}}]}, "step 1: X: 3 values, where its shape .2. has 2"),
        ({"data": [{"X": {"content": {"b64": "AACAPw=="}, "shape": [2]}}]}, "step 1: X: 1 values"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, document: Any, why: str) -> None:
    with pytest.raises(UnusableRows, match=why):
        read(tmp_path, document)
