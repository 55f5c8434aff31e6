"""What a body costs: whatever it holds and however it is packed, little memory, and a reason from the table."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from typing import get_args

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.json_cost import MAX_COST, SMALL_BYTES
from proxy.contracts.observation import Observation, UnreadReason
from proxy.contracts.table import Protocol
from proxy.payload.cost import refuse_costly_document, refuse_costly_stream
from proxy.payload.decode import CODECS, decode
from proxy.payload.encoding import MAX_EXPANDED
from proxy.payload.language.said import MAX_ARGUED
from proxy.payload.reading import MAX_TENSOR_VALUES, Unreadable
from tests.support.records import record

REASONS = (*get_args(UnreadReason), "")

FRAMES = [
    (b"", b""),
    (b"[", b"1]"),
    (b'{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[', b"1]}]}"),
    (b'{"outputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":[', b'"a"]}]}'),
    (b'{"outputs":[', b"{}]}"),
    (b'{"predictions":[', b"1]}"),
    (b'{"predictions":{"a":[', b"1]}}"),
    (b'{"choices":[', b"{}]}"),
    (b'{"choices":[{"message":{"content":"', b'"}}]}'),
    (b'{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"[', b'1]"}}]}}]}'),
    (b'{"data":[{"embedding":[', b"1]}]}"),
    (b'{"error":[', b"1]}"),
    (b"data: 1\n\n", b"data: [DONE]\n\n"),
]
UNITS = [
    *(b"[],", b"{},", b'{"a":', b"[", b'{"a":1},', b"[1,2],", b"1,", b'"a",', b'"k":1,', b"NaN,", b"1e999,", b"1"),
    *(b'{"embedding":[1]},', b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', b"data:1\n\n", b"event:error\n\n"),
    *(b"data:\n", b"\n", b"\r", b"\0", b"a", b"\\", b'\\"', b'"', b"\xef\xbb\xbf", b" ", b"e100"),
]
MEDIA = [b"application/json", b"text/event-stream", b"application/x-ndjson", b"text/csv", b"text/vtt"]
CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda data: zlib.compress(data, wbits=31),
    b"deflate": zlib.compress,
    b"zstd": zstandard.ZstdCompressor().compress,
    b"": bytes,
}


def read(
    body: bytes, protocol: Protocol = "json", coding: bytes = b"", media: bytes = b"application/json"
) -> Observation:
    fields = b"content-type: %b\r\ncontent-encoding: %b\r\n" % (media, coding or b"identity")
    packed = CODINGS[coding](body)
    made = record(request=packed, request_fields=fields, response=packed, response_fields=fields)
    return decode(made, protocol, (0, "a"))


def filled(frame: tuple[bytes, bytes], unit: bytes, size: int) -> bytes:
    return frame[0] + unit * (size // len(unit)) + frame[1]


@settings(max_examples=20)
@given(
    frame=st.sampled_from(FRAMES),
    unit=st.sampled_from(UNITS),
    size=st.sampled_from([100, SMALL_BYTES, 2**18, 2**20, 2**22 - 100]),
    protocol=st.sampled_from(sorted(CODECS)),
    coding=st.sampled_from(sorted(CODINGS)),
    media=st.sampled_from(MEDIA),
)
def test_any_body_is_read_in_bounded_memory_or_not_at_all(
    frame: tuple[bytes, bytes], unit: bytes, size: int, protocol: Protocol, coding: bytes, media: bytes
) -> None:
    body = filled(frame, unit, size)
    tracemalloc.start()
    try:
        seen = read(body, protocol, coding, media)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen.unreadable_request in REASONS and seen.unreadable_response in REASONS
    assert "internal" not in (seen.unreadable_request, seen.unreadable_response)
    # orjson sets thirteen times a body aside, most of it untouched; the values themselves are what `MAX_COST` bounds.
    assert peak < 16 * size + 80 * MAX_COST
    for tensor in (*seen.inputs, *seen.outputs):
        assert all(len(name) <= MAX_NAME for name in (tensor.name, *tensor.columns))
        assert len(tensor.data) <= MAX_TENSOR_VALUES


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"1,", b'"a",', b'{"a":1},'])
@pytest.mark.parametrize("protocol", CODECS)
def test_what_expands_to_a_million_values_is_not_read(protocol: Protocol, unit: bytes) -> None:
    seen = read(filled((b'{"predictions":[', b"1]}"), unit, MAX_EXPANDED - 64), protocol, b"zstd")
    assert seen.unreadable_response == "too_many_values"


@pytest.mark.parametrize("coding", CODINGS)
def test_the_largest_tensor_is_read(coding: bytes) -> None:
    values = [1.25] * MAX_TENSOR_VALUES
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(values)], "data": values}
    seen = read(orjson.dumps({"outputs": [tensor]}), "oip", coding)
    assert len(seen.outputs[0].data) == MAX_TENSOR_VALUES


def test_what_stands_in_strings_does_not_count() -> None:
    code = 'if (a[0] == "\\\\") { return {"a": [1, 2, 3]}; }\n' * 40_000
    refuse_costly_document(orjson.dumps({"choices": [{"message": {"content": code}}]}))


@pytest.mark.parametrize("hidden", [b'"', b'\\"', b'"\\', b'"\\\\"', b'"a" "'])
def test_nothing_that_a_parser_reads_is_hidden_by_quotes(hidden: bytes) -> None:
    unit = b'{"a":[],"b":{}},'
    body = b'{"predictions":[' + unit * (MAX_COST // 20) + hidden + unit * 10
    with pytest.raises(Unreadable, match="too_many_values"):
        refuse_costly_document(body)


@settings(max_examples=20)
@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_documents_of_common_size_are_read(document: object) -> None:
    refuse_costly_document(orjson.dumps([document] * 50))


def test_a_long_answer_of_a_language_model_is_read() -> None:
    chunk = {"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": {"content": "a, b"}}]}
    event = b"data: " + orjson.dumps(chunk) + b"\n\n"
    refuse_costly_stream(event * (2**18 // len(event)))
    with pytest.raises(Unreadable, match="too_many_values"):
        refuse_costly_stream(event * (MAX_EXPANDED // len(event)))


def test_arguments_of_tools_are_read_where_all_of_them_are_short() -> None:
    def told(arguments: str) -> tuple[tuple[str, str], ...]:
        call = {"function": {"name": "f", "arguments": arguments}}
        text = read(orjson.dumps({"choices": [{"message": {"tool_calls": [call]}}]}), "openai").text
        assert text is not None
        return text.tools

    assert told('{"b": 1, "a": []}') == (("f", '{"a":[],"b":1}'),)
    long = '{"b": 1, "a": [' + "[]," * MAX_ARGUED + "1]}"
    assert told(long) == (("f", long),)


def test_rows_that_may_be_errors_are_looked_at_as_far_as_time_goes() -> None:
    rows = {"detail": [1] * 20_000, "b": [1] * 20_000}
    seen = read(orjson.dumps({"predictions": rows}), "kserve-v1")
    assert seen.unreadable_response == "too_many_values"
