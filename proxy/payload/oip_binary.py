"""Open Inference Protocol V2, binary tensor data extension: JSON first, then raw tensors in its order, little endian.

`Inference-Header-Content-Length` says where the JSON ends; a tensor with `parameters.binary_data_size` has its data
after it. Published with Triton Inference Server (`protocol/extension_binary_data.md`) and the KServe specification.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from proxy.contracts.datatypes import LETTERS
from proxy.contracts.json_cost import STRING
from proxy.contracts.observation import Tensor
from proxy.payload.cost import refuse_costly_document
from proxy.payload.oip_tensors import listed, shaped, tensor_of
from proxy.payload.pictures.found import is_picture
from proxy.payload.reading import MAX_TENSOR_VALUES, Unreadable, fields_of

TYPES: dict[str, np.dtype[Any]] = {datatype: np.dtype(f"<{letter}") for datatype, letter in LETTERS.items()}
"""BF16 and BYTES have readers of their own."""

MAX_HEADER_DIGITS = 12


def head_of(data: bytes, length: bytes) -> Any:
    """The JSON that is the first `length` bytes of a body. Raises Unreadable or orjson.JSONDecodeError."""
    if not length.isdigit() or len(length) > MAX_HEADER_DIGITS or int(length) > len(data):
        raise Unreadable("binary")
    head = data[: int(length)]
    refuse_costly_document(head)
    return orjson.loads(head)


def tensors(head: Any, data: bytes, side: str, one_row: bool = False) -> tuple[Tensor, ...]:
    """The tensors of one side of a body: its JSON, and the bytes behind it. Raises Unreadable."""
    at, tensors, left = 0, [], MAX_TENSOR_VALUES
    for each in listed(head, side):
        tensor = fields_of(each)
        size = _size(tensor)
        if size is None:
            tensors.append(tensor_of(tensor, one_row))
            continue
        if at + size > len(data):
            raise Unreadable("binary")
        tensors.append(shaped(tensor, values(data[at : at + size], tensor.get("datatype"), left), one_row))
        left -= len(tensors[-1].data)
        at += size
    return tuple(tensors)


def _size(tensor: dict[str, Any]) -> int | None:
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise Unreadable("binary")
    return size


def values(raw: bytes, datatype: Any, most: int = MAX_TENSOR_VALUES) -> list[Any]:
    """The values of one raw tensor, flat, `most` of them. Raises Unreadable."""
    if datatype == "BYTES":
        return _strings(raw, most // STRING)
    if datatype == "BF16":
        # The upper half of a 32-bit float: put zeros below it.
        return _numbers(raw, np.dtype("<u2"), lambda half: (half.astype("<u4") << 16).view("<f4"), most)
    kind = TYPES.get(datatype) if isinstance(datatype, str) else None
    if kind is None:
        raise Unreadable("schema")
    return _numbers(raw, kind, lambda array: array, most)


def _numbers(raw: bytes, kind: np.dtype[Any], read: Any, most: int) -> list[Any]:
    if len(raw) % kind.itemsize:
        raise Unreadable("binary")
    if len(raw) // kind.itemsize > most:
        raise Unreadable("too_many_values")
    numbers: list[Any] = read(np.frombuffer(raw, dtype=kind)).tolist()
    return numbers


def _strings(raw: bytes, most: int) -> list[Any]:
    values: list[Any] = []
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        if at + 4 + size > len(raw):
            raise Unreadable("binary")
        if len(values) >= most:
            raise Unreadable("too_many_values")
        values.append(text_of(raw[at + 4 : at + 4 + size]))
        at += 4 + size
    return values


def text_of(value: bytes) -> str:
    """One value of datatype BYTES. Of a picture each byte is a character: as text most of it would be none."""
    return value.decode("latin-1") if is_picture(value) else value.decode("utf-8", "replace")
