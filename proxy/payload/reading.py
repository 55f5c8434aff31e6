"""What every codec shares: the one exception, the bounds, and how nested JSON is checked and flattened."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

from proxy.contracts.observation import Kind

MAX_TENSORS = 256
"""Tensors (or columns) of one body. A wider frame is not something a per-feature analysis can be read from."""

MAX_VALUES = 262_144
"""Values of one tensor that are looked at: an image batch fits, a stray gigabyte does not."""

MAX_DEPTH = 8
"""Nesting of JSON arrays in tensor data; deeper ones are no tensors."""


class Unreadable(Exception):
    """A body gives no features; `reason` is one of `payload.decode.REASONS`. Never leaves this room."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def fields_of(value: Any) -> Mapping[str, Any]:
    """`value` as a JSON object. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("schema")
    return value


NUMBERS = frozenset((int, float, bool))
NOTHING = type(None)


def checked(data: list[Any], kind: Kind) -> list[Any]:
    """`data` with only what its kind allows: numbers with NaN for null, or strings. Raises Unreadable."""
    types = set(map(type, data))
    if kind == "category":
        if types <= {str, NOTHING}:
            return data
    elif types <= NUMBERS:
        return data
    elif types <= NUMBERS | {NOTHING}:
        return [nan if value is None else value for value in data]
    raise Unreadable("values")


def flatten(data: Any) -> list[Any]:
    """Nested arrays as one flat list, row-major; an already flat list is returned as it is."""
    if not isinstance(data, list):
        raise Unreadable("schema")
    values: list[Any] = data
    for _ in range(MAX_DEPTH):
        if len(values) > MAX_VALUES:
            raise Unreadable("too_many_values")
        if not values or not isinstance(values[0], list):
            return values
        if not all(isinstance(row, list) for row in values):
            raise Unreadable("shape")
        values = [value for row in values for value in row]
    raise Unreadable("schema")
