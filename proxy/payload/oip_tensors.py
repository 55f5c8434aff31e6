"""Open Inference Protocol V2: what a tensor is, whether its data stands in the JSON or after it.

Shape and data are checked against each other: a tensor whose data does not fill its shape makes the body unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from proxy.contracts.datatypes import FLOAT_TYPES, INTEGER_TYPES
from proxy.contracts.observation import ColumnKind, Tensor
from proxy.payload.reading import (
    MAX_CATEGORY,
    MAX_TENSORS,
    Unreadable,
    checked,
    fields_of,
    flatten,
    kept_texts,
    name_of,
    packed,
)

NUMBER_TYPES = INTEGER_TYPES | FLOAT_TYPES
KIND_OF_TYPE: dict[str, ColumnKind] = {**dict.fromkeys(NUMBER_TYPES, "number"), "BYTES": "category"}


def listed(document: Any, side: str) -> list[Any]:
    """The tensors of one side, still as JSON. Raises Unreadable."""
    tensors = fields_of(document).get(side)
    if not isinstance(tensors, list):
        raise Unreadable("schema")
    if len(tensors) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    return tensors


def tensor_of(fields: Mapping[str, Any], one_row: bool = False) -> Tensor:
    """One JSON tensor. Its first dimension counts rows, the rest are columns; `one_row`: the only one is columns."""
    data = flatten(fields.get("data"))
    return shaped(fields, data, one_row)


def shaped(fields: Mapping[str, Any], data: list[Any], one_row: bool = False) -> Tensor:
    """A tensor with `data` already flat, checked against name, datatype and shape. Raises Unreadable."""
    name, datatype = fields.get("name"), fields.get("datatype")
    kind = KIND_OF_TYPE.get(datatype) if isinstance(datatype, str) else None
    if not isinstance(name, str) or not isinstance(datatype, str) or kind is None:
        raise Unreadable("schema")
    rows, width = rows_and_width(fields.get("shape"), one_row)
    if rows * width != len(data):
        raise Unreadable("shape")
    integer, named, values = datatype in INTEGER_TYPES, name_of(name), checked(data, kind)
    many = packed(values) if kind == "number" and not integer else values
    made = Tensor(named, rows, width, kind, many, integer=integer, datatype=datatype)
    if kind == "category" and width == 1 and any(map(_is_long, values)):
        return replace(made, texts=((named, kept_texts(values)),))
    return made


def _is_long(value: str | None) -> bool:
    return value is not None and len(value) > MAX_CATEGORY


def rows_and_width(shape: Any, one_row: bool = False) -> tuple[int, int]:
    """Rows and columns of a shape: a vector of n is n rows of one column (`one_row`: the reverse), a scalar 1 x 1.
    Raises Unreadable."""
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Unreadable("schema")
    if not shape:
        return 1, 1
    if one_row and len(shape) == 1:
        return 1, shape[0]
    width = 1
    for size in shape[1:]:
        width *= size
    return shape[0], width
