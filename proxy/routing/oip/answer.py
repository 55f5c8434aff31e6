"""What a call answers, as REST says it: JSON, and behind it the tensors that the client wants raw.

An error is the status of HTTP that means the same as that of gRPC, with the server's words. What cannot be read is no
answer: it is never told as one.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

from proxy.contracts.grpc_status import HTTP_STATUS, NAMES, OK, PREFIX
from proxy.routing.oip.datatypes import MAX_VALUES, TooMany, from_contents, from_raw, to_json, to_raw
from proxy.routing.oip.method import INFER
from proxy.routing.oip.request import MAX_TENSORS, Wanted
from proxy.routing.oip.wire import WireField, fields_of, signed
from proxy.routing.protobuf import NotProtobuf

MAX_MESSAGE: Final = 4 * 1024 * 1024
"""Bytes of an answer that are turned back: clients of gRPC take no larger message either, unless they are told to."""

MAX_PARAMETERS: Final = 1_024
"""Parameters of an answer, and of each of its tensors; pieces in which a tensor's contents come."""

MAX_DIMENSIONS: Final = 64
"""Sizes in the shape of a tensor: numpy has no more either."""

_GOOD: Final = HTTP_STATUS[OK]
_READY: Final = frozenset((b"ServerLive", b"ServerReady", b"ModelReady"))


class Untellable(Exception):
    """An answer that is one, and that REST has no place for, or that would take too long to be told."""


class RestAnswer:
    """An answer of REST: `text`, JSON, and `behind` it raw tensors."""

    __slots__ = ("behind", "status", "text")

    def __init__(self, status: int, text: bytes, behind: bytes = b"") -> None:
        self.status, self.text, self.behind = status, text, behind

    def fields(self) -> bytes:
        """The block of its fields, but for its length."""
        if not self.behind:
            return b"content-type: application/json\r\n"
        return b"content-type: application/octet-stream\r\ninference-header-content-length: %d\r\n" % len(self.text)


class _Output:
    """`typed`: contents of the tensor itself, in pieces."""

    __slots__ = ("datatype", "name", "parameters", "shape", "typed")

    def __init__(self) -> None:
        self.name = self.datatype = ""
        self.shape: list[int] = []
        self.parameters: dict[str, Any] = {}
        self.typed: list[bytes] = []


def refusal(code: int, message: str) -> RestAnswer:
    """An error of a call, as REST tells it."""
    text = json.dumps({"error": message or NAMES[code]}).encode()
    return RestAnswer(HTTP_STATUS[code], text)


def answer_of(method: bytes, body: bytes, wanted: Wanted) -> RestAnswer:
    """The answer to a call that has ended well, `body` being all that came. Raises
    NotProtobuf: it is none; Untellable."""
    if len(body) < PREFIX or body[0] or int.from_bytes(body[1:PREFIX], "big") != len(body) - PREFIX:
        raise NotProtobuf  # no message, several ones, or one in a coding that was not asked for
    fields = fields_of(body[PREFIX:])
    if method == INFER:
        return _inferred(fields, wanted)
    if method in _READY:
        return _ready(method, fields)
    return RestAnswer(_GOOD, json.dumps(_metadata(method, fields)).encode())


def _ready(method: bytes, fields: list[WireField]) -> RestAnswer:
    ready = any(each.number == 1 and each.value != 0 for each in fields)
    name = "live" if method == b"ServerLive" else "ready"
    return RestAnswer(200 if ready else 503, json.dumps({name: ready}).encode())


def _metadata(method: bytes, fields: list[WireField]) -> dict[str, Any]:
    """Of a server its name, version and extensions; of a model its name, versions, platform, inputs and outputs."""
    model = method == b"ModelMetadata"
    keys = ("name", "versions", "platform", "inputs", "outputs") if model else ("name", "version", "extensions")
    lists = ("versions", "inputs", "outputs", "extensions")
    made: dict[str, Any] = {key: [] if key in lists else "" for key in keys}
    for each in fields:
        if each.number > len(keys):
            continue
        key = keys[each.number - 1]
        if key in ("inputs", "outputs"):
            made[key].append(_tensor_metadata(fields_of(each.message())))
        elif key in lists:
            made[key].append(each.text())
        else:
            made[key] = each.text()
    return made


