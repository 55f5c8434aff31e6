"""Bodies of calls by gRPC, through the door of payload."""

from __future__ import annotations

import gzip
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.record import UNARY, Record
from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.contracts.table import Protocol
from proxy.payload.decode import decode
from proxy.payload.grpc.calls import read_request, read_response
from proxy.payload.reading import Body, Unreadable
from tests.support.oip_messages import framed, message, tensor

GRPC = b"content-type: application/grpc\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
X, Y = [5.1, 3.5, 1.4, 0.2], [0.9, 0.1]


def request(values: list[float]) -> bytes:
    made: bytes = message(
        "ModelInferRequest", model_name="iris", inputs=[tensor("x", "FP64", [1, len(values)], values)]
    ).SerializeToString()
    return made


def response(values: list[float]) -> bytes:
    made: bytes = message(
        "ModelInferResponse",
        model_name="iris",
        model_version="3",
        outputs=[tensor("y", "FP64", [1, len(values)], values)],
    ).SerializeToString()
    return made


def streamed(*answers: bytes, error: str = "") -> bytes:
    made = [
        message("ModelStreamInferResponse", infer_response=message("ModelInferResponse").FromString(a)) for a in answers
    ]
    if error:
        made.append(message("ModelStreamInferResponse", error_message=error))
    return framed(*(each.SerializeToString() for each in made))


def record(asked: bytes, answer: bytes, fields: bytes = GRPC, path: str = INFER, **more: Any) -> Record:
    given: dict[str, Any] = {"role": "primary", "share": 1.0, "started": 0.0, "total": 0.1, "status": 200} | more
    return Record(
        exchange=1,
        route="r",
        version="v1",
        method="POST",
        path=path,
        request_fields=GRPC,
        request=asked,
        response_fields=fields,
        response=answer,
        **given,
    )


def body(data: bytes, **more: Any) -> Body:
    return Body(data, GRPC, DEFAULT_ANALYSIS, **more)


@pytest.mark.parametrize("protocol", ["oip", "auto"])
def test_a_call_is_observed_as_the_same_exchange_by_json(protocol: Protocol) -> None:
    asked = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 4], "data": X}]}
    said = {
        "model_name": "iris",
        "model_version": "3",
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [1, 2], "data": Y}],
    }
    by_json = decode(
        record(orjson.dumps(asked), orjson.dumps(said), b"content-type: application/json\r\n", "/v2/models/iris/infer"),
        "oip",
        (0, "a"),
    )
    by_grpc = decode(record(framed(request(X)), framed(response(Y))), protocol, (0, "a"))
    assert by_grpc.inputs == by_json.inputs
    assert by_grpc.outputs == by_json.outputs
    assert (by_grpc.analysed, by_grpc.content, by_grpc.identity) == (True, "", by_json.identity)
    assert by_grpc.asked == "iris"


def test_a_shadows_answer_without_its_request_is_read_too() -> None:
    seen = decode(record(b"", framed(response(Y)), path=""), "auto", (0, "a"))
    assert seen.outputs[0].data == Y


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(response(Y))
    fields = GRPC + b"grpc-encoding: gzip\r\n"
    seen = decode(record(framed(request(X)), b"\1" + len(packed).to_bytes(4, "big") + packed, fields), "oip", (0, "a"))
    assert seen.outputs[0].data == Y


def test_an_answer_that_says_nothing_or_nonsense_has_failed() -> None:
    empty = decode(record(framed(request(X)), b""), "oip", (0, "a"))
    nonsense = decode(record(framed(request(X)), b"\0\0\0\0\5hello"), "oip", (0, "a"))
    cut = decode(record(framed(request(X)), framed(response(Y))[:-3]), "oip", (0, "a"))
    assert [each.content for each in (empty, nonsense, cut)] == ["empty_body", "unreadable_body", "unreadable_body"]


def test_a_call_that_has_failed_by_its_status_is_not_read() -> None:
    seen = decode(record(framed(request(X)), b"", status=503), "oip", (0, "a"))
    assert not seen.answered
    assert seen.inputs[0].data == X


def test_one_message_of_a_stream_is_its_tensors() -> None:
    assert read_response(body(streamed(response(Y)))).tensors[0].data == Y


