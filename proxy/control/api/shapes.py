"""The words in which the OpenAPI document tells the shapes of bodies and answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from proxy.contracts.release import Outcome

Schema = dict[str, Any]

VERDICTS = list(get_args(Outcome))


def text(**more: Any) -> Schema:
    """A text."""
    return {"type": "string"} | more


def number(**more: Any) -> Schema:
    """A number."""
    return {"type": "number"} | more


def whole(**more: Any) -> Schema:
    """A whole number, 0 or more."""
    return {"type": "integer", "minimum": 0} | more


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list of it."""
    return {"type": "array", "items": schema}


def ref(name: str) -> Schema:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(optional: Iterable[str] = (), **fields: Schema) -> Schema:
    """An object: all fields are there, except the optional ones; more may come with later versions."""
    required = [name for name in fields if name not in set(optional)]
    return {"type": "object", "properties": fields, "required": required}


def closed(**fields: Schema) -> Schema:
    """An object for a request body: nothing is required, and nothing else may be in it."""
    return {"type": "object", "properties": fields, "additionalProperties": False}


PERCENTS: Schema = {
    "type": "object",
    "additionalProperties": number(minimum=0, maximum=100),
    "description": "Version to percent; names must be configured versions.",
}
