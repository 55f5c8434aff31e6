"""Promises of requests in the words of each API, and answers that keep and break them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.contracts.observation import Text
from proxy.payload.language.promises import MAX_PROMISE, promise_of

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASKED: list[dict[str, Any]] = [
    {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}},
    {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}},
    {"guided_json": SCHEMA},
    {"structured_outputs": {"json": SCHEMA}},
    {"parameters": {"grammar": {"type": "json", "value": SCHEMA}}},
    {"response_format": {"type": "json", "value": SCHEMA}},
    {"format": SCHEMA},
]


@pytest.mark.parametrize("request_", ASKED)
def test_texts(request_: dict[str, Any]) -> None:
    promise = promise_of(orjson.dumps(request_))
    assert not promise.broken_by(Text('{"city": "Ulm"}', "stop"))
    for text in ("Ulm", '{"city": 1}', "{}", '{"city": "Ulm", "sun": 1}', '```json\n{"city": "Ulm"}\n```', ""):
        assert promise.broken_by(Text(text, "stop"))


def test_any_object() -> None:
    promise = promise_of(b'{"response_format": {"type": "json_object"}}')
    assert not promise.broken_by(Text("{}")) and promise.broken_by(Text("[]")) and promise.broken_by(Text("hi"))


TOOLS: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]},
    {"tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}]},
    {"tools": [{"name": "weather", "input_schema": SCHEMA}]},
]


@pytest.mark.parametrize("request_", TOOLS)
def test_tools(request_: dict[str, Any]) -> None:
    promise = promise_of(orjson.dumps(request_))
    assert not promise.broken_by(Text("", "tool_calls", (("weather", '{"city":"Ulm"}'), ("search", "x"))))
    for arguments in ("{}", "{", '{"city":1}'):
        assert promise.broken_by(Text("", "tool_calls", (("weather", arguments),)))
    assert not promise.broken_by(Text("Which city?", "stop"))


def test_answers_that_are_not_whole_break_nothing() -> None:
    promise = promise_of(orjson.dumps(ASKED[0] | TOOLS[0]))
    for answer in (
        Text('{"ci', "length"),
        Text("", "stop", refusal="I cannot."),
        Text("", "tool_calls", (("weather", '{"city":"Ulm"}'),)),
        Text("", "content_filter"),
    ):
        assert not promise.broken_by(answer)


def test_each_choice_is_held_to_it() -> None:
    promise = promise_of(orjson.dumps(ASKED[0]))
    assert promise.broken_by(Text('{"city": "Ulm"}', "stop", others=(Text("Bonn", "stop"),)))


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b'{"messages": []}',
        b'{"format": "json", "prompt": "a"}',
        b'{"response_format": {"type": "text"}}',
        b'["json_schema"]',
        b'{"json_schema": ',
        b'{"tools": ["x", {"function": 1}, {"name": "a", "parameters": 1}]}',
        b'{"format": {}, "x": "' + b"a" * MAX_PROMISE + b'"}',
    ],
)
def test_requests_that_promise_nothing(request_: bytes) -> None:
    assert promise_of(request_) is None
