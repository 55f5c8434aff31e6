"""MLflow `/invocations`: four forms of a request, one of a response (bare rows are taken too, as version 1 answered).

Published in the MLflow documentation (deployment, local serving, "accepted input formats").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.contracts.observation import Tensor
from proxy.payload.errors import refuse_errors
from proxy.payload.reading import Body, Content, Unreadable, fields_of
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


ANSWERS = frozenset(("predictions", "choices", "messages", "output", "data"))
"""What an answer has one of: predictions, or what models of the flavours for chat and embeddings answer, not read."""


def read_request(body: Body) -> Content:
    """The rows of a request, in whichever form. Raises Unreadable."""
    fields = fields_of(body.json())
    for name, read in FORMS.items():
        if name in fields:
            return Content(read(fields[name]))
    raise Unreadable("schema")


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    document = body.json()
    refuse_errors(document, ANSWERS)
    if isinstance(document, list):
        return Content(predictions_of(document, "predictions"))
    fields = fields_of(document)
    if "predictions" not in fields:
        raise Unreadable("form" if not ANSWERS.isdisjoint(fields) else "schema")
    return Content(predictions_of(fields["predictions"], "predictions"))
