"""What JSON costs: the structure counts, what stands in strings does not."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.json_cost import (
    BRACKETS,
    MAX_COST,
    SMALL_BYTES,
    is_costly,
    may_be_costly,
    outside_strings,
    strings,
    weight,
)


@given(st.recursive(st.text() | st.integers(0, 9), lambda inner: st.lists(inner, max_size=5)))
def test_outside_of_strings_is_what_a_parser_makes_of_them(document: object) -> None:
    def emptied(value: object) -> object:
        return [emptied(each) for each in value] if isinstance(value, list) else "" if isinstance(value, str) else value

    assert orjson.loads(outside_strings(orjson.dumps(document)) or b"") == emptied(document)


@pytest.mark.parametrize("unit", [b"{},", b"[],", b"0,", b'"a",', b'{"a":1},'])
def test_the_cost_is_that_of_the_structure(unit: bytes) -> None:
    assert is_costly(b"[" + unit * MAX_COST + b"0]")
    assert not is_costly(b"[" + unit * (MAX_COST // 64) + b"0]")
    told = orjson.dumps({"prompt": (unit * MAX_COST).decode()})
    assert may_be_costly(told) and not is_costly(told)


def test_a_small_body_is_not_weighed() -> None:
    assert not may_be_costly(b"{" * SMALL_BYTES)


@given(st.lists(st.sampled_from([b"{", b"[", b",", b":", b'"', b"a"]), min_size=1, max_size=6), st.integers(0, 600_000))
def test_a_glance_says_what_counting_says(unit: list[bytes], size: int) -> None:
    data = (b"".join(unit) * (size // len(unit) + 1))[:size]
    assert may_be_costly(data) == (size > SMALL_BYTES and weight(data, BRACKETS) + strings(data) > MAX_COST)


def test_too_many_strings_are_a_cost_of_their_own() -> None:
    assert outside_strings(b'"",' * MAX_COST) is None
