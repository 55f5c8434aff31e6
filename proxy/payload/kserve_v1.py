"""KServe V1 and TensorFlow Serving's REST form: `instances`, `inputs` or `examples` in; `predictions` or `outputs` out,
or `results` of `:classify` (labels with scores) and `:regress`.

Published in the KServe documentation (V1 inference protocol) and that of TensorFlow Serving (RESTful API).
"""

from __future__ import annotations

from typing import Any

from proxy.contracts.observation import Tensor
from proxy.payload.errors import refuse_errors
from proxy.payload.language.ranked import labelled
from proxy.payload.reading import Body, Content, Unreadable, fields_of
from proxy.payload.tabular import predictions_of, tensors_of

PREDICTIONS = ("predictions", "outputs")
RESULTS = ("results", "result")
OTHERS = frozenset(("explanations", *RESULTS))
"""What `:explain`, `:classify` and `:regress` answer; explanations are not read."""


def read_request(body: Body) -> Content:
    """The instances of a request. Raises Unreadable."""
    return Content(tensors_of(*_first(body.json(), ("instances", "inputs", "examples")), body.one_row))


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    document = body.json()
    refuse_errors(document, (*PREDICTIONS, *OTHERS))
    body.identify(document)
    fields = fields_of(document)
    results = next((fields[name] for name in RESULTS if fields.get(name)), None)
    if isinstance(results, list) and PREDICTIONS[0] not in fields:
        return Content(_results(results))
    return Content(predictions_of(*_first(document, PREDICTIONS), body.one_row))


def _results(results: list[Any]) -> tuple[Tensor, ...]:
    """A value for each example, or pairs of labels and scores."""
    if not all(isinstance(each, list) for each in results):
        return predictions_of(results, "results")
    if not all(isinstance(pair, list) and len(pair) == 2 for each in results for pair in each):
        raise Unreadable("form")
    return labelled([{str(label): score for label, score in each} for each in results])


def _first(document: Any, names: tuple[str, ...]) -> tuple[Any, str]:
    fields = fields_of(document)
    for name in names:
        if name in fields:
            return fields[name], name
    others = [fields[name] for name in OTHERS if name in fields]
    raise Unreadable("form" if any(others) else "empty_body" if others else "schema")
