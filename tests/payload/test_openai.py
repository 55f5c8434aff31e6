"""OpenAI bodies: whole and streamed, text, tools, usage, times, embeddings."""

import base64
import struct
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation, UnreadReason
from proxy.payload.decode import decode
from tests.support.records import record as made

STREAM = b"content-type: text/event-stream\r\n"


def read(request: Any = None, response: Any = None, fields: bytes = b"", chunks: Any = ()) -> Observation:
    bodies = [x if x is None or isinstance(x, bytes) else orjson.dumps(x) for x in (request, response)]
    record = made(request=bodies[0], response_fields=fields, response=bodies[1], chunks=list(chunks))
    return decode(record, "openai", (0, "a"))


def stream(*chunks: dict[str, Any], end: bool = True) -> bytes:
    lines = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks]
    return b": comment\n\n" + b"".join(lines) + (b"data: [DONE]\n\n" if end else b"")


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def test_a_chat_request_gives_lengths_and_parameters() -> None:
    parts = [{"type": "text", "text": "abc"}, {"type": "image_url", "image_url": {}}]
    request = {
        "messages": [{"role": "system", "content": "hello"}, {"role": "user", "content": parts}],
        "max_tokens": 9,
        "temperature": 0.5,
    }
    (tensor,) = read(request).inputs
    assert dict(zip(tensor.columns, tensor.data, strict=True)) == {
        "prompt_chars": 8,
        "messages": 2,
        "max_tokens": 9,
        "temperature": 0.5,
    }


def test_a_chat_answer() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}}
    message = {"role": "assistant", "content": "Sunny", "tool_calls": [call]}
    answer = {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
    seen = read(response=answer)
    assert (seen.text.text, seen.text.finish, seen.text.tools) == ("Sunny", "stop", (("weather", '{"city":"Ulm"}'),))
    assert (seen.usage.input, seen.usage.output) == (5, 2)


def test_a_completion_answer() -> None:
    assert read(response={"choices": [{"text": "abc", "finish_reason": "length"}]}).text.text == "abc"


def test_a_stream_is_the_same_as_the_whole_with_times() -> None:
    chunks = [delta(role="assistant"), delta(content="Sun"), delta(content="ny"), delta("stop")]
    usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    seen = read(response=stream(*chunks, usage), fields=STREAM, chunks=[0.1, 0.2, 0.25, 0.3, 0.31])
    text = seen.text
    assert (text.text, text.finish, seen.usage.output) == ("Sunny", "stop", 2)
    assert text.first_token == 0.2
    assert text.gaps == pytest.approx((0.05, 0.05, 0.01))


def test_streamed_tool_calls_are_put_together() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": index, "function": function}])

    chunks = [
        call(0, name="f", arguments=""),
        call(0, arguments='{"a"'),
        call(1, name="g", arguments="{}"),
        call(0, arguments=":1}"),
    ]
    assert read(response=stream(*chunks), fields=STREAM).text.tools == (("f", '{"a":1}'), ("g", "{}"))


def test_a_streamed_completion() -> None:
    assert (
        read(response=stream({"choices": [{"text": "a"}]}, {"choices": [{"text": "b"}]}), fields=STREAM).text.text
        == "ab"
    )


def test_embeddings_as_lists_and_as_base64() -> None:
    vector = [0.5, -1.0, 2.0]
    packed = base64.b64encode(struct.pack("<3f", *vector)).decode()
    for embedding in (vector, packed):
        (tensor,) = read(
            response={"object": "list", "data": [{"embedding": embedding}, {"embedding": embedding}]}
        ).outputs
        assert (tensor.rows, tensor.width, tensor.vector, list(tensor.data)) == (2, 3, True, vector * 2)


@pytest.mark.parametrize(
    ("response", "fields", "reason"),
    [
        ({"choices": []}, b"", "empty_body"),
        ({"choices": [1]}, b"", "schema"),
        ({"data": [{"embedding": "%%"}]}, b"", "values"),
        ({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}, b"", "shape"),
        (b"data: {\n\n", STREAM, "json"),
        (b"data: 1\n\n", STREAM, "schema"),
    ],
)
def test_what_cannot_be_read_has_a_reason(response: Any, fields: bytes, reason: str) -> None:
    assert read(response=response, fields=fields).unreadable_response == reason


@given(st.binary(max_size=100))
def test_no_stream_raises(data: bytes) -> None:
    reason = read(response=b"data: " + data, fields=STREAM).unreadable_response
    assert reason in {*get_args(UnreadReason), ""} - {"internal"}
