"""A request of REST, JSON and what the binary extension puts behind it, as a ModelInferRequest.

1. Values are typed where all of them stand in JSON, as every server of the protocol reads them; where a tensor is
   binary, or has a datatype without a typed form, all are raw, since a message has one of the two.
2. `binary_data`, `binary_data_size` and `binary_data_output` say how REST carries values: they are no parameters of the
   call, and what they ask for is done to its answer.
3. What a message has no place for (parameters that are lists or objects) is refused, not left out.
"""

from __future__ import annotations

import json
import struct
from itertools import chain
from typing import Any, Final

from proxy.contracts.json_cost import is_costly
from proxy.routing.oip.datatypes import MAX_VALUES, RAW_ALONE, Unfit, checked, is_known, to_contents, to_raw
from proxy.routing.oip.wire import bytes_field, double_field, number_field, varint
from proxy.routing.rewrite.unwritable import CALL, NOT_JSON, TOO_LARGE, Unwritable

MAX_JSON: Final = 1024 * 1024
"""Bytes of JSON in a request that becomes a call: its numbers are read and written anew, in the time of all others of
its worker. Raw tensors behind it are passed on as they are. (`datatypes.MAX_VALUES` bounds its values.)"""

MAX_TENSORS: Final = 256
"""Inputs, and outputs, of one request."""

MAX_DEPTH: Final = 8
"""Nesting of arrays in the data of a tensor."""

_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"
_INT64: Final = 1 << 63


class Wanted:
    """Which outputs the client wants behind the JSON. `all`: those that `binary` and `plain` do not name."""

    __slots__ = ("all", "binary", "plain")

    def __init__(self) -> None:
        self.all = False
        self.binary: set[str] = set()
        self.plain: set[str] = set()

    def is_binary(self, output: str) -> bool:
        """Whether an output goes behind the JSON."""
        return output in self.binary or (self.all and output not in self.plain)


class _Input:
    """`values`: of JSON, checked; None: the tensor is `raw`."""

    __slots__ = ("datatype", "head", "raw", "values")

    def __init__(self, head: bytes, datatype: str, values: list[Any] | None, raw: bytes) -> None:
        self.head, self.datatype, self.values, self.raw = head, datatype, values, raw


def infer_request(model: bytes, version: bytes, body: bytes, json_size: int, wanted: Wanted) -> bytes:
    """The message for a model. `json_size`: bytes of JSON that the body begins with. `wanted` is filled. Raises
    Unwritable."""
    document = _document(body[:json_size])
    inputs = _inputs(_list(document, "inputs"), body, json_size)
    outputs = document.get("outputs")
    parameters = _parameters(document)
    wanted.all = parameters.pop(_ALL_BINARY, False) is True
    made = [bytes_field(1, model), bytes_field(2, version) if version else b""]
    if "id" in document:
        made.append(bytes_field(3, _text(document, "id")))
    made.append(_map(4, parameters))
    raw = any(each.values is None or each.datatype in RAW_ALONE for each in inputs)
    try:
        made += [bytes_field(5, each.head + (b"" if raw else _contents(each))) for each in inputs]
        made += [_output(each, wanted) for each in _list(document, "outputs")] if outputs is not None else []
        made += [bytes_field(7, _raw(each)) for each in inputs] if raw else []
    except (Unfit, UnicodeEncodeError) as error:
        raise _unfit("a value is beyond its datatype") from error
    return b"".join(made)


