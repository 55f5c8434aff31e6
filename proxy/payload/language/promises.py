"""What a request promises of its answer: JSON, and of which schema; arguments of tools, and of which schema.

| where | who |
|---|---|
| `response_format` | chat completions, and servers like them |
| `text.format` | OpenAI's Responses |
| `guided_json`, `structured_outputs` | vLLM |
| `parameters.grammar` | TGI |
| `format` | Ollama |
| `tools` (`parameters`, `input_schema`) | chat completions, Responses; Anthropic's Messages |

An answer that breaks its promise has failed (`broken_schema`). One that was cut off, refused, or calls a tool in place
of a text breaks none by its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from proxy.contracts.observation import Text
from proxy.payload.language.json_schema import CheckSteps, fits

MARKS = re.compile(rb'"(?:response_format|parameters|input_schema|guided_json|structured_outputs|grammar|format)"')
"""Names without one of which a request promises nothing."""
MAX_PROMISE = 64 * 1024
"""Bytes of a request that may promise something: schemas are a few kilobytes, prompts may be long."""
MAX_TOOLS = 128
"""Tools of one request: as many as OpenAI's API takes."""

CUT = frozenset(
    ("length", "max_tokens", "max_output_tokens", "model_length", "limit", "content_filter", "refusal", "safety")
)
"""Finish reasons of answers that are not whole."""

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class Promise(Struct, frozen=True):
    """Schemas of an answer: of its `text` (None: of none), and of the arguments of its `tools` by name."""

    text: Any
    tools: Mapping[str, Any]

    def broken_by(self, answer: Text) -> bool:
        """Whether one of the choices breaks it."""
        whole, steps = (each for each in (answer, *answer.others) if each.finish.lower() not in CUT), CheckSteps()
        return any(self._broken(choice, steps) for choice in whole)

    def _broken(self, choice: Text, steps: CheckSteps) -> bool:
        if any(name in self.tools and not _is(arguments, self.tools[name], steps) for name, arguments in choice.tools):
            return True
        silent = choice.refusal or (choice.tools and not choice.text)
        return self.text is not None and not silent and not _is(choice.text, self.text, steps)


def _is(text: str, schema: Any, steps: CheckSteps) -> bool:
    try:
        return fits(orjson.loads(text), schema, steps)
    except orjson.JSONDecodeError:
        return False


def promise_of(request: bytes) -> Promise | None:
    """The promise in a request; None: there is none."""
    if len(request) > MAX_PROMISE or not MARKS.search(request):
        return None
    try:
        fields = orjson.loads(request)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict):
        return None
    text, tools = _of_text(fields), _of_tools(fields.get("tools"))
    return None if text is None and not tools else Promise(text, tools)


def _of_text(fields: Mapping[str, Any]) -> Any:
    forms = (
        fields.get("response_format"),
        _inner(fields, "text").get("format"),
        {"type": "json", "value": fields["guided_json"]} if "guided_json" in fields else None,
        {"type": "json", "value": value} if (value := _inner(fields, "structured_outputs").get("json")) else None,
        _inner(fields, "parameters").get("grammar"),
        {"type": "json", "value": form} if isinstance(form := fields.get("format"), dict) else None,
    )
    return next((schema for each in forms if isinstance(each, dict) and (schema := _schema(each)) is not None), None)


def _inner(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = fields.get(name)
    return inner if isinstance(inner, dict) else {}


def _schema(form: Mapping[str, Any]) -> Any:
    if form.get("type") == "json_object":
        return ANY_OBJECT
    if form.get("type") == "json_schema":
        inner = form.get("json_schema")
        return inner.get("schema") if isinstance(inner, dict) else form.get("schema")
    value = form.get("value")
    return value if form.get("type") in ("json", "json_schema") and isinstance(value, dict) else None


def _of_tools(tools: Any) -> dict[str, Any]:
    schemas = {}
    for tool in tools[:MAX_TOOLS] if isinstance(tools, list) else ():
        told = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(told, dict) and isinstance(name := told.get("name"), str):
            schema = told.get("parameters", told.get("input_schema"))
            if isinstance(schema, dict):
                schemas[name] = schema
    return schemas
