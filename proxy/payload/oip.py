"""Open Inference Protocol V2: JSON tensors, `inputs` in a request and `outputs` in a response.

Shape and data are checked against each other: a tensor whose data does not fill its shape makes the body unreadable.
Published in the KServe open-inference-protocol repository (`specification/protocol/inference_rest.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.contracts.observation import Kind, Tensor
from proxy.payload.reading import MAX_TENSORS, Unreadable, checked, fields_of, flatten

INTEGERS = frozenset(("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"))
FLOATS = frozenset(("FP16", "BF16", "FP32", "FP64"))
KINDS: dict[str, Kind] = {**dict.fromkeys(INTEGERS | FLOATS, "number"), "BYTES": "category"}


def read_request(body: Any) -> tuple[Tensor, ...]:
    """The input tensors of a parsed request body. Raises Unreadable."""
    return _tensors(fields_of(body), "inputs")


def read_response(body: Any) -> tuple[Tensor, ...]:
    """The output tensors of a parsed response body. Raises Unreadable."""
    return _tensors(fields_of(body), "outputs")


def _tensors(body: Mapping[str, Any], side: str) -> tuple[Tensor, ...]:
    tensors = body.get(side)
    if not isinstance(tensors, list):
        raise Unreadable("schema")
    if len(tensors) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    return tuple([tensor_of(fields_of(tensor)) for tensor in tensors])


def tensor_of(fields: Mapping[str, Any]) -> Tensor:
    """One JSON tensor. Its first dimension counts rows, the rest are columns."""
    data = flatten(fields.get("data"))
    return shaped(fields, data)


def shaped(fields: Mapping[str, Any], data: list[Any]) -> Tensor:
    """A tensor with `data` already flat, checked against name, datatype and shape. Raises Unreadable."""
    name, datatype = fields.get("name"), fields.get("datatype")
    kind = KINDS.get(datatype) if isinstance(datatype, str) else None
    if not isinstance(name, str) or kind is None:
        raise Unreadable("schema")
    rows, width = rows_and_width(fields.get("shape"))
    if rows * width != len(data):
        raise Unreadable("shape")
    return Tensor(name, rows, width, kind, checked(data, kind), integer=datatype in INTEGERS)


def rows_and_width(shape: Any) -> tuple[int, int]:
    """Rows and columns of a shape; a vector of n is n rows of one column, a scalar one row of one."""
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Unreadable("schema")
    if not shape:
        return 1, 1
    width = 1
    for size in shape[1:]:
        width *= size
    return shape[0], width
