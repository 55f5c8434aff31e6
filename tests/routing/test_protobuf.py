"""A text in a protocol buffer, against the parser that everybody has (upb)."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.protobuf import MAX_FIELDS, Costly, NotProtobuf, last_text

Field = descriptor_pb2.FieldDescriptorProto


def _messages() -> dict[str, Any]:
    """`Infer` has a name as ModelInferRequest has it, `Predict` as PredictRequest of TensorFlow Serving."""
    file = descriptor_pb2.FileDescriptorProto(name="named.proto", package="named", syntax="proto3")
    spec, infer, predict = (file.message_type.add(name=name) for name in ("Spec", "Infer", "Predict"))
    for message in (spec, infer):
        message.field.add(name="name", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
        message.field.add(name="raw", number=7, type=Field.TYPE_BYTES, label=Field.LABEL_REPEATED)
    predict.field.add(
        name="spec", number=1, type=Field.TYPE_MESSAGE, label=Field.LABEL_OPTIONAL, type_name=".named.Spec"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"named.{name}"))
        for name in ("Infer", "Predict")
    }


MESSAGES = _messages()


def varint(value: int, wider: int = 0) -> bytes:
    """A varint; `wider` bytes longer than it has to be, which is legal."""
    septets = [value & 0x7F]
    while value := value >> 7:
        septets.append(value & 0x7F)
    septets += [0] * wider
    return bytes([septet | 0x80 for septet in septets[:-1]]) + bytes(septets[-1:])


NUMBERS = st.sampled_from([1, 1, 1, 2, 7, 15, 16, 2047, 2**29 - 1])
TEXTS = st.text(max_size=5).map(str.encode)


@st.composite
def fields(draw: st.DrawFn, values: st.SearchStrategy[bytes], depth: int = 0) -> bytes:
    """One field of any wire type, known or not."""
    number, kind = draw(NUMBERS), draw(st.sampled_from([0, 1, 2, 2, 2, 5, 3] if depth < 3 else [0, 1, 2, 5]))
    tag = varint(number << 3 | kind)
    if kind == 0:
        return tag + varint(draw(st.integers(0, 2**64 - 1)))
    if kind == 1:
        return tag + draw(st.binary(min_size=8, max_size=8))
    if kind == 5:
        return tag + draw(st.binary(min_size=4, max_size=4))
    if kind == 3:
        return tag + b"".join(draw(st.lists(fields(values, depth + 1), max_size=3))) + varint(number << 3 | 4)
    value = draw(values)
    return tag + varint(len(value), draw(st.integers(0, 2))) + value


INFERS = st.lists(fields(TEXTS), max_size=8).map(b"".join)
PREDICTS = st.lists(fields(INFERS), max_size=5).map(b"".join)
PLACE = {"Infer": [1], "Predict": [1, 1]}


def expected(kind: str, data: bytes) -> str | None:
    """The name by upb, None where that does not parse it."""
    try:
        message = MESSAGES[kind].FromString(data)
    except DecodeError:
        return None
    name: str = message.name if kind == "Infer" else message.spec.name
    return name


@given(INFERS)
def test_a_name_is_found_in_any_legal_encoding(data: bytes) -> None:
    name = expected("Infer", data)
    assert name is not None and last_text(data, PLACE["Infer"]) == name


@given(PREDICTS)
def test_a_name_within_a_message_is_found_in_any_legal_encoding(data: bytes) -> None:
    name = expected("Predict", data)
    if name is not None:  # else a text that stands for a message is none
        assert last_text(data, PLACE["Predict"]) == name


@settings(max_examples=300)
@given(st.sampled_from(sorted(PLACE)), st.binary(max_size=40))
def test_bytes_of_any_kind_have_the_name_that_upb_finds_or_none(kind: str, data: bytes) -> None:
    try:
        found: str | None = last_text(data, PLACE[kind])
    except NotProtobuf:
        found = None
    name = expected(kind, data)
    assert name is None or found == name


@given(INFERS, st.data())
def test_of_a_message_that_is_cut_the_beginning_is_read(data: bytes, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    ends = [at for at in range(cut + 1) if expected("Infer", data[:at]) is not None]
    assert last_text(data[:cut], [1], whole=False) in {expected("Infer", data[:at]) for at in (*ends[-1:], cut)}


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x0a", b"\x0a\x05iris", b"\x08\x80", b"\x80" * 11, b"\x00", b"\x0b", b"\x0c", b"\x0b\x14", b"\x0f"),
        *(b"\x0a\x01\xff", b"\x09\0", b"\x0d\0", b"\x0b" * 101 + b"\x0c" * 101, b"\xff\xff\xff\xff\xff\x01\0"),
    ],
)
def test_what_is_no_protocol_buffer_has_no_name(data: bytes) -> None:
    assert expected("Infer", data) is None
    with pytest.raises(NotProtobuf):
        last_text(data, [1])


def test_fields_are_bounded() -> None:
    assert last_text(b"\x10\0" * (MAX_FIELDS - 1) + b"\x0a\x01a", [1]) == "a"
    with pytest.raises(Costly):
        last_text(b"\x10\0" * MAX_FIELDS + b"\x0a\x01a", [1])
