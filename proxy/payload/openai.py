"""OpenAI's chat completions, completions and embeddings, whole or streamed as server-sent events.

Of several choices the first is read. Published in the OpenAI API reference.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor, Text
from proxy.payload import sse
from proxy.payload.reading import MAX_TENSOR_VALUES, Body, Content, Unreadable, checked, field, fields_of

REQUEST = ("prompt_chars", "messages", "max_tokens", "temperature")
RESPONSE = ("response_chars", "completion_tokens")


def read_request(body: Body) -> Content:
    """Features of a request that can drift: length and number of messages, and the two parameters that change answers
    most."""
    fields = fields_of(body.json())
    texts = _texts(fields)
    limit = fields.get("max_completion_tokens", fields.get("max_tokens"))
    values = [sum(map(len, texts)), len(texts), limit, fields.get("temperature")]
    return Content((Tensor("", 1, len(REQUEST), "number", checked(values, "number"), REQUEST),))


def _texts(fields: dict[str, Any]) -> list[str]:
    if isinstance(fields.get("messages"), list):
        return [_content(fields_of(message).get("content")) for message in fields["messages"]]
    given = fields.get("prompt", fields.get("input"))
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and all(isinstance(text, str) for text in given):
        return given
    raise Unreadable("schema")


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def read_response(body: Body) -> Content:
    """Text, tools and usage of an answer, or the vectors of embeddings. Raises Unreadable."""
    if field(body.fields, b"content-type").startswith(b"text/event-stream"):
        return _found(sse.read(body))
    fields = fields_of(body.json())
    if isinstance(fields.get("data"), list):
        return Content((_vectors(fields["data"]),))
    return _found(_text(fields))


def _found(text: Text) -> Content:
    values = [len(text.text), text.completion_tokens]
    return Content((Tensor("", 1, len(RESPONSE), "number", checked(values, "number"), RESPONSE),), text)


def _text(fields: dict[str, Any]) -> Text:
    choices = fields.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Unreadable("schema")
    choice = fields_of(choices[0])
    message = choice.get("message")
    text, tools = (_content(message.get("content")), _tools(message)) if isinstance(message, dict) else ("", ())
    return Text(
        text or _content(choice.get("text")), str(choice.get("finish_reason") or ""), tools, completion_tokens(fields)
    )


def _tools(message: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    calls = message.get("tool_calls")
    named = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return tuple([(str(f.get("name", "")), str(f.get("arguments", ""))) for f in named if isinstance(f, dict)])


def completion_tokens(fields: dict[str, Any]) -> int | None:
    """Tokens of the answer, where `usage` has them."""
    usage = fields.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int else None


def _vectors(rows: list[Any]) -> Tensor:
    vectors = [_vector(fields_of(row).get("embedding")) for row in rows]
    width = len(vectors[0]) if vectors else 0
    if any(len(vector) != width for vector in vectors):
        raise Unreadable("shape")
    if width * len(vectors) > MAX_TENSOR_VALUES:
        raise Unreadable("too_many_values")
    return Tensor("embedding", len(vectors), width, "number", [x for v in vectors for x in v], vector=True)


def _vector(value: Any) -> list[Any]:
    if isinstance(value, list):
        return checked(value, "number")
    if not isinstance(value, str):
        raise Unreadable("schema")
    try:
        numbers: list[Any] = np.frombuffer(b64decode(value, validate=True), dtype="<f4").tolist()
    except (Base64Error, ValueError) as error:
        raise Unreadable("values") from error
    return numbers
