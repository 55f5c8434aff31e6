"""Whether a value is what a JSON Schema asks for: the part of the language that structured outputs are asked in.

Schemas come with requests, from strangers. A library would follow references out of the document and run their regular
expressions, both without a bound; so this reads what APIs of language models take (types, `enum`, `const`, properties,
items, `anyOf`, `oneOf`, `allOf`, `not`, references within the schema, bounds of numbers, lengths and counts), leaves
`pattern`, `format` and all else unchecked, and gives up after `MAX_STEPS`: what is not checked is not broken.

Published as JSON Schema 2020-12 (core and validation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MAX_STEPS = 10_000
"""Values held against schemas for one answer, all of its choices and calls: some 20 ms."""
LISTED = ("enum", "type", "required", "$ref")
"""Names whose lists or paths are gone through for each value."""
LISTED_STEP = 8
"""Entries, or characters of a path, that cost as much as one more value."""
MAX_DEPTH = 64
"""Schemas within each other, references followed."""


class _GivenUp(Exception):
    """The check is too long."""


class CheckSteps:
    """What checks of one answer have cost so far."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    def take(self, count: int) -> None:
        """Raises _GivenUp after `MAX_STEPS`."""
        self._taken += count
        if self._taken > MAX_STEPS:
            raise _GivenUp


def fits(value: Any, schema: Any, steps: CheckSteps | None = None) -> bool:
    """Whether `value` is what `schema` asks for, as far as this tells. `steps`: those of other values of its answer."""
    try:
        return _Check(schema, steps or CheckSteps()).fits(value, schema, 0)
    except _GivenUp:
        return True


class _Check:
    __slots__ = ("_root", "_steps")

    def __init__(self, root: Any, steps: CheckSteps) -> None:
        self._root, self._steps = root, steps

    def fits(self, value: Any, schema: Any, depth: int) -> bool:
        self._steps.take(_cost(schema))
        if depth > MAX_DEPTH:
            raise _GivenUp
        if not isinstance(schema, Mapping):
            return schema is not False
        if value is None and schema.get("nullable") is True:
            return True
        if not all(check(value, schema[name]) for name, check in _SIMPLE.items() if name in schema):
            return False
        if "$ref" in schema and not self.fits(value, self._referred(schema["$ref"]), depth + 1):
            return False
        return self._combined(value, schema, depth) and self._within(value, schema, depth)

    def _combined(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        for name, enough in _COMBINED.items():
            parts = schema.get(name)
            if isinstance(parts, list):
                good = sum([self.fits(value, part, depth + 1) for part in parts])
                if not enough(good, len(parts)):
                    return False
        return "not" not in schema or not self.fits(value, schema["not"], depth + 1)

    def _within(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, dict):
            return self._properties(value, schema, depth)
        return not isinstance(value, list) or self._items(value, schema, depth)

    def _properties(self, value: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> bool:
        named = schema.get("properties")
        properties = named if isinstance(named, Mapping) else {}
        others = schema.get("additionalProperties", True)
        if schema.get("patternProperties"):
            others = True
        return all(self.fits(each, properties.get(name, others), depth + 1) for name, each in value.items())

    def _items(self, value: list[Any], schema: Mapping[str, Any], depth: int) -> bool:
        prefix = schema.get("prefixItems")
        first = prefix if isinstance(prefix, list) else []
        rest = schema.get("items", True)
        schemas = [*first[: len(value)], *[rest] * (len(value) - len(first))]
        return all(self.fits(each, part, depth + 1) for each, part in zip(value, schemas, strict=True))

    def _referred(self, reference: Any) -> Any:
        """The schema that a reference within the document leads to; others are not followed."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return True
        found = self._root
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                return True
            found = found[key]
        return found


def _cost(schema: Any) -> int:
    """CheckSteps that one value costs: one, and more for long lists."""
    if not isinstance(schema, Mapping):
        return 1
    listed = [schema[name] for name in LISTED if name in schema]
    return 1 + sum([len(each) for each in listed if isinstance(each, list | str)]) // LISTED_STEP


def _same(a: Any, b: Any) -> bool:
    """Whether two values are equal as JSON: true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == value // 1,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _typed(value: Any, types: Any) -> bool:
    named = types if isinstance(types, list) else [types]
    return any(TYPES[each](value) if isinstance(each, str) and each in TYPES else True for each in named)


def _of_numbers(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, limit: not (_is_number(value) and _is_number(limit)) or compare(value, limit)


def _of_sizes(kind: type[Any], compare: Callable[[int, int], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, limit: not (isinstance(value, kind) and _is_number(limit)) or compare(len(value), limit)


def _required(value: Any, names: Any) -> bool:
    return not (isinstance(value, dict) and isinstance(names, list)) or all(name in value for name in map(str, names))


_SIMPLE: dict[str, Callable[[Any, Any], bool]] = {
    "type": _typed,
    "enum": lambda value, known: not isinstance(known, list) or any(_same(value, each) for each in known),
    "const": _same,
    "required": _required,
    "minimum": _of_numbers(lambda value, limit: value >= limit),
    "maximum": _of_numbers(lambda value, limit: value <= limit),
    "exclusiveMinimum": _of_numbers(lambda value, limit: value > limit),
    "exclusiveMaximum": _of_numbers(lambda value, limit: value < limit),
    "minLength": _of_sizes(str, lambda size, limit: size >= limit),
    "maxLength": _of_sizes(str, lambda size, limit: size <= limit),
    "minItems": _of_sizes(list, lambda size, limit: size >= limit),
    "maxItems": _of_sizes(list, lambda size, limit: size <= limit),
    "minProperties": _of_sizes(dict, lambda size, limit: size >= limit),
    "maxProperties": _of_sizes(dict, lambda size, limit: size <= limit),
}
_COMBINED: dict[str, Callable[[int, int], bool]] = {
    "anyOf": lambda good, all_: good > 0 or not all_,
    "oneOf": lambda good, all_: good == 1 or not all_,
    "allOf": lambda good, all_: good == all_,
}
