"""Operations change what they name, and become JSON Patch."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.inject.operations import Operation, append, applied, at, put


@pytest.mark.parametrize(
    ("value", "path", "made"),
    [
        ({"a": {"b": {"x": 1}}}, ("a", "b"), {"a": {"b": {"x": 1, "k": "v"}}}),
        ({"a": {"b": None}}, ("a", "b"), {"a": {"b": {"k": "v"}}}),
        ({"a": {}}, ("a", "b"), {"a": {"b": {"k": "v"}}}),
        ({}, ("a", "b", "c"), {"a": {"b": {"c": {"k": "v"}}}}),
        ({"k": "old"}, (), {"k": "v"}),
        ([{"b": {}}], (0, "b"), [{"b": {"k": "v"}}]),
    ],
)
def test_a_key_is_put_and_what_is_above_it_made(value: Any, path: Any, made: Any) -> None:
    operations = put(value, path, "k", "v")
    assert len(operations) == 1
    assert applied(value, operations) == made
    assert put(made, path, "k", "v") == []


@pytest.mark.parametrize("value", [{}, {"l": None}, {"l": []}, {"l": [0]}])
def test_items_come_last(value: Any) -> None:
    assert applied(value, append(value, ("l",), [1, 2]))["l"] == [*(value.get("l") or []), 1, 2]
    assert append(value, ("l",), []) == []


def test_a_path_that_leads_nowhere_has_nothing() -> None:
    assert at({"a": [1]}, ("a", 0)) == 1
    for path in (("b",), ("a", 1), ("a", "x"), ("a", 0, "x")):
        assert at({"a": [1]}, path) is None


def test_pointers_are_escaped() -> None:
    assert Operation(("a/b", "c~d", 0, "-"), 1).as_json() == {"op": "add", "path": "/a~1b/c~0d/0/-", "value": 1}
    assert Operation(("a",), 1, anew=True).as_json()["op"] == "replace"
