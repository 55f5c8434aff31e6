"""Plain JSON: what the configured pointers lead to is the features and the prediction."""

from __future__ import annotations

from typing import Any

from proxy.payload.errors import refuse_errors
from proxy.payload.reading import Body, Content, Unreadable, pointed
from proxy.payload.tabular import predictions_of, tensors_of


def read_request(body: Body) -> Content:
    """Tensors of the value that `features` points to. Raises Unreadable."""
    return Content(tensors_of(pointed(body.json(), body.analysis.features), "features"))


def read_response(body: Body) -> Content:
    """What `prediction` points to. An error is no answer, unless the pointer leads to one all the same. Without a
    pointer an answer may be any JSON: what makes no table is a form that is not read. Raises Unreadable."""
    document, pointer = body.json(), body.analysis.prediction
    if pointer:
        return Content(predictions_of(_pointed(document, pointer), "prediction"))
    refuse_errors(document)
    try:
        return Content(predictions_of(document, "prediction"))
    except Unreadable as error:
        raise Unreadable(error.reason if error.reason in CLEAR else "form") from error


CLEAR = frozenset(("error_in_body", "empty_body", "too_many_values", "too_many_tensors"))
"""What can be told of any JSON."""


def _pointed(document: Any, pointer: str) -> Any:
    try:
        return pointed(document, pointer)
    except Unreadable:
        refuse_errors(document)
        raise