def _tensor_metadata(fields: list[WireField]) -> dict[str, Any]:
    found = _Output()
    for each in fields:
        _take_head(found, each)
    return {"name": found.name, "datatype": found.datatype, "shape": [signed(size) for size in found.shape]}


def _inferred(fields: list[WireField], wanted: Wanted) -> RestAnswer:
    names = {"model_name": "", "model_version": "", "id": ""}
    parameters: dict[str, Any] = {}
    outputs: list[_Output] = []
    raw: list[bytes] = []
    _refuse_more(fields, 4, MAX_PARAMETERS, "parameters")
    _refuse_more(fields, 5, MAX_TENSORS, "outputs")
    for each in fields:
        if each.number <= 3:
            names[("model_name", "model_version", "id")[each.number - 1]] = each.text()
        elif each.number == 4:
            _take_parameter(parameters, each)
        elif each.number == 5:
            outputs.append(_output(fields_of(each.message())))
        elif each.number == 6:
            raw.append(each.message())
    if raw and len(raw) != len(outputs):
        raise NotProtobuf
    head: dict[str, Any] = {name: value for name, value in names.items() if value or name == "model_name"}
    if parameters:
        head["parameters"] = parameters
    behind: list[bytes] = []
    head["outputs"] = _tensors(outputs, raw, wanted, behind)
    return RestAnswer(_GOOD, json.dumps(head).encode(), b"".join(behind))


def _refuse_more(fields: list[WireField], number: int, most: int, what: str) -> None:
    if sum([each.number == number for each in fields]) > most:
        raise Untellable(f"more than {most} {what}")


def _tensors(outputs: list[_Output], raw: list[bytes], wanted: Wanted, behind: list[bytes]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    left = MAX_VALUES
    for place, output in enumerate(outputs):
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype}
        tensor["shape"] = [signed(size) for size in output.shape]
        if raw and output.typed:
            raise NotProtobuf
        binary = wanted.is_binary(output.name)
        if raw and binary:
            data = raw[place]
        else:
            values = _values(output, raw[place] if raw else None, left)
            left -= len(values)
            data = to_raw(output.datatype, values) if binary else b""
            if not binary:
                tensor["data"] = _in_json(output.datatype, values)
        if binary:
            behind.append(data)
            output.parameters["binary_data_size"] = len(data)
        if output.parameters:
            tensor["parameters"] = output.parameters
        made.append(tensor)
    return made


def _values(output: _Output, raw: bytes | None, most: int) -> list[Any]:
    try:
        if raw is None:
            return from_contents(output.datatype, b"".join(output.typed), most)
        return from_raw(output.datatype, raw, most)
    except TooMany as error:
        raise Untellable(f"more than {MAX_VALUES} values") from error


def _in_json(datatype: str, values: list[Any]) -> list[Any]:
    try:
        return to_json(datatype, values)
    except UnicodeDecodeError as error:
        raise Untellable("bytes that are no text, which JSON has no place for") from error


def _output(fields: list[WireField]) -> _Output:
    found = _Output()
    _refuse_more(fields, 4, MAX_PARAMETERS, "parameters")
    _refuse_more(fields, 5, MAX_PARAMETERS, "pieces of contents")
    for each in fields:
        if each.number == 4:
            _take_parameter(found.parameters, each)
        elif each.number == 5:
            found.typed.append(each.message())
        else:
            _take_head(found, each)
    return found


def _take_head(found: _Output, field: WireField) -> None:
    if field.number == 1:
        found.name = field.text()
    elif field.number == 2:
        found.datatype = field.text()
    elif field.number == 3:
        if len(found.shape) + field.count() > MAX_DIMENSIONS:
            raise Untellable(f"more than {MAX_DIMENSIONS} dimensions")
        field.numbers(found.shape)


def _take_parameter(found: dict[str, Any], entry: WireField) -> None:
    key, value = "", None
    for each in fields_of(entry.message()):
        if each.number == 1:
            key = each.text()
        elif each.number == 2:
            for one in fields_of(each.message()):
                value = _parameter(one)
    found[key] = value


def _parameter(field: WireField) -> Any:
    if field.number == 1:
        return field.value != 0
    if field.number == 2:
        return signed(field.value)
    if field.number == 3:
        return field.text()
    if field.number == 4:
        (value,) = struct.unpack("<d", field.fixed(8))
        return value
    return field.value
