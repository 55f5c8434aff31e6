"""KServe V1 (TensorFlow Serving's REST form): `instances` or `inputs` in, `predictions` or `outputs` out.

Published in the KServe documentation (V1 inference protocol).
"""

from __future__ import annotations

from typing import Any

from proxy.payload.errors import refuse_errors
from proxy.payload.reading import Body, Content, Unreadable, fields_of
from proxy.payload.tabular import predictions_of, tensors_of

PREDICTIONS = ("predictions", "outputs")
OTHERS = frozenset(("explanations", "results", "result"))
"""What `:explain`, `:classify` and `:regress` answer, which is not read."""


def read_request(body: Body) -> Content:
    """The instances of a request. Raises Unreadable."""
    return Content(tensors_of(*_first(body.json(), ("instances", "inputs"))))


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    document = body.json()
    refuse_errors(document, (*PREDICTIONS, *OTHERS))
    body.identify(document)
    return Content(predictions_of(*_first(document, PREDICTIONS)))


def _first(document: Any, names: tuple[str, ...]) -> tuple[Any, str]:
    fields = fields_of(document)
    for name in names:
        if name in fields:
            return fields[name], name
    others = [fields[name] for name in OTHERS if name in fields]
    raise Unreadable("form" if any(others) else "empty_body" if others else "schema")
