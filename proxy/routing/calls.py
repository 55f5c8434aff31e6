"""What a call of gRPC tells by its first message: that it is there, and the model that it asks for.

1. A message is a flag (0, or 1: compressed), four bytes of length, high byte first, and as many bytes
   ("Length-Prefixed-Message" of gRPC over HTTP/2). It crosses the borders of DATA frames.
2. The name of a model has a place in the messages of some methods (`PLACES`); other methods name none. Of a name that
   is there several times the last counts, wherever it stands, as for every reader of protocol buffers.
3. A message that is longer than what is held of a body names its model within that, or by what is at hand of it.
4. A compressed message is read by the coding that `grpc-encoding` names, within the bounds of all codings (`expanded`).
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.unread_key import ABSENT, COST, ENCODING, NOT_PROTOBUF, TOO_LARGE
from proxy.routing.expanded import expanded
from proxy.routing.protobuf import Costly, NotProtobuf, last_text

PREFIX: Final = 5
"""Bytes before a message."""

OIP: Final = b"/inference.GRPCInferenceService/"
_TENSORFLOW: Final = b"/tensorflow.serving."
_TORCH: Final = b"/org.pytorch.serve.grpc.inference.InferenceAPIsService/"

PLACES: Final[dict[bytes, list[int]]] = {
    OIP + b"ModelInfer": [1],
    OIP + b"ModelStreamInfer": [1],
    OIP + b"ModelReady": [1],
    OIP + b"ModelMetadata": [1],
    OIP + b"ModelConfig": [1],
    OIP + b"ModelStatistics": [1],
    OIP + b"RepositoryModelLoad": [2],
    OIP + b"RepositoryModelUnload": [2],
    _TENSORFLOW + b"PredictionService/Predict": [1, 1],
    _TENSORFLOW + b"PredictionService/Classify": [1, 1],
    _TENSORFLOW + b"PredictionService/Regress": [1, 1],
    _TENSORFLOW + b"PredictionService/GetModelMetadata": [1, 1],
    _TENSORFLOW + b"SessionService/SessionRun": [1, 1],
    _TENSORFLOW + b"ModelService/GetModelStatus": [1, 1],
    _TORCH + b"Predictions": [1],
    _TORCH + b"StreamPredictions": [1],
    _TORCH + b"StreamPredictions2": [1],
}
"""Path of a method to the numbers of the fields that lead to the name: `model_name` of the Open Inference Protocol (and
of the extensions of Triton and MLServer) and of TorchServe, `model_spec.name` of TensorFlow Serving."""

_STREAM: Final = OIP + b"ModelStreamInfer"

_CODECS: Final = (b"", b"proto", b"protobuf")


def has_message(pieces: list[bytes], size: int) -> bool:
    """Whether the first message of a body is there, of which `pieces` have come, `size` bytes in all."""
    if size < PREFIX:
        return False
    head = pieces[0]
    if len(head) < PREFIX:
        head = b"".join(pieces[:PREFIX])  # no piece is empty
    return size - PREFIX >= int.from_bytes(head[1:PREFIX], "big")


def is_read(path: bytes) -> bool:
    """Whether the messages of a method are read as tensors."""
    return path.startswith(OIP)


def is_unary(path: bytes) -> bool:
    """Whether an inference by gRPC has one message each way, of a service whose messages are read."""
    return path != _STREAM


def names_model(path: bytes, content_type: bytes) -> bool:
    """Whether the messages of a method have a place for the name of a model, and are protocol buffers."""
    codec = content_type.lower().partition(b";")[0].strip().partition(b"+")[2]
    return path in PLACES and codec in _CODECS


def model_named(path: bytes, encoding: bytes | None, body: bytes | None, whole: bool) -> tuple[str | None, str]:
    """The model that the first message of a call names, and "", or None and why there is none.

    - `encoding`: the value of `grpc-encoding`; `whole`: `body` is all of it, and not its beginning
    """
    place = PLACES.get(path)
    if place is None or not body or len(body) < PREFIX:
        return None, ABSENT
    size = int.from_bytes(body[1:PREFIX], "big")
    message, flag = body[PREFIX : PREFIX + size], body[0]
    whole = len(message) == size
    if flag > 1:
        return None, NOT_PROTOBUF
    if flag:
        opened = expanded(message, encoding, whole) if (encoding or b"identity").lower() != b"identity" else None
        if opened is None:
            return None, ENCODING
        message, whole = opened
    return _named(message, place, whole)


def _named(message: bytes, place: list[int], whole: bool) -> tuple[str | None, str]:
    try:
        name = last_text(message, place, whole)
    except Costly:
        return None, COST
    except NotProtobuf:
        return None, NOT_PROTOBUF
    if not name:
        return None, ABSENT if whole else TOO_LARGE
    return name, ""
