"""Errors in the body of a successful status, in the forms in which model servers and their frameworks write them.

| form | who |
|---|---|
| `{"error": "…"}`, `{"error": {…}}` | Triton, MLServer, TensorFlow Serving, OpenAI and its kin, TGI |
| `{"object": "error", …}`, `{"type": "error", …}` | vLLM, Anthropic |
| `{"errors": […]}` | JSON:API, GraphQL |
| `{"status": "error", …}` | home-made servers, where what the protocol promises is not there |
| `{"detail": …}` | FastAPI, likewise; where it promises nothing, where nothing else is there |
| `{"error_code": …, "message": …}` | MLflow, likewise |
| a text (`message`) beside a mark (`code` 500, `success` false, `type` …Error) | gateways and the like, likewise |
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from proxy.payload.reading import Unreadable

ELSEWHERE = ("errors", "error_code", "error_message", "detail", "exception", "traceback")
"""Fields of errors that a good answer may have, too: they count where what the protocol promises is not there, and
where an answer has nothing but words of errors (`WORDS`)."""

TEXTS = ("message", "msg", "detail", "reason", "title", "error_message")
NAMES = ("type", "code", "name", "error_type", "error")
CODES = ("code", "status", "status_code", "statusCode", "error")
WORDS = frozenset(
    (
        *ELSEWHERE,
        *TEXTS,
        *NAMES,
        *CODES,
        "success",
        "ok",
        "trace",
        "stack",
        "instance",
        "path",
        "timestamp",
        "request_id",
    )
)

TELLING = frozenset((*WORDS, "object", "errors"))
"""Fields without one of which an object is no error."""

STATES = frozenset(("error", "fail", "failed", "failure"))

ENDS = ("error", "exception")
"""Ends of the names that errors have, in lower case."""


def refuse_errors(document: Any, promised: Collection[str] = ()) -> None:
    """Raises Unreadable, `error_in_body`, if `document` is an error and `empty_body` if it is null or {}.

    `promised`: fields one of which an answer has; () where the protocol promises no field.
    """
    first = document[0] if isinstance(document, list) and len(document) == 1 else document
    if first is None or first == {}:
        raise Unreadable("empty_body")
    if isinstance(first, dict) and is_error(first, promised):
        raise Unreadable("error_in_body")


def is_error(fields: dict[str, Any], promised: Collection[str] = ()) -> bool:
    """Whether an object is an error, by the table above."""
    if TELLING.isdisjoint(fields):
        return False
    if says(fields.get("error")) or fields.get("object") == "error" or fields.get("type") == "error":
        return True
    if any(name in fields for name in promised):
        return False
    if _state(fields) in STATES:
        return True
    told = is_told(fields) or any(says(fields.get(name)) for name in ELSEWHERE)
    if promised:
        return told or bool(fields.get("error"))
    errors = fields.get("errors")
    alone = not any(value for name, value in fields.items() if name not in WORDS)
    return (told and alone) or (isinstance(errors, list) and bool(errors))


def is_told(fields: dict[str, Any]) -> bool:
    """Whether an object tells of an error in words: a text for people beside a mark for programs."""
    if not any(isinstance(text := fields.get(name), str) and text for name in TEXTS):
        return False
    marked = fields.get("success") is False or fields.get("ok") is False or fields.get("error") is True
    return marked or any(_bad_code(fields.get(name)) for name in CODES) or any(map(_named, map(fields.get, NAMES)))


def _bad_code(code: Any) -> bool:
    return type(code) is int and 400 <= code < 600


def _named(name: Any) -> bool:
    return isinstance(name, str) and name.lower().endswith(ENDS)


def _state(fields: dict[str, Any]) -> str:
    status = fields.get("status")
    return status.lower() if isinstance(status, str) else ""


def says(error: Any) -> bool:
    """Whether the value of a field of errors tells one: a text, an object or a list that is not empty. A number is a
    prediction named so, a null the absence of an error."""
    return isinstance(error, str | dict | list) and bool(error)
