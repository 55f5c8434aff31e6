"""MLflow `/invocations`: four forms of a request, one of a response (bare rows are taken too, as version 1 answered).

Published in the MLflow documentation (deployment, local serving, "accepted input formats").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.payload import openai
from proxy.payload.errors import refuse_errors
from proxy.payload.language.answers import read_document
from proxy.payload.reading import Body, Content, Unreadable, fields_of
from proxy.payload.sse import is_stream
from proxy.payload.tabular import predictions_of, table_of, tensors_of


def _split(value: Any) -> tuple[Tensor, ...]:
    frame = fields_of(value)
    return table_of(frame.get("columns"), frame.get("data"))


FORMS: dict[str, Callable[[Any], tuple[Tensor, ...]]] = {
    "dataframe_split": _split,
    "dataframe_records": lambda value: tensors_of(value, "dataframe_records"),
    "instances": lambda value: tensors_of(value, "instances"),
    "inputs": lambda value: tensors_of(value, "inputs"),
}


CHAT = frozenset(("choices", "data"))
"""What models of the flavours for chat and embeddings answer, as OpenAI's do."""
OTHERS = frozenset(("messages", "output"))
"""What agents answer, which is not read."""
ANSWERS = frozenset(("predictions", *CHAT, *OTHERS))


def read_request(body: Body) -> Content:
    """The rows of a request, in whichever form. Raises Unreadable."""
    fields = fields_of(body.json())
    for name, read in FORMS.items():
        if name in fields:
            return Content(read(fields[name]))
    raise Unreadable("schema")


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    if is_stream(body):
        return openai.read_response(body)
    document = body.json()
    refuse_errors(document, ANSWERS)
    body.identify(document)
    if isinstance(document, list):
        return Content(predictions_of(document, "predictions"))
    fields = fields_of(document)
    if "predictions" in fields:
        return Content(predictions_of(fields["predictions"], "predictions"))
    if not CHAT.isdisjoint(fields):
        return read_document(fields)
    others = [fields[name] for name in OTHERS if name in fields]
    raise Unreadable("schema" if not others else "form" if any(others) else "empty_body")
