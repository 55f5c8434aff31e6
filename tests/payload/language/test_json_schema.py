"""The part of JSON Schema that is read, held to the library that knows all of it."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.language.json_schema import MAX_STEPS, CheckSteps, fits

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["string", "number", "integer", "boolean", "object", "array", "null"]
TYPES = st.sampled_from(NAMES) | st.lists(st.sampled_from(NAMES), min_size=1)
BOUNDS = (
    *("minimum", "maximum", "exclusiveMaximum", "exclusiveMinimum"),
    *("maxLength", "minLength", "minItems", "maxItems"),
)
COUNTS = st.integers(0, 3)
SCHEMAS = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {}, optional={"type": st.sampled_from(NAMES) | st.lists(st.sampled_from(NAMES), min_size=1)}
    )
    | st.fixed_dictionaries({}, optional={"enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES})
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("minimum", "exclusiveMaximum", "maxLength", "minItems"), COUNTS)
    )
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("maximum", "exclusiveMinimum", "minLength", "maxItems"), COUNTS)
    )
    | st.just({"$ref": "#/$defs/d"}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "minProperties": COUNTS,
            "maxProperties": COUNTS,
        },
    ),
    max_leaves=5,
)


@given(VALUES, SCHEMAS, SCHEMAS)
def test_it_says_what_the_library_says(value: Any, schema: Any, definition: Any) -> None:
    if "$ref" in str(definition):
        definition = True
    if isinstance(schema, dict):
        schema = {**schema, "$defs": {"d": definition}}
        assert fits(value, schema) == jsonschema.Draft202012Validator(schema).is_valid(value)
    else:
        assert fits(value, schema) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/none"},
        {"pattern": "(a+)+$", "format": "date"},
        {"type": 7, "enum": 1, "required": 3, "properties": 1, "items": "x", "minimum": "a", "anyOf": 3},
    ],
)
def test_what_is_not_read_is_not_broken(schema: Any) -> None:
    values: list[Any] = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 1, None, {}, []]
    for value in values:
        assert fits(value, schema)


def test_a_check_is_bounded() -> None:
    assert fits([[1] * 300] * 300, {"items": {"items": {"type": "string"}}}) is False
    assert fits([[1] * 300] * 300, {"items": {"items": {"type": "integer"}}})


class Counted(int):
    """A number that counts with how many it was compared."""

    compared = 0
    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [Counted(0)] * 9_999 + [Counted(1)]},
        {"type": [Counted(0)] * 9_999 + ["integer"]},
        {"required": [Counted(0)] * 9_999},
        {"$ref": f"#/{'a/' * 9_999}"},
    ],
)
def test_long_lists_of_a_schema_are_gone_through_a_bounded_number_of_times(schema: dict[str, Any]) -> None:
    Counted.compared = 0
    assert fits([1] * 9_999, {"items": schema})
    assert Counted.compared <= 8 * MAX_STEPS


def test_many_values_of_one_answer_have_one_bound() -> None:
    steps = CheckSteps()
    schema = {"items": {"type": "integer"}}
    assert not fits([*[1] * 1_000, "a"], schema, steps)
    for _ in range(20):
        fits([1] * 1_000, schema, steps)
    assert fits([*[1] * 1_000, "a"], schema, steps)  # given up


def test_null_of_openapi() -> None:
    assert fits(None, {"type": "string", "nullable": True})