def _document(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_JSON or is_costly(text):
        raise Unwritable(TOO_LARGE, f"requests of up to {MAX_JSON} bytes of JSON become calls of gRPC")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unwritable(NOT_JSON, "the body is not JSON") from error
    return _object(document)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unfit("the body is no request of the Open Inference Protocol")
    return value


def _list(document: dict[str, Any], side: str) -> list[Any]:
    tensors = document.get(side)
    if not isinstance(tensors, list):
        raise _unfit(f"the body has no list of {side}")
    if len(tensors) > MAX_TENSORS:
        raise Unwritable(TOO_LARGE, f"requests of up to {MAX_TENSORS} {side} become calls of gRPC")
    return tensors


def _unfit(detail: str) -> Unwritable:
    return Unwritable(CALL, detail)


def _text(document: dict[str, Any], name: str) -> bytes:
    value = document.get(name)
    if not isinstance(value, str):
        raise _unfit(f"a {name} that is no text")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise _unfit(f"a {name} that is no text in UTF-8") from error


def _inputs(tensors: list[Any], body: bytes, at: int) -> list[_Input]:
    made: list[_Input] = []
    left = MAX_VALUES
    for each in tensors:
        tensor = _object(each)
        datatype, parameters = _text(tensor, "datatype").decode(), _parameters(tensor)
        if not is_known(datatype):
            raise _unfit("a datatype that the protocol does not have")
        shape, size = _shape(tensor), parameters.pop(_SIZE, None)
        head = bytes_field(1, _text(tensor, "name")) + bytes_field(2, datatype.encode()) + shape + _map(4, parameters)
        if size is None:
            values = _values(datatype, tensor.get("data"), left)
            left -= len(values)
            made.append(_Input(head, datatype, values, b""))
        elif type(size) is not int or not 0 <= size <= len(body) - at:
            raise Unwritable(NOT_JSON, "the body is shorter than its tensors are said to be")
        else:
            made.append(_Input(head, datatype, None, body[at : at + size]))
            at += size
    if at != len(body):
        raise Unwritable(NOT_JSON, "the body is longer than its tensors are said to be")
    return made


def _shape(tensor: dict[str, Any]) -> bytes:
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < _INT64 for size in shape):
        raise _unfit("a shape that is no list of sizes")
    return bytes_field(3, b"".join([varint(size) for size in shape]))


def _values(datatype: str, data: Any, most: int) -> list[Any]:
    if not isinstance(data, list):
        raise _unfit("an input without a list of data")
    values: list[Any] = data
    for _ in range(MAX_DEPTH):
        if not values or not isinstance(values[0], list):
            break
        if not all(isinstance(row, list) for row in values):
            raise _unfit("data whose rows are not alike")
        values = list(chain.from_iterable(values))
    if len(values) > most:
        raise Unwritable(TOO_LARGE, f"requests of up to {MAX_VALUES} values in JSON become calls of gRPC")
    try:
        return checked(datatype, values)
    except (Unfit, OverflowError) as error:
        raise _unfit("data that are no values of their datatype") from error


def _contents(each: _Input) -> bytes:
    assert each.values is not None
    return bytes_field(5, to_contents(each.datatype, each.values))


def _raw(each: _Input) -> bytes:
    return each.raw if each.values is None else to_raw(each.datatype, each.values)


def _output(value: Any, wanted: Wanted) -> bytes:
    output = _object(value)
    name, parameters = _text(output, "name"), _parameters(output)
    binary = parameters.pop(_BINARY, None)
    if binary is not None:
        (wanted.binary if binary is True else wanted.plain).add(name.decode())
    return bytes_field(6, bytes_field(1, name) + _map(2, parameters))


def _parameters(place: dict[str, Any]) -> dict[str, Any]:
    given = place.get("parameters")
    if given is None:
        return {}
    return dict(_object(given))


def _map(number: int, parameters: dict[str, Any]) -> bytes:
    """Parameters as entries of a map."""
    made: list[bytes] = []
    for key, value in parameters.items():
        try:
            made.append(bytes_field(number, bytes_field(1, key.encode()) + bytes_field(2, _parameter(value))))
        except UnicodeEncodeError as error:
            raise _unfit("a parameter that is no text in UTF-8") from error
    return b"".join(made)


def _parameter(value: Any) -> bytes:
    if isinstance(value, bool):
        return number_field(1, 1 if value else 0)
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return number_field(2, value)
    if isinstance(value, str):
        return bytes_field(3, value.encode())
    if isinstance(value, float):
        return double_field(4, struct.pack("<d", value))
    raise _unfit("a parameter that is no text, number or truth value: messages of gRPC have no place for it")
