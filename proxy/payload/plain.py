"""Plain JSON: what the configured pointers lead to is the features and the prediction."""

from __future__ import annotations

from proxy.payload.frames import tensors_of
from proxy.payload.reading import Body, Found, pointed


def read_request(body: Body) -> Found:
    """What `features` points to. Raises Unreadable."""
    return Found(tensors_of(pointed(body.json(), body.analysis.features), "features"))


def read_response(body: Body) -> Found:
    """What `prediction` points to. Raises Unreadable."""
    return Found(tensors_of(pointed(body.json(), body.analysis.prediction), "prediction"))
