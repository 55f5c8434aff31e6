"""Generated text by the Open Inference Protocol, whole and streamed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.contracts.settings import Analysis
from proxy.payload.oip_generate import read_stream, read_whole, text_of
from proxy.payload.reading import Body, Unreadable


def event(**fields: Any) -> bytes:
    return b"data: " + orjson.dumps({"model_name": "m", **fields}) + b"\n\n"


OUTPUT = {"name": "y", "shape": [1], "datatype": "BYTES", "data": ["a"]}


@pytest.mark.parametrize(
    "stream",
    [
        event(text_output="a") + event(text_output=""),
        event(text_output="a", error=None),
        event(text_output=["a"]),
        event(text_output="a") + b"data:\n\n",
        event(text_output="a") + b"data: [DONE]\n\n",
        event(text_output="a").rstrip(),
        event(outputs=[OUTPUT]),
    ],
)
def test_streams(stream: bytes) -> None:
    text = read_stream(Body(stream, b"", Analysis(), [0.1], [len(stream)]))
    assert (text.text, text.first_token) == ("a", 0.1)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (event(text_output="a") + event(text_output="a")[:9], "unfinished_stream"),
        (event(text_output="a") + b'data: {"error": "x"}\n\n', "error_in_stream"),
        (event(text_output="a") + b'data: {"code": 500, "message": "x"}\n\n', "error_in_stream"),
        (event(text_output=""), "empty_body"),
        (b"", "empty_body"),
        (event(OUTPUT0=[1]), "form"),
        (b"data: {}\n\n", "schema"),
    ],
)
def test_streams_that_are_none(stream: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_stream(Body(stream, b"", Analysis()))
    assert raised.value.reason == reason


def test_whole_answers() -> None:
    assert read_whole({"text_output": ["a", "b"]}).text == text_of({"outputs": [OUTPUT]}) + "b"
    with pytest.raises(Unreadable, match="empty_body"):
        read_whole({"text_output": ""})
