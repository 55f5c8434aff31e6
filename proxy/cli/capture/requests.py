"""A request that somebody else recorded, or that a row stands for, and the legs of a capture that it becomes."""

from __future__ import annotations

import struct
from typing import Any

import orjson
from msgspec import Struct

from proxy.control.capture.format import Captured, LabelLine, line_of

JSON_FIELDS = b"content-type: application/json\r\n"
DATATYPES: dict[type, str] = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


class ForeignExchange(Struct, frozen=True):
    """One request, and what is known of its answer."""

    path: str
    request: bytes
    answer: bytes | None = None
    request_fields: bytes = JSON_FIELDS
    status: int = 200
    label: Any = None
    request_id: str = ""
    started: float = 0.0
    total: float = 0.0
    version: str = ""
    """"": as the command says."""


class Numbering:
    """Makes lines of foreign exchanges, as one worker would have that is called after their source."""

    __slots__ = ("_route", "_source", "_version", "count")

    def __init__(self, route: str, version: str, source: str) -> None:
        self._route, self._version, self._source = route, version, source
        self.count = 0

    def lines(self, each: ForeignExchange) -> list[bytes]:
        """The lines of an exchange: its leg, and its label where it has one."""
        self.count += 1
        request_id = each.request_id or f"{self._source}-{self.count}"
        leg = Captured(
            exchange=self.count,
            route=self._route,
            version=each.version or self._version,
            role="primary",
            share=1.0,
            started=each.started or float(self.count),
            total=each.total,
            status=each.status,
            request_id=request_id[:128],
            copies=0,
            method="POST",
            path=each.path,
            request_fields=each.request_fields,
            request=each.request,
            response_fields=b"" if each.answer is None else JSON_FIELDS,
            response=each.answer,
            worker=0,
            incarnation=f"import of {self._source}",
        )
        label = LabelLine(label=each.label, request_id=leg.request_id)
        return [line_of(leg)] + ([] if each.label is None else [line_of(label)])


def tensor(name: str, values: list[Any], shape: list[int], datatype: str = "") -> dict[str, Any]:
    """A tensor of the Open Inference Protocol. Without a datatype it is that of its values."""
    kinds = {type(value) for value in values if value is not None} or {float}
    if datatype == "":
        datatype = DATATYPES[kinds.pop()] if len(kinds) == 1 else "FP64" if kinds <= {int, float} else "BYTES"
    if datatype == "BYTES":
        values = [value if isinstance(value, str) else str(value) for value in values]
    return {"name": name, "shape": shape, "datatype": datatype, "data": values}


def inference(tensors: list[dict[str, Any]], raw: dict[str, bytes]) -> tuple[bytes, bytes]:
    """The body of a request with these tensors, and its fields. `raw`: the bytes of those that have no `data`."""
    if not raw:
        return orjson.dumps({"inputs": tensors}), JSON_FIELDS
    head = orjson.dumps({"inputs": tensors})
    behind = b"".join([raw[each["name"]] for each in tensors if each["name"] in raw])
    fields = b"content-type: application/octet-stream\r\ninference-header-content-length: %d\r\n" % len(head)
    return head + behind, fields


def text_tensor(value: bytes) -> bytes:
    """One element of a raw tensor of BYTES."""
    return struct.pack("<I", len(value)) + value
