"""Plain JSON: what the configured pointers lead to is the features and the prediction."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.contracts.observation import Tensor, Text, Usage
from proxy.payload import sse
from proxy.payload.errors import is_error, refuse_errors
from proxy.payload.language import forms, media
from proxy.payload.language.answers import said_by
from proxy.payload.language.stream import StreamReader
from proxy.payload.pictures.found import of_files
from proxy.payload.reading import Body, Content, Unreadable, pointed
from proxy.payload.sse import Event, is_stream, refuse_error_events
from proxy.payload.tabular import predictions_of, tensors_of


def read_request(body: Body) -> Content:
    """Tensors of the value that `features` points to; of a form its files. Raises Unreadable."""
    if forms.is_form(body):
        files = forms.form_of(body).files
        size = Tensor("", 1, 1, "number", [sum(len(data) for _, data in files)], forms.FORM[-1:])
        return Content((size, *of_files(files)))
    return Content(tensors_of(pointed(body.json(), body.analysis.features), "features", body.one_row))


def read_response(body: Body) -> Content:
    """What `prediction` points to. An error is no answer, unless the pointer leads to one all the same. Without a
    pointer an answer may be any JSON: what makes no table is a form that is not read; or plain text, as BentoML and Ray
    Serve answer a string. Raises Unreadable."""
    if is_stream(body):
        return _stream(body)
    try:
        document, pointer = body.json(), body.analysis.prediction
    except orjson.JSONDecodeError:
        if not (text := media.transcript(body)):
            raise
        return said_by({}, Text(text))
    if pointer:
        predicted = _pointed(document, pointer)
        body.identify(document)
        return Content(predictions_of(predicted, "prediction", body.one_row))
    refuse_errors(document)
    body.identify(document)
    if document == "":
        raise Unreadable("empty_body")
    try:
        found = predictions_of(document, "prediction", body.one_row)
    except Unreadable as error:
        raise Unreadable(error.reason if error.reason in CLEAR else "form") from error
    return Content(found)


class EventStream(StreamReader):
    """A stream of events: an error is one in any, and completions are read; other events are a form that is not."""

    __slots__ = ("_strange",)

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        self._strange = False

    def take(self, data: bytes) -> None:
        """As the base does; other events are looked at for errors alone. Raises Unreadable, `error_in_stream`."""
        try:
            if not self._strange:
                super().take(data)
        except (Unreadable, orjson.JSONDecodeError):
            self._strange = True
        if self._strange:
            refuse_error_events(self.body, data)

    def chunk(self, event: Event) -> Any:
        """As the base does. Raises Unreadable for an error of any kind, orjson.JSONDecodeError."""
        chunk = super().chunk(event)
        if isinstance(chunk, dict) and is_error(chunk):
            raise Unreadable("error_in_stream")
        return chunk

    def read(self) -> tuple[Text, Usage | None]:
        """As the base. Raises Unreadable."""
        if self._strange or not self.spoken.said:
            raise Unreadable("form")
        return super().read()


def _stream(body: Body) -> Content:
    if not any(sse.events_of(body)):
        raise Unreadable("empty_body" if sse.BEGINNINGS.match(body.data) else "json")
    return EventStream.whole(body).content()


CLEAR = frozenset(("error_in_body", "empty_body", "too_many_values", "too_many_tensors"))
"""What can be told of any JSON."""


def _pointed(document: Any, pointer: str) -> Any:
    try:
        return pointed(document, pointer)
    except Unreadable:
        refuse_errors(document)
        raise
