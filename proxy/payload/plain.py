"""Plain JSON: what the configured pointers lead to is the features and the prediction."""

from __future__ import annotations

from proxy.payload.reading import Body, Content, pointed
from proxy.payload.tabular import tensors_of


def read_request(body: Body) -> Content:
    """Tensors of the value that `features` points to. Raises Unreadable."""
    return Content(tensors_of(pointed(body.json(), body.analysis.features), "features"))


def read_response(body: Body) -> Content:
    """Tensors of the value that `prediction` points to. Raises Unreadable."""
    return Content(tensors_of(pointed(body.json(), body.analysis.prediction), "prediction"))
