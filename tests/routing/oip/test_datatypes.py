"""Values of tensors in their forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.datatypes import (
    TooMany,
    Unfit,
    checked,
    from_contents,
    from_raw,
    is_known,
    to_contents,
    to_raw,
)
from proxy.routing.protobuf import NotProtobuf
from tests.routing.oip.test_request import TENSORS


@given(TENSORS)
def test_raw_and_typed_forms_hold_the_same_values(one: tuple[str, str, list[Any]]) -> None:
    _, datatype, values = one
    said = [value.encode() for value in values] if datatype == "BYTES" else values
    assert from_raw(datatype, to_raw(datatype, values)) == said
    assert from_contents(datatype, to_contents(datatype, values)) == said


@given(TENSORS.filter(lambda one: len(one[2]) > 0))
def test_what_is_more_than_the_bound_is_counted_before_it_is_read(one: tuple[str, str, list[Any]]) -> None:
    _, datatype, values = one
    raw, typed, most = to_raw(datatype, values), to_contents(datatype, values), len(values)
    assert from_raw(datatype, raw, most) == from_contents(datatype, typed, most)
    with pytest.raises(TooMany):
        from_raw(datatype, raw, most - 1)
    with pytest.raises(TooMany):
        from_contents(datatype, typed, most - 1)


@given(st.lists(st.floats(width=16, allow_nan=False)))
def test_half_floats_are_raw(values: list[float]) -> None:
    assert from_raw("FP16", to_raw("FP16", values)) == values
    kept = from_raw("BF16", to_raw("BF16", values))
    assert all(abs(one - other) <= abs(one) / 128 for one, other in zip(values, kept, strict=True) if abs(one) < 1e30)


@pytest.mark.parametrize(
    ("datatype", "value"), [("BYTES", 1), ("INT8", "1"), ("INT32", 0.5), ("BOOL", 2), ("BOOL", "true"), ("FP32", None)]
)
def test_a_value_of_another_kind_is_none_of_the_datatype(datatype: str, value: Any) -> None:
    with pytest.raises(Unfit):
        checked(datatype, [value])


def test_values_that_mean_the_same_are_taken() -> None:
    assert (
        checked("BOOL", [0, True]) == [False, True] and checked("INT8", [1.0]) == [1] and checked("FP32", [1]) == [1.0]
    )
    assert is_known("BYTES") and is_known("BF16") and not is_known("FP8")


@pytest.mark.parametrize(("datatype", "value"), [("INT8", 128), ("UINT8", -1), ("FP16", 1e9), ("FP32", 1e300)])
def test_a_number_beyond_its_datatype_is_none(datatype: str, value: Any) -> None:
    with pytest.raises(Unfit):
        to_raw(datatype, [value])


@pytest.mark.parametrize(
    ("datatype", "raw"), [("BYTES", b"\1\0"), ("BYTES", b"\5\0\0\0a"), ("FP8", b"1"), ("INT16", b"1")]
)
def test_raw_contents_that_do_not_fit_are_none(datatype: str, raw: bytes) -> None:
    with pytest.raises(NotProtobuf):
        from_raw(datatype, raw)


def test_typed_contents_of_another_datatype_are_none() -> None:
    with pytest.raises(NotProtobuf):
        from_contents("FP32", to_contents("INT8", [1]))
    with pytest.raises(NotProtobuf):
        from_contents("FP16", b"")
