"""Open Inference Protocol V2: JSON tensors, `inputs` in a request and `outputs` in a response.

Shape and data are checked against each other: a tensor whose data does not fill its shape makes the body unreadable.
Published in the KServe open-inference-protocol repository (`specification/protocol/inference_rest.md`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec import field as field_of

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.datatypes import INTEGER_TYPES
from proxy.contracts.identity import IDENTITY_FIELDS, identity_of
from proxy.contracts.observation import Tensor
from proxy.payload import oip_binary, oip_generate
from proxy.payload.errors import refuse_errors
from proxy.payload.grpc import calls
from proxy.payload.grpc.frames import is_call
from proxy.payload.language import prompts
from proxy.payload.oip_tensors import NUMBER_TYPES, listed, tensor_of
from proxy.payload.reading import (
    HEAD_LENGTH,
    MAX_TENSOR_VALUES,
    MAX_TENSORS,
    Body,
    Content,
    field,
    fields_of,
    name_of,
    packed,
)
from proxy.payload.sse import is_stream

Side = Literal["inputs", "outputs"]


class TypedTensor(Struct, gc=False):
    """A flat table of numbers."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class _Inputs(Struct, gc=False):
    tensors: list[TypedTensor] = field_of(name="inputs")


class _Outputs(Struct, gc=False):
    tensors: list[TypedTensor] = field_of(name="outputs")
    error: Any = None
    model_name: str | None = None
    model_version: str | int | None = None


typed_request = msgspec.json.Decoder(_Inputs).decode
typed_answer = msgspec.json.Decoder(_Outputs).decode
NOT_USUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of bodies of another form: the other reader says why."""

NAMES = IDENTITY_FIELDS["oip"]
MAX_REMEMBERED = 8192
"""Bytes of an answer whose identity is remembered: a name may be as long as its body."""

ONE_VALUE = [1]
"""The shape of one row of one column, as a vector: whatever a vector is otherwise."""

LONG_DATATYPES = frozenset(("UINT64", "INT64"))
EXACT_FLOATS = 2.0**53
"""From here on a float is not every whole number: two ids that differ by one would be the same label."""


def usual_request(data: bytes) -> tuple[Tensor, ...] | None:
    """The inputs of a request whose tensors are all flat tables of numbers, as nearly all are; None for any other.

    Typed decoding costs half of reading any JSON and checking it afterwards. What is compressed or binary is not JSON,
    so it needs no look at the header here.
    """
    try:
        tensors = typed_request(data).tensors
    except NOT_USUAL:
        return None
    usual = _all_usual(tensors)
    return usual if len(tensors) == 1 else joined(usual) if usual else None


def usual_response(data: bytes) -> tuple[tuple[Tensor, ...], str, None] | None:
    """The same of a response, and who gave it."""
    try:
        answer = typed_answer(data)
    except NOT_USUAL:
        return None
    if answer.error:
        return None
    tensors = _all_usual(answer.tensors)
    if tensors is None:
        return None
    who = known_identity if len(data) <= MAX_REMEMBERED else _identity
    return tensors, who(answer.model_name, answer.model_version), None


def _identity(name: str | None, version: str | int | None) -> str:
    return identity_of({"model_name": name, "model_version": version})


known_identity = lru_cache(maxsize=64)(_identity)


def _usual(wire: TypedTensor) -> Tensor | None:
    data, shape, datatype, name = wire.data, wire.shape, wire.datatype, wire.name
    if shape == ONE_VALUE:
        shape = [1, 1]
    if len(shape) != 2 or datatype not in NUMBER_TYPES or len(data) > MAX_TENSOR_VALUES:
        return None
    rows, width = shape
    if rows < 0 or width < 0 or rows * width != len(data):
        return None
    integer = datatype in INTEGER_TYPES
    if integer and datatype in LONG_DATATYPES and data and max(max(data), -min(data)) >= EXACT_FLOATS:
        return None
    if len(name) > MAX_NAME:
        name = name_of(name)
    values = data if integer else packed(data)
    return Tensor(name, rows, width, "number", values, (), integer, False, False, (), datatype)


def _all_usual(tensors: list[TypedTensor]) -> tuple[Tensor, ...] | None:
    if len(tensors) == 1:
        only = _usual(tensors[0])
        return None if only is None else (only,)
    if len(tensors) > MAX_TENSORS:
        return None
    usual = [each for each in map(_usual, tensors) if each is not None]
    return tuple(usual) if len(usual) == len(tensors) else None


def read_request(body: Body) -> Content:
    """The input tensors of a request; columns that were sent as tensors of their own are one. Of the generate extension
    the features of its text. Raises Unreadable."""
    if is_call(body):
        return Content(joined(calls.read_request(body)))
    if not field(body.fields, HEAD_LENGTH) and b'"text_input"' in body.data:
        document = fields_of(body.json())
        if "inputs" not in document:
            return Content(prompts.read(document, body.data))
    return Content(joined(_read(body, "inputs")))


def read_response(body: Body) -> Content:
    """The output tensors of a response. Raises Unreadable."""
    if is_call(body):
        return calls.read_response(body)
    if field(body.fields, HEAD_LENGTH):
        return Content(_read(body, "outputs"))
    if is_stream(body):
        return Content((), oip_generate.read_stream(body))
    document = body.json()
    refuse_errors(document, oip_generate.PROMISED)
    body.identify(document, NAMES)
    if isinstance(document, dict) and "outputs" not in document:
        return Content((), oip_generate.read_whole(document))
    return Content(tuple([tensor_of(fields_of(tensor), body.one_row) for tensor in listed(document, "outputs")]))


def _read(body: Body, side: Side) -> tuple[Tensor, ...]:
    length = field(body.fields, HEAD_LENGTH)
    if length:
        head = oip_binary.head_of(body.data, length)
        if side == "outputs":
            body.identify(head, NAMES)
        return oip_binary.tensors(head, body.data[int(length) :], side, body.one_row)
    return tuple([tensor_of(fields_of(tensor), body.one_row) for tensor in listed(body.json(), side)])


def joined(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Number tensors of one column each, as a data frame is sent, become one tensor with those columns."""
    if len(tensors) < 2:
        return tensors
    columns = [t for t in tensors if t.width == 1 and t.kind == "number" and t.rows == tensors[0].rows]
    if len(columns) < 2:
        return tensors
    rows, width = tensors[0].rows, len(columns)
    data = (
        [t.data[0] for t in columns]
        if rows == 1
        else [v for row in zip(*(t.data for t in columns), strict=True) for v in row]
    )
    frame = Tensor("", rows, width, "number", data, tuple([t.name for t in columns]))
    return (frame, *[tensor for tensor in tensors if not any(tensor is column for column in columns)])
