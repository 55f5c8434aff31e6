"""KServe V1 (TensorFlow Serving's REST form): `instances` or `inputs` in, `predictions` or `outputs` out.

Published in the KServe documentation (V1 inference protocol).
"""

from __future__ import annotations

from typing import Any

from proxy.payload.reading import Body, Content, Unreadable, fields_of
from proxy.payload.tabular import tensors_of


def read_request(body: Body) -> Content:
    """The instances of a request. Raises Unreadable."""
    return _first(body.json(), ("instances", "inputs"))


def read_response(body: Body) -> Content:
    """The predictions of a response. Raises Unreadable."""
    return _first(body.json(), ("predictions", "outputs"))


def _first(document: Any, names: tuple[str, ...]) -> Content:
    fields = fields_of(document)
    for name in names:
        if name in fields:
            return Content(tensors_of(fields[name], name))
    raise Unreadable("schema")
