"""Errors in the body of a successful status, in the forms in which model servers and their frameworks write them.

| form | who |
|---|---|
| `{"error": "…"}`, `{"error": {…}}` | Triton, MLServer, TensorFlow Serving, OpenAI and its kin, TGI |
| `{"object": "error", …}`, `{"type": "error", …}` | vLLM, Anthropic |
| `{"errors": […]}` | JSON:API, GraphQL |
| `{"detail": …}` | FastAPI, where the protocol promises something else |
| `{"error_code": …, "message": …}` | MLflow, likewise |
| `{"status": "error", …}` | home-made servers, likewise |
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from proxy.payload.reading import Unreadable

ELSEWHERE = ("errors", "error_code", "error_message", "detail", "exception", "traceback")
"""Fields of errors that a good answer may have, too: they count where what the protocol promises is not there."""

STATES = frozenset(("error", "fail", "failed", "failure"))


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
    if says(fields.get("error")) or fields.get("object") == "error" or fields.get("type") == "error":
        return True
    if not promised:
        errors = fields.get("errors")
        return (isinstance(errors, list) and bool(errors)) or _state(fields) in STATES
    absent = not any(name in fields for name in promised)
    return absent and (_state(fields) in STATES or any(says(fields.get(name)) for name in ELSEWHERE))


def _state(fields: dict[str, Any]) -> str:
    status = fields.get("status")
    return status.lower() if isinstance(status, str) else ""


def says(error: Any) -> bool:
    """Whether the value of a field of errors tells one: a text, an object or a list that is not empty. A number is a
    prediction named so, a null the absence of an error."""
    return isinstance(error, str | dict | list) and bool(error)
