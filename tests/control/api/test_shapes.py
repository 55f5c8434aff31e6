"""Shapes of the OpenAPI document."""

from __future__ import annotations

from proxy.control.api.shapes import closed, many, maybe, record, ref, text


def test_all_fields_of_an_answer_are_there_but_the_optional_ones() -> None:
    shape = record(("b",), a=text(), b=many(ref("X")))
    assert shape["required"] == ["a"]
    assert shape["properties"]["b"] == {"type": "array", "items": {"$ref": "#/components/schemas/X"}}
    assert maybe(text())["anyOf"] == [{"type": "string"}, {"type": "null"}]


def test_nothing_else_is_in_a_body() -> None:
    assert closed(a=text())["additionalProperties"] is False
