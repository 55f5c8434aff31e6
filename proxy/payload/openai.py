"""OpenAI's chat completions, completions, embeddings and ranks, whole or streamed as server-sent events.

Of several choices the first is read. Published in the OpenAI API reference; ranks and scores as vLLM and TEI answer.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

import numpy as np

from proxy.contracts.identity import IDENTITY_FIELDS, bounded
from proxy.contracts.observation import Tensor, Text, UnreadReason
from proxy.payload import sse
from proxy.payload.errors import refuse_errors
from proxy.payload.reading import MAX_TENSOR_VALUES, Body, Content, Unreadable, checked, field, fields_of
from proxy.payload.spoken import plain_text, refuse_failed, refuse_silence, says_something

REQUEST = ("prompt_chars", "messages", "max_tokens", "temperature")
RESPONSE = ("response_chars", "completion_tokens")
OTHERS = ("output", "content", "text", "segments")
"""Fields of answers that are not read: responses, messages, transcriptions."""
ANSWERS = ("choices", "data", "results", "scores", "generated_text", *OTHERS)
"""Fields one of which an answer has."""

RANKS = ("relevance_score", "score")
SOUNDS = (b"audio/", b"image/", b"video/", b"application/octet-stream")


def read_request(body: Body) -> Content:
    """Features of a request that can drift: length and number of messages, and the two parameters that change answers
    most."""
    fields = fields_of(body.json())
    body.asked = bounded(str(fields.get("model") or ""))
    texts = _texts(fields)
    limit = fields.get("max_completion_tokens", fields.get("max_tokens"))
    values = [sum(map(len, texts)), len(texts), limit, fields.get("temperature")]
    return Content((Tensor("", 1, len(REQUEST), "number", checked(values, "number"), REQUEST),))


def _texts(fields: dict[str, Any]) -> list[str]:
    if isinstance(fields.get("messages"), list):
        return [plain_text(fields_of(message).get("content")) for message in fields["messages"]]
    given = fields.get("prompt", fields.get("input"))
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and all(isinstance(text, str) for text in given):
        return given
    raise Unreadable("schema")


def read_response(body: Body) -> Content:
    """Text, tools and usage of an answer, or the vectors of embeddings, or ranks. Raises Unreadable."""
    if sse.is_stream(body):
        return _found(sse.read(body))
    if field(body.fields, b"content-type").startswith(SOUNDS) and not body.data.lstrip().startswith((b"{", b"<")):
        raise Unreadable("form")
    document = body.json()
    refuse_errors(document, ANSWERS)
    body.identify(document, IDENTITY_FIELDS["openai"])
    return read_document(document)


def read_document(document: Any) -> Content:
    """The same of an answer that is whole, as JSON. Raises Unreadable."""
    refuse_errors(document, ANSWERS)
    if isinstance(document, list):
        return _rows(document)
    fields = fields_of(document)
    for name in ("data", "results"):
        if isinstance(fields.get(name), list):
            return _rows(fields[name])
    return _found(_text(fields))


def _found(text: Text) -> Content:
    values = [len(text.text), text.completion_tokens]
    return Content((Tensor("", 1, len(RESPONSE), "number", checked(values, "number"), RESPONSE),), text)


def _text(fields: dict[str, Any]) -> Text:
    if isinstance(fields.get("generated_text"), str):
        refuse_silence(bool(fields["generated_text"]), "")
        return Text(fields["generated_text"])
    choices = fields.get("choices")
    if not isinstance(choices, list):
        raise Unreadable(_reason(fields))
    if not choices:
        raise Unreadable("empty_body")
    refuse_failed(choices, "error_in_body")
    choice = fields_of(choices[0])
    message, finish = choice.get("message"), str(choice.get("finish_reason") or "")
    message = message if isinstance(message, dict) else {}
    text = plain_text(message.get("content")) or plain_text(choice.get("text"))
    refuse_silence(bool(text) or says_something(message), finish)
    return Text(text, finish, _tools(message), completion_tokens(fields))


def _reason(fields: dict[str, Any]) -> UnreadReason:
    if fields.get("status") == "failed":
        return "error_in_body"
    answers = [fields[name] for name in ANSWERS if name in fields]
    if not answers:
        return "schema"
    return "form" if any(answers) else "empty_body"


def _tools(message: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    calls = message.get("tool_calls")
    named = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return tuple([(str(f.get("name", "")), str(f.get("arguments", ""))) for f in named if isinstance(f, dict)])


def completion_tokens(fields: dict[str, Any]) -> int | None:
    """Tokens of the answer, where `usage` has them."""
    usage = fields.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int else None


def _rows(rows: list[Any]) -> Content:
    """Embeddings, ranks, or generated texts; other rows (images, classes) are not read."""
    if not rows:
        raise Unreadable("empty_body")
    if len(rows) == 1 and isinstance(rows[0], dict) and "generated_text" in rows[0]:
        return _found(_text(rows[0]))
    if all(isinstance(row, dict) and row and "embedding" not in row for row in rows):
        for name in RANKS:
            if all(name in row for row in rows):
                return Content((_ranks(rows, name),))
        raise Unreadable("form" if any(map(_holds, rows)) else "empty_body")
    return Content((_vectors([row if isinstance(row, list) else fields_of(row).get("embedding") for row in rows]),))


def _holds(row: dict[str, Any]) -> bool:
    return any(value for name, value in row.items() if name not in ("index", "object"))


def _ranks(rows: list[dict[str, Any]], name: str) -> Tensor:
    """Scores by the index of what they rate, so that another order of the same is the same."""
    indices = [row.get("index") for row in rows]
    if all(type(index) is int for index in indices):
        rows = sorted(rows, key=lambda row: row["index"])
    return Tensor(name, len(rows), 1, "number", checked([row[name] for row in rows], "number"))


def _vectors(found: list[Any]) -> Tensor:
    vectors = [_vector(each) for each in found]
    width = len(vectors[0])
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
