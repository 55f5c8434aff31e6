"""Raw tensors of the Open Inference Protocol as values of the JSON before them, and back.

Every byte has to belong to a tensor: what belongs to none could hold anything.
"""

from __future__ import annotations

from typing import Any

from proxy.payload.oip_binary import TYPES
from proxy.payload.redaction.digest import Raw
from proxy.payload.redaction.document import Uncertain

SIZE = "binary_data_size"
SIDES = ("inputs", "outputs")


def taken_in(document: Any, data: bytes) -> None:
    """Puts the bytes behind the JSON into the tensors that they are of. Raises Uncertain."""
    at = 0
    for tensor in _tensors(document):
        parameters = tensor.get("parameters")
        if not isinstance(parameters, dict) or parameters.get(SIZE) is None:
            continue
        size, datatype = parameters[SIZE], tensor.get("datatype")
        if type(size) is not int or not 0 <= size <= len(data) - at or "data" in tensor:
            raise Uncertain("binary")
        if not isinstance(datatype, str) or not (datatype in TYPES or datatype in ("BYTES", "BF16")):
            raise Uncertain("binary")
        tensor["data"] = Raw(data[at : at + size], datatype)
        del parameters[SIZE]
        at += size
    if at != len(data):
        raise Uncertain("binary")


def put_out(document: Any) -> bytes:
    """Takes the bytes out of the tensors again, in their order."""
    parts = []
    for tensor in _tensors(document):
        raw = tensor.get("data")
        if isinstance(raw, Raw):
            del tensor["data"]
            tensor.setdefault("parameters", {})[SIZE] = len(raw.data)
            parts.append(raw.data)
    return b"".join(parts)


def _tensors(document: Any) -> list[dict[str, Any]]:
    sides = [document.get(side) for side in SIDES] if isinstance(document, dict) else []
    return [each for side in sides if isinstance(side, list) for each in side if isinstance(each, dict)]