def test_strings_of_a_stream_are_a_text_with_times() -> None:
    texts = [
        message("ModelInferResponse", outputs=[tensor("text", "BYTES", [1], [word])]).SerializeToString()
        for word in (b"Hello", b" ", b"world")
    ]
    data = streamed(*texts)
    ends = [len(streamed(*texts[: n + 1])) for n in range(3)]
    found = read_response(body(data, chunks=[0.5, 0.7, 1.0], ends=ends)).text
    assert (found.text, found.first_token) == ("Hello world", 0.5)
    assert found.gaps == pytest.approx((0.2, 0.3))


def test_an_error_in_a_message_of_a_stream_has_failed_the_call() -> None:
    seen = decode(
        record(framed(request(X)), streamed(response(Y), error="out of memory"), path=STREAM), "oip", (0, "a")
    )
    assert seen.content == "error_in_stream"


def test_a_nan_in_a_message_of_a_stream_has_failed_the_call() -> None:
    seen = decode(
        record(framed(request(X)), streamed(response(Y), response([float("nan"), 0.5])), path=STREAM), "oip", (0, "a")
    )
    assert (seen.content, seen.outputs[0].rows) == ("not_a_number", 2)


def test_a_stream_of_a_server_without_messages_of_its_own_for_it_is_read() -> None:
    """MLServer answers ModelStreamInfer with ModelInferResponse."""
    seen = decode(
        record(framed(request(X), request(X)), framed(response(Y), response(Y)), path=STREAM), "oip", (0, "a")
    )
    assert (seen.inputs[0].rows, seen.inputs[0].data) == (2, X + X)
    assert (seen.outputs[0].rows, seen.outputs[0].data, seen.content) == (2, Y + Y, "")
    assert (seen.identity, seen.asked) == ("model_name=iris, model_version=3", "iris")


def test_requests_of_a_stream_are_rows_of_all_its_messages() -> None:
    found = read_request(body(framed(request(X), request(X))))
    assert [(each.rows, each.width, each.data) for each in found] == [(2, 4, X + X)]
    with pytest.raises(Unreadable, match="empty_body"):
        read_request(body(b""))


# -- what no client takes


@given(st.lists(st.sampled_from([b"", response([0.5]), response([0.5, 0.25]), b"\x0a\x04iris"]), max_size=3))
def test_a_unary_answer_is_good_only_as_one_message_with_tensors(messages: list[bytes]) -> None:
    seen = decode(record(framed(request(X)), framed(*messages)), "grpc", (0, "a"))
    assert (seen.content == "") == (messages in ([response([0.5])], [response([0.5, 0.25])]))
    assert seen.content != "error_in_stream"


@pytest.mark.parametrize("coding", [b"", b"grpc-encoding: identity\r\n"])
def test_a_compressed_message_of_a_call_without_a_coding_has_failed_it(coding: bytes) -> None:
    answer = b"\1" + framed(response([0.5]))[1:]
    for path in (INFER, STREAM):
        seen = decode(record(framed(request(X)), answer, GRPC + coding, path), "grpc", (0, "a"))
        assert (seen.unreadable_response, seen.content) == ("binary", "unreadable_body")


@pytest.mark.parametrize(
    ("taken", "content"), [(b"identity, gzip", "unreadable_body"), (b"gzip,snappy", ""), (b"", "")]
)
def test_a_coding_that_is_not_read_has_failed_the_call_where_its_client_does_not_take_it(
    taken: bytes, content: str
) -> None:
    answer = b"\1" + framed(response([0.5]))[1:]
    made = record(framed(request(X)), answer, GRPC + b"grpc-encoding: snappy\r\n")
    asked = msgspec.structs.replace(made, request_fields=GRPC + b"Grpc-Accept-Encoding: %b\r\n" % taken)
    assert decode(asked, "grpc", (0, "a")).content == content


@given(st.lists(st.sampled_from([response(X), response(Y), b"", b"\x0a\x01m"]), max_size=4))
def test_a_copy_of_a_unary_call_reads_as_the_call_itself_whatever_came(messages: list[bytes]) -> None:
    """The path travels with the leg that answers the client; what a copy is, its record says."""
    whole = record(framed(request(X)), framed(*messages))
    copied = msgspec.structs.replace(whole, role="shadow", path="", request=None, request_fields=b"", marks=UNARY)
    primary, copy = (decode(each, "grpc", (0, "a")) for each in (whole, copied))
    assert (copy.outputs, copy.content) == (primary.outputs, primary.content)
    assert copy.unreadable_response == primary.unreadable_response
