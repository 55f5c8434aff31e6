"""What a call of gRPC tells by its first message: that it is there, and its model."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.unread_key import ABSENT, COST, ENCODING, NOT_PROTOBUF, TOO_LARGE
from proxy.routing.calls import has_message, model_named, names_model
from proxy.routing.protobuf import MAX_FIELDS

PIECES = st.lists(st.binary(min_size=1, max_size=7), max_size=6)


@given(st.binary(max_size=20), PIECES)
def test_a_message_is_there_with_its_last_byte(message: bytes, rest: list[bytes]) -> None:
    body = b"\0" + len(message).to_bytes(4, "big") + message
    for cut in range(len(body) + 1):
        for width in (1, 3, 30):
            pieces = [body[at : min(at + width, cut)] for at in range(0, cut, width)]
            assert has_message(pieces, cut) == (cut == len(body))
    assert has_message([body, *rest], len(body) + sum(map(len, rest)))


INFER = b"/inference.GRPCInferenceService/ModelInfer"
PREDICT = b"/tensorflow.serving.PredictionService/Predict"
NAMED = b"\x0a\x04iris"


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (INFER, NAMED),
        (b"/inference.GRPCInferenceService/ModelStreamInfer", b"\x0a\x04wine" + NAMED),
        (b"/inference.GRPCInferenceService/RepositoryModelLoad", b"\x0a\x01r\x12\x04iris"),
        (PREDICT, b"\x0a\x08" + NAMED + b"\x18\x01"),
        (b"/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions", NAMED + b"\x12\x011"),
    ],
)
def test_the_model_that_a_message_names(path: bytes, message: bytes) -> None:
    assert names_model(path, b"application/grpc")
    for rest in (b"", framed(b"\x0a\x05other")):
        assert model_named(path, None, framed(message) + rest, True) == ("iris", "")


def test_other_methods_and_other_codecs_name_no_model() -> None:
    assert model_named(b"/a.B/C", None, framed(NAMED), True) == (None, ABSENT)
    medias = (b"application/grpc", b"Application/gRPC+Proto ; a=b", b"application/grpc+protobuf")
    assert all(names_model(INFER, media) for media in medias)
    assert not any(names_model(INFER, media) for media in (b"application/grpc+json", b"application/grpc+x"))
    assert not names_model(b"/a.B/C", b"application/grpc")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_the_model_of_a_compressed_message(coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    large = NAMED + b"\x3a\x80\x80\x80\x01" + b"\0" * 2**21
    for message in (NAMED, large):
        assert model_named(INFER, coding.encode(), framed(pack(message), 1), True) == ("iris", "")
    assert model_named(INFER, coding.encode(), framed(NAMED), True) == ("iris", ""), "a message says whether it is"


@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        (None, None, ABSENT),
        (None, b"", ABSENT),
        (None, b"\0\0\0", ABSENT),
        (None, framed(b""), ABSENT),
        (None, framed(b"\x12\x011"), ABSENT),
        (None, framed(b"\x0a\0"), ABSENT),
        (None, framed(b"\x0a"), NOT_PROTOBUF),
        (None, framed(NAMED, 2), NOT_PROTOBUF),
        (None, framed(NAMED, 1), ENCODING),
        (b"identity", framed(NAMED, 1), ENCODING),
        (b"snappy", framed(NAMED, 1), ENCODING),
        (b"gzip", framed(NAMED, 1), ENCODING),
        (None, framed(b"\x10\0" * MAX_FIELDS + NAMED), COST),
        (None, framed(b"\x3a\x05hello" + NAMED)[:10], TOO_LARGE),
    ],
)
def test_why_a_message_names_no_model(encoding: bytes | None, body: bytes | None, why: str) -> None:
    assert model_named(INFER, encoding, body, True) == (None, why)


@given(st.binary(max_size=30), st.sampled_from([INFER, PREDICT]), st.sampled_from([None, b"gzip"]), st.booleans())
def test_bytes_of_any_kind_name_a_model_or_none(body: bytes, path: bytes, encoding: bytes | None, whole: bool) -> None:
    name, why = model_named(path, encoding, body, whole)
    assert bool(name) != bool(why)
