"""Inputs of Triton's load generator (`--input-data FILE`) as requests of the Open Inference Protocol.

`{"data": [STEP, [STEP, …], …], "validation_data": …}`: a step is an object of tensors by name; the steps of a list go
one after the other. A tensor is its values in row-major order, `{"content": values, "shape": […]}` or `{"b64": bytes}`.
Raw bytes of texts have the length before each (`<I`). A step `{"payload": [body]}` is a body; one of `ipc_stream` names
a program that makes the request, and is refused. Datatypes are in the model's configuration, and not in the file.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from proxy import files
from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.requests import ForeignExchange, inference, tensor, text_tensor
from proxy.contracts.datatypes import WIDTHS
from proxy.payload.reading import Unreadable, flatten

MAX_FILE = 1 << 28
"""Bytes of a file, which is one document: 256 MiB."""


LENGTH = struct.Struct("<I")
"""Before each text of a raw tensor of BYTES."""


class TensorTypes(Struct, frozen=True):
    """What is known of the model's inputs: datatypes by name, and that of all others ("": of their values)."""

    named: Mapping[str, str]
    usual: str = ""

    def of(self, name: str) -> str:
        """The datatype of an input."""
        return self.named.get(name, self.usual)


def exchanges_of_inputs(path: Path, model: str, types: TensorTypes, to: str = "") -> Iterator[ForeignExchange]:
    """A request for each step; `to`: their path. Raises UnusableRows, OSError."""
    try:
        document = orjson.loads(files.content(path, MAX_FILE))
    except orjson.JSONDecodeError as error:
        raise UnusableRows(f"{path}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise UnusableRows(f'{path}: no list "data", as inputs of perf_analyzer have')
    answers = list(_steps(document.get("validation_data", []), path))
    for number, step in enumerate(_steps(document["data"], path)):
        where = f"{path}, step {number + 1}"
        try:
            answer = _answer(answers[number], model, types) if number < len(answers) else None
            yield _exchange(step, model, types, answer, to)
        except (Unreadable, Error, ValueError, TypeError, KeyError) as error:
            raise UnusableRows(f"{where}: {error}") from error


def _steps(data: Any, path: Path) -> Iterator[Mapping[str, Any]]:
    for each in data if isinstance(data, list) else [None]:
        for step in each if isinstance(each, list) else [each]:
            if not isinstance(step, dict) or not step:
                raise UnusableRows(f"{path}: a step that is no object of tensors")
            yield step


def _exchange(
    step: Mapping[str, Any], model: str, types: TensorTypes, answer: bytes | None, to: str
) -> ForeignExchange:
    if isinstance(step.get("payload"), list) and len(step["payload"]) == 1:
        return ForeignExchange(to or "/v1/chat/completions", orjson.dumps(step["payload"][0]), answer)
    if "ipc_stream" in step:
        raise ValueError("ipc_stream: a program makes this request, and it is not run")
    raw: dict[str, bytes] = {}
    tensors = [_tensor(name, value, types.of(name), raw) for name, value in step.items()]
    body, fields = inference(tensors, raw)
    return ForeignExchange(to or f"/v2/models/{model}/infer", body, answer, fields)


def _tensor(name: str, value: Any, datatype: str, raw: dict[str, bytes]) -> dict[str, Any]:
    shape, content = None, value
    if isinstance(value, dict):
        shape, content = value.get("shape"), value.get("content", value)
    if isinstance(content, dict):
        if not datatype:
            raise ValueError(f"{name}: raw bytes need a datatype: --datatype {name}=FP32")
        data = b64decode(content["b64"], validate=True)
        if datatype == "BYTES":
            count = _texts(data)
            data, count = (data, count) if count else (text_tensor(data), 1)
        else:
            count = len(data) // WIDTHS[datatype]
        raw[name] = data
        _refuse_shape(name, shape, count)
        size = {"binary_data_size": len(data)}
        return {"name": name, "shape": shape or [1, count], "datatype": datatype, "parameters": size}
    values = flatten(content if isinstance(content, list) else [content])
    _refuse_shape(name, shape, len(values))
    return tensor(name, values, shape or [1, len(values)], datatype)


def _refuse_shape(name: str, shape: list[int] | None, count: int) -> None:
    if shape and prod(shape) != count:
        raise ValueError(f"{name}: {count:,} values, where its shape {shape} has {prod(shape):,}")


def _texts(data: bytes) -> int:
    """Texts with their lengths before them that the bytes are; 0: they are none."""
    at = count = 0
    while at + LENGTH.size <= len(data):
        at += LENGTH.size + LENGTH.unpack_from(data, at)[0]
        count += 1
    return count if at == len(data) else 0


def _answer(step: Mapping[str, Any], model: str, types: TensorTypes) -> bytes | None:
    raw: dict[str, bytes] = {}
    tensors = [_tensor(name, value, types.of(name), raw) for name, value in step.items()]
    return None if raw else orjson.dumps({"model_name": model, "outputs": tensors})
