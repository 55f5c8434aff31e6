"""The call of gRPC that a request of REST means, by its method and path: inference, health, and what a server has.

Published in the KServe open-inference-protocol repository (`inference_rest.md`, `open_inference_grpc.proto`). What has
no counterpart (the generate extension, other extensions) means none.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

SERVICE: Final = b"/inference.GRPCInferenceService/"

INFER: Final = b"ModelInfer"
_MODEL_CALLS: Final = {(b"POST", b"/infer"): INFER, (b"GET", b"/ready"): b"ModelReady", (b"GET", b""): b"ModelMetadata"}
_SERVER_CALLS: Final = {
    b"/v2/health/live": b"ServerLive",
    b"/v2/health/ready": b"ServerReady",
    b"/v2": b"ServerMetadata",
}

_MODEL = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?(/infer|/ready|)/?\Z")


class OipMethod:
    """`name`: of the call; `model`, `version`: that the path names, empty: none."""

    __slots__ = ("model", "name", "version")

    def __init__(self, name: bytes, model: bytes, version: bytes) -> None:
        self.name, self.model, self.version = name, model, version


def method_of(method: bytes, path: bytes) -> OipMethod | None:
    """The call that a request means; None: there is none."""
    if method == b"HEAD":
        method = b"GET"  # of whose answer it wants the head (RFC 9110 §9.3.2)
    found = _MODEL.match(path)
    if found is None:
        name = _SERVER_CALLS.get(path.rstrip(b"/")) if method == b"GET" else None
        return None if name is None else OipMethod(name, b"", b"")
    name = _MODEL_CALLS.get((method, found.group(3)))
    if name is None:
        return None
    model, version = unquote_to_bytes(found.group(1)), unquote_to_bytes(found.group(2) or b"")
    return OipMethod(name, model, version) if _is_text(model) and _is_text(version) else None


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
