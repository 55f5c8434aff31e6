"""MLflow `/invocations`: four forms of a request and CSV, one of a response (bare rows are taken too, as version 1
answered); and what SageMaker's models take and answer by the same path: CSV, prompts, generated texts, labels.

Published in the MLflow documentation (deployment, local serving, "accepted input formats") and in that of SageMaker
(common data formats for inference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.contracts.stream_end import media_of
from proxy.payload import openai
from proxy.payload.comma_rows import is_table, read_table
from proxy.payload.errors import refuse_errors
from proxy.payload.language import prompts
from proxy.payload.language.answers import FORMS as ANSWER_FORMS
from proxy.payload.language.answers import read_document
from proxy.payload.reading import Body, Content, Unreadable, fields_of
from proxy.payload.sse import is_stream
from proxy.payload.tabular import predictions_of, table_of, tensors_of


def _split(value: Any) -> tuple[Tensor, ...]:
    frame = fields_of(value)
    return table_of(frame.get("columns"), frame.get("data"))


FORMS: dict[str, Callable[[Any, bool], tuple[Tensor, ...]]] = {
    "dataframe_split": lambda value, _: _split(value),
    "dataframe_records": lambda value, one_row: tensors_of(value, "dataframe_records", one_row),
    "instances": lambda value, one_row: tensors_of(value, "instances", one_row),
    "inputs": lambda value, one_row: tensors_of(value, "inputs", one_row),
}


JSON_LINES = b"application/jsonlines"
"""The media type of SageMaker's JSON Lines: a row a line."""

SPOKEN = frozenset(name for name in ANSWER_FORMS if name != "message")
"""Fields of what models of the flavours for chat and embeddings answer, as OpenAI's do, and those of Hugging Face."""
ANSWERS = frozenset(("predictions", "messages", *SPOKEN))


def read_request(body: Body) -> Content:
    """The rows of a request, in whichever form. Raises Unreadable."""
    if is_table(body):
        return Content(read_table(body, ""))
    if media_of(body.fields) == JSON_LINES:
        return Content(tensors_of(_lines(body), "instances", body.one_row))
    fields = fields_of(body.json())
    for name, read in FORMS.items():
        if name in fields and not isinstance(fields[name], str):
            return Content(read(fields[name], body.one_row))
    return Content(prompts.read(fields, body.data))


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    if is_stream(body):
        return openai.read_response(body)
    if is_table(body):
        return Content(read_table(body, "predictions"))
    document = _lines(body) if media_of(body.fields) == JSON_LINES else body.json()
    refuse_errors(document, ANSWERS)
    body.identify(document)
    if isinstance(document, list):
        spoken = bool(document) and all(_is_spoken(row) for row in document)
        return read_document(document) if spoken else Content(predictions_of(document, "predictions", body.one_row))
    fields = fields_of(document)
    if "predictions" in fields:
        return Content(predictions_of(fields["predictions"], "predictions", body.one_row))
    if "messages" in fields:
        return read_document({**fields, "message": _last(fields["messages"])})
    if SPOKEN.isdisjoint(fields):
        raise Unreadable("schema")
    return read_document(fields)


def _lines(body: Body) -> list[Any]:
    return [body.parsed(line) for line in body.data.splitlines() if line.strip()]


def _is_spoken(row: Any) -> bool:
    """Whether a row is a generated text, or labels with scores, as pipelines of Hugging Face answer them."""
    row = row[0] if isinstance(row, list) and row else row
    return isinstance(row, dict) and ("generated_text" in row or row.keys() == {"label", "score"})


def _last(messages: Any) -> Any:
    """What an agent said at last, of all that it and its tools said."""
    if not messages:
        raise Unreadable("empty_body")
    return messages[-1] if isinstance(messages, list) else None
