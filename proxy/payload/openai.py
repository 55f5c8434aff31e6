"""OpenAI's chat completions, completions and embeddings, whole or streamed as server-sent events.

Of several choices the first is read. Published in the OpenAI API reference.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor, Text, UnreadReason
from proxy.payload import sse
from proxy.payload.errors import refuse_errors
from proxy.payload.reading import MAX_TENSOR_VALUES, Body, Content, Unreadable, checked, field, fields_of

REQUEST = ("prompt_chars", "messages", "max_tokens", "temperature")
RESPONSE = ("response_chars", "completion_tokens")
OTHERS = ("output", "content", "results", "text", "scores", "segments")
"""Fields of answers that are not read: responses, messages, moderations and ranks, transcriptions."""


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
    media = field(body.fields, b"content-type")
    if media.startswith(b"text/event-stream") or body.data.startswith((b"data:", b"event:")):
        return _found(sse.read(body))
    if media.startswith((b"audio/", b"image/", b"application/octet-stream")):
        raise Unreadable("form")
    document = body.json()
    refuse_errors(document, ANSWERS)
    fields = fields_of(document)
    if isinstance(fields.get("data"), list):
        return Content((_vectors(fields["data"]),))
    return _found(_text(fields))


ANSWERS = ("choices", "data", *OTHERS)
"""Fields one of which an answer has."""


def _found(text: Text) -> Content:
    values = [len(text.text), text.completion_tokens]
    return Content((Tensor("", 1, len(RESPONSE), "number", checked(values, "number"), RESPONSE),), text)


def _text(fields: dict[str, Any]) -> Text:
    choices = fields.get("choices")
    if not isinstance(choices, list):
        raise Unreadable(_reason(fields))
    if not choices:
        raise Unreadable("empty_body")
    choice = fields_of(choices[0])
    message, finish = choice.get("message"), str(choice.get("finish_reason") or "")
    text, tools = (_content(message.get("content")), _tools(message)) if isinstance(message, dict) else ("", ())
    text = text or _content(choice.get("text"))
    if finish == "error":
        raise Unreadable("error_in_body")
    if not (text or tools or finish):
        raise Unreadable("empty_body")
    return Text(text, finish, tools, completion_tokens(fields))


def _reason(fields: dict[str, Any]) -> UnreadReason:
    if fields.get("status") == "failed":
        return "error_in_body"
    answers = [fields[name] for name in OTHERS if name in fields]
    return "schema" if not answers else "form" if any(answers) or "text" in fields else "empty_body"


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
    if rows and all(isinstance(row, dict) and row and "embedding" not in row for row in rows):
        raise Unreadable("form")  # images, scores, classes
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
