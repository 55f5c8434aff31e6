"""The messages of the Open Inference Protocol by gRPC: ModelInferRequest, ModelInferResponse, ModelStreamInferResponse.

1. Typed `contents` and `raw_input_contents` / `raw_output_contents` are the same tensor: which of them a server writes
   says nothing about its model. FP16 and BF16 have the raw form alone.
2. Where there are raw contents, they are of the tensors in their order; a tensor has one of the two, not both.
3. Of a field that comes twice the last one counts; repeated ones and messages within messages are joined.
4. `parameters` and `id` are no part of an answer's meaning.

Published in the KServe open-inference-protocol repository (`specification/protocol/open_inference_grpc.proto`) and with
Triton Inference Server (`grpc_service.proto`), which has the stream.
"""

from __future__ import annotations

from typing import Any

from proxy.contracts.datatypes import CONTENTS_FIELDS
from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.json_cost import STRING
from proxy.contracts.observation import Tensor
from proxy.payload.grpc.numbers import BOOL, DOUBLE, FLOAT, INT32, INT64, UINT32, UINT64, Numbers
from proxy.payload.grpc.wire import BYTES, MAX_FIELDS, WireValue, fields_in
from proxy.payload.oip_binary import text_of, values
from proxy.payload.oip_tensors import shaped
from proxy.payload.reading import MAX_DEPTH, MAX_TENSOR_VALUES, MAX_TENSORS, Body, Unreadable

NUMBERS: tuple[Numbers, ...] = (BOOL, INT32, INT64, UINT32, UINT64, FLOAT, DOUBLE)
"""How the values of the first fields of `contents` are written; the one behind them has a field for each text."""

CONTENTS: dict[str, tuple[int, Numbers | None]] = {
    datatype: (field, NUMBERS[field - 1] if field <= len(NUMBERS) else None)
    for datatype, field in CONTENTS_FIELDS.items()
}
"""Datatype to the field of `contents` that has its values, and how they are written; None: a field for each text."""

MODEL_NAME, MODEL_VERSION, INPUTS, OUTPUTS, RAW = 1, 2, 5, 5, 7
RAW_OUTPUTS = 6
NAME, DATATYPE, SHAPE, TYPED = 1, 2, 3, 5
ERROR, ANSWER = 1, 2
"""Numbers of the fields that are read, by message: of a request and a response, of a tensor, of a message of a stream.
"""


def read_inputs(message: bytes, body: Body) -> tuple[Tensor, ...]:
    """The input tensors of a ModelInferRequest. Raises Unreadable."""
    names, found, raw = _parts(message, INPUTS, RAW)
    body.asked = names.get("model_name", "")
    return _tensors(found, raw, body.one_row)


def read_outputs(message: bytes, body: Body) -> tuple[Tensor, ...]:
    """The output tensors of a ModelInferResponse. Raises Unreadable."""
    names, found, raw = _parts(message, OUTPUTS, RAW_OUTPUTS)
    body.identify(names, IDENTITY_FIELDS["oip"])
    return _tensors(found, raw, body.one_row)


def is_streamed(message: bytes) -> bool:
    """Whether a message is a ModelStreamInferResponse: it has an error or an answer, and nothing else. (A
    ModelInferResponse has outputs; one that has none has a version in the place of the answer.)"""
    found = {number: value for number, _, value in fields_in(message)}
    if not found.keys() <= {ERROR, ANSWER}:
        return False
    return len(found) < 2 or _is_answer(found[ANSWER])


def _is_answer(value: WireValue) -> bool:
    """Whether what stands beside an error is the answer that Triton writes there, of which the id alone is set, and no
    model's version beside its name."""
    if isinstance(value, int):
        return False
    try:
        return all(kind == BYTES and number <= RAW_OUTPUTS for number, kind, _ in fields_in(value))
    except Unreadable:
        return False


def read_streamed(message: bytes, body: Body) -> tuple[Tensor, ...]:
    """The output tensors of a ModelStreamInferResponse. Raises Unreadable; `error_in_stream` where it tells an error:
    its call ends with status 0 all the same."""
    error, answer = b"", b""
    for number, kind, value in fields_in(message):
        if number == ERROR:
            error = _bytes(kind, value)
        elif number == ANSWER:
            answer += _bytes(kind, value)  # joined, as a parser merges a message that comes twice
    if error:
        raise Unreadable("error_in_stream")
    return read_outputs(answer, body)


def _parts(message: bytes, tensors: int, raw: int) -> tuple[dict[str, str], list[bytes], list[bytes]]:
    """What a message says of its model, its tensors and its raw contents."""
    names: dict[str, str] = {}
    found: list[bytes] = []
    contents: list[bytes] = []
    for number, kind, value in fields_in(message):
        if number == tensors:
            found.append(_bytes(kind, value))
        elif number == raw:
            contents.append(_bytes(kind, value))
        elif number == MODEL_NAME:
            names["model_name"] = _text(kind, value)
        elif number == MODEL_VERSION:
            names["model_version"] = _text(kind, value)
        if len(found) > MAX_TENSORS or len(contents) > MAX_TENSORS:
            raise Unreadable("too_many_tensors")
    return names, found, contents


def _tensors(found: list[bytes], raw: list[bytes], one_row: bool) -> tuple[Tensor, ...]:
    if raw and len(raw) != len(found):
        raise Unreadable("binary")
    made: list[Tensor] = []
    left = MAX_TENSOR_VALUES
    for place, each in enumerate(found):
        fields, typed = _tensor(each)
        if raw and typed:
            raise Unreadable("schema")
        data = values(raw[place], fields["datatype"], left) if raw else _typed(fields["datatype"], typed, left)
        left -= len(data)
        made.append(shaped(fields, data, one_row))
    return tuple(made)


def _tensor(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Name, datatype and shape of a tensor, and its typed contents."""
    fields: dict[str, Any] = {"name": "", "datatype": ""}
    shape: list[int] = []
    typed = b""
    for number, kind, value in fields_in(message):
        if number == NAME:
            fields["name"] = _text(kind, value)
        elif number == DATATYPE:
            fields["datatype"] = _text(kind, value)
        elif number == SHAPE:
            INT64.take(shape, kind, value, MAX_DEPTH)
        elif number == TYPED:
            typed += _bytes(kind, value)
    fields["shape"] = shape
    return fields, typed


def _typed(datatype: str, contents: bytes, most: int) -> list[Any]:
    """The values in typed contents. Raises Unreadable; `schema` for values of another type than the tensor's."""
    place, numbers = CONTENTS.get(datatype, (0, None))
    if not place:
        raise Unreadable("schema")
    found: list[Any] = []
    most = most if numbers is not None else most // STRING
    for number, kind, value in fields_in(contents, most + MAX_FIELDS):
        if number != place:
            if number <= len(CONTENTS):
                raise Unreadable("schema")
        elif numbers is not None:
            numbers.take(found, kind, value, most)
        else:
            found.append(text_of(_bytes(kind, value)))
            if len(found) > most:
                raise Unreadable("too_many_values")
    return found


def _bytes(kind: int, value: WireValue) -> bytes:
    if kind != BYTES or isinstance(value, int):
        raise Unreadable("binary")
    return value


def _text(kind: int, value: WireValue) -> str:
    try:
        return _bytes(kind, value).decode()
    except UnicodeDecodeError as error:
        raise Unreadable("binary") from error
