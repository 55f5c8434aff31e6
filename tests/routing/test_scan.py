"""A value that is looked for finds what a parser finds, in a whole document and in any beginning that holds it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.scan import MAX_STEPS, CostlySearch, Scan

NAMES = st.one_of(st.sampled_from(["a", "b", "", 'q"', "\\", "é", "a/b", "]}"]), st.text(max_size=3))
SCALARS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), NAMES, st.booleans())
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


def paths(document: Any, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Pointers to all values that are no containers."""
    if isinstance(document, dict):
        return [found for name, each in document.items() for found in paths(each, (*at, name))]
    if isinstance(document, list):
        return [found for place, each in enumerate(document) for found in paths(each, (*at, str(place)))]
    return [(at, document)]


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 2]))
def test_it_finds_what_a_parser_finds(document: Any, escaped: bool, indent: int | None) -> None:
    data = json.dumps([document], ensure_ascii=escaped, indent=indent).encode("utf-8", "surrogatepass")
    try:
        json.loads(data)
    except ValueError:  # half of a surrogate pair that is not escaped
        return
    for parts, value in paths([document]):
        found = Scan(data).find(list(parts))
        assert found == value and type(found) is type(value)


@given(DOCUMENTS, st.data())
def test_of_a_beginning_it_finds_the_same_or_nothing(document: Any, data: st.DataObject) -> None:
    whole = json.dumps([document]).encode()
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    for parts, value in paths([document]):
        with suppress(LookupError, ValueError):
            assert Scan(cut).find(list(parts)) == value


@given(st.binary(max_size=60), st.lists(st.sampled_from(["a", "0", "9"]), max_size=3))
def test_whatever_comes_it_ends(body: bytes, parts: list[str]) -> None:
    with suppress(LookupError, ValueError, RecursionError):
        Scan(body).find(parts)


@pytest.mark.parametrize("unit", [b"[", b"[],", b'"",', b'"x":1,', b'"\\"",', b"{"])
def test_it_gives_up_what_is_too_much(unit: bytes) -> None:
    with pytest.raises((CostlySearch, LookupError, ValueError)):
        Scan(b'{"b": [' + unit * (2 * MAX_STEPS) + b'0], "a": 1}').find(["a"])


def test_numbers_and_long_texts_cost_nothing() -> None:
    data = b'{"n": [' + b"0.25," * 1_000_000 + b'1], "t": "' + b"x" * 4_000_000 + b'", "user": "u"}'
    assert Scan(data).find(["user"]) == "u"


@pytest.mark.parametrize("body", [b" " * 4_000_000 + b'{"a": 1}', b'{"' + b"\\\\" * 2_000_000 + b'": 1, "a": 2}'])
def test_spaces_and_backslashes_are_no_way_around(body: bytes) -> None:
    with pytest.raises(CostlySearch):
        Scan(body).find(["a"])
