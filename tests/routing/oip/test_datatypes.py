"""Values of tensors in their forms."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.oip.datatypes import from_contents, from_raw, to_contents, to_raw
from tests.routing.oip.test_request import TENSORS


@given(TENSORS)
def test_raw_and_typed_forms_hold_the_same_values(one: tuple[str, str, list[Any]]) -> None:
    _, datatype, values = one
    said = [value.encode() for value in values] if datatype == "BYTES" else values
    assert from_raw(datatype, to_raw(datatype, values)) == said
    assert from_contents(datatype, to_contents(datatype, values)) == said


@given(st.lists(st.floats(width=16, allow_nan=False)))
def test_half_floats_are_raw(values: list[float]) -> None:
    assert from_raw("FP16", to_raw("FP16", values)) == values
    kept = from_raw("BF16", to_raw("BF16", values))
    assert all(abs(one - other) <= abs(one) / 128 for one, other in zip(values, kept, strict=True) if abs(one) < 1e30)
