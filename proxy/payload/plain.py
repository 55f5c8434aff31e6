"""Plain JSON: what the configured pointers lead to is the features and the prediction."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.payload import sse
from proxy.payload.errors import refuse_errors
from proxy.payload.language import stream
from proxy.payload.reading import Body, Content, Unreadable, pointed
from proxy.payload.sse import is_stream
from proxy.payload.tabular import predictions_of, tensors_of


def read_request(body: Body) -> Content:
    """Tensors of the value that `features` points to. Raises Unreadable."""
    return Content(tensors_of(pointed(body.json(), body.analysis.features), "features"))


def read_response(body: Body) -> Content:
    """What `prediction` points to. An error is no answer, unless the pointer leads to one all the same. Without a
    pointer an answer may be any JSON: what makes no table is a form that is not read. Raises Unreadable."""
    if is_stream(body):
        return _stream(body)
    document, pointer = body.json(), body.analysis.prediction
    if pointer:
        predicted = _pointed(document, pointer)
        body.identify(document)
        return Content(predictions_of(predicted, "prediction"))
    refuse_errors(document)
    body.identify(document)
    if document in ([], ""):
        raise Unreadable("empty_body")
    try:
        found = predictions_of(document, "prediction")
    except Unreadable as error:
        raise Unreadable(error.reason if error.reason in CLEAR else "form") from error
    if not any(len(tensor.data) for tensor in found):
        raise Unreadable("form")  # such as no boxes in an image: nothing was promised
    return Content(found)


def _stream(body: Body) -> Content:
    """A stream of events: an error is one in any, and completions are read; other events are a form that is not."""
    if not any(sse.events_of(body)):
        raise Unreadable("empty_body" if sse.BEGINNINGS.match(body.data) else "json")
    sse.refuse_error_events(body)
    try:
        speaks = stream.spelled(body).first is not None
    except (Unreadable, orjson.JSONDecodeError) as error:
        raise Unreadable("form") from error
    if not speaks:
        raise Unreadable("form")
    text, usage = stream.read(body)
    return Content((), text, usage)


CLEAR = frozenset(("error_in_body", "empty_body", "too_many_values", "too_many_tensors"))
"""What can be told of any JSON."""


def _pointed(document: Any, pointer: str) -> Any:
    try:
        return pointed(document, pointer)
    except Unreadable:
        refuse_errors(document)
        raise
