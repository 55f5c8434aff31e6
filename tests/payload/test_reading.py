"""What codecs share: header fields, pointers, nested arrays, and which values a kind allows."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from proxy.contracts.observation import MANY
from proxy.payload.reading import (
    MAX_DEPTH,
    MAX_TENSOR_VALUES,
    Unreadable,
    checked,
    field,
    flatten,
    packed,
    pointed,
)


def nested(depth: int) -> Any:
    return 1 if depth == 0 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        (b"Content-Encoding: GZIP\r\n", b"gzip"),
        (b"X: 1\r\ncontent-encoding:zstd", b"zstd"),
        (b"X-Content-Encoding: gzip\r\n", b""),
        (b"", b""),
    ],
)
def test_header_fields_are_found(fields: bytes, value: bytes) -> None:
    assert field(fields.lower(), b"content-encoding") == value


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", {"a": [1, {"b/c": 2, "~": 3}]}), ("/a/0", 1), ("/a/1/b~1c", 2), ("/a/1/~0", 3)],
)
def test_pointers_lead_where_rfc_6901_says(pointer: str, value: Any) -> None:
    assert pointed({"a": [1, {"b/c": 2, "~": 3}]}, pointer) == value


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-1", "/a/x", "/a/0/1"])
def test_a_pointer_that_leads_nowhere_is_a_reason(pointer: str) -> None:
    with pytest.raises(Unreadable, match="pointer"):
        pointed({"a": [1, 2]}, pointer)


def test_nested_arrays_become_flat_row_by_row() -> None:
    flat_already = [1, 2]
    assert flatten(flat_already) is flat_already
    assert flatten([[[1, 2], [3]], [[4]]]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text", "schema"),
        ([[1], 2], "shape"),
        ([0] * (MAX_TENSOR_VALUES + 1), "too_many_values"),
        (nested(MAX_DEPTH + 1), "schema"),
    ],
)
def test_data_that_is_no_tensor_has_a_reason(data: Any, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        flatten(data)


def test_a_missing_number_is_nan_and_a_missing_category_none() -> None:
    first, second = checked([1, None], "number")
    assert first == 1 and math.isnan(second)
    assert checked(["a", None], "category") == ["a", None]
    for data, kind in (([1, "a"], "number"), (["a", 1], "category"), ([{}], "number")):
        with pytest.raises(Unreadable, match="values"):
            checked(data, kind)  # type: ignore[arg-type]


def test_many_numbers_are_packed_and_say_the_same() -> None:
    values = [0.1, 3, True, math.inf, -1e308] * MANY
    assert type(packed(values)) is array and list(packed(values)) == values
    assert packed(values[: MANY - 1]) == values[: MANY - 1]


@pytest.mark.parametrize("odd", [None, "1.5", 10**400, [1.0]])
def test_what_is_no_double_stays_as_it_is(odd: Any) -> None:
    values = [0.1] * MANY + [odd]
    assert packed(values) is values
