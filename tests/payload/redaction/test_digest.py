"""Keyed hashes: equal stays equal, the kind stays, another key is another hash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.oip_binary import TYPES
from proxy.payload.redaction.digest import BITS, Digest, Raw

ONE, OTHER = Digest(b"one"), Digest(b"other")
scalars = st.one_of(st.text(min_size=1), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False))


@given(scalars)
def test_a_value_becomes_another_of_its_kind(value: Any) -> None:
    hashed = ONE.value(value)
    assert type(hashed) is type(value) and hashed == ONE.value(value)
    assert isinstance(value, float) or hashed != value or isinstance(value, int)


@given(st.lists(scalars, min_size=20, unique=True))
def test_another_key_gives_other_hashes(values: list[Any]) -> None:
    assert ONE.value(values) != OTHER.value(values)
    assert ONE.fingerprint() != OTHER.fingerprint()


def test_whole_numbers_are_equal_in_a_tensor_of_any_form() -> None:
    assert ONE.value(41, "FP32") == ONE.value(41.0, "FP32")


@pytest.mark.parametrize("value", [None, True, False])
def test_what_has_few_forms_goes(value: object) -> None:
    assert ONE.value(value) is None


def test_an_object_becomes_one_text_whatever_the_order_of_its_members() -> None:
    assert ONE.value({"a": 1, "b": 2}) == ONE.value({"b": 2, "a": 1})


@pytest.mark.parametrize("datatype", [*TYPES, "BF16"])
def test_raw_tensors_keep_their_size_and_equality(datatype: str) -> None:
    kind = TYPES.get(datatype, np.dtype("<u2"))
    data = np.array([1, 0, 1, 1, 0], dtype=kind)
    hashed = ONE.value(Raw(data.tobytes(), datatype))
    values = np.frombuffer(hashed.data, dtype=kind)
    assert len(values) == 5 and (values[[0, 2, 3]] == values[0]).all() and values[1] == values[4]
    assert BITS[datatype] < 8 or values[0] != 1


def test_raw_texts_become_raw_texts() -> None:
    hashed = ONE.value(Raw(b"\x02\x00\x00\x00ab\x01\x00\x00\x00c\x02\x00\x00\x00ab", "BYTES"))
    text = ONE.text(b"ab").encode()
    assert hashed.data.count(len(text).to_bytes(4, "little") + text) == 2


def test_a_key_of_zero_is_none() -> None:
    assert ONE.number(0) == 0 and 0 < ONE.number(5) < 2**63 and ONE.number(5) != ONE.number(6)
