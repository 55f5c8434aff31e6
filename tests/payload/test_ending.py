"""The ends of streams that were not kept: errors, and ends that are missing."""

from __future__ import annotations

import pytest

from proxy.contracts.settings import Analysis
from proxy.payload.ending import content_of_beginning, content_of_ending
from proxy.payload.reading import Body

SSE = b"content-type: text/event-stream\r\n"
CHUNK = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
CUT = b'"}}]}\n\n'


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (CUT + CHUNK + b"data: [DONE]\n\n", ""),
        (CUT + CHUNK + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n', ""),
        (b'data: ta":"x"}\n\n' + CHUNK + b'event: message_stop\ndata: {"type":"message_stop"}\n\n', ""),
        (CUT + CHUNK, "unfinished_stream"),
        (CUT + CHUNK + CHUNK[:20], "unfinished_stream"),
        (CUT + CHUNK + b'data: {"error":"x"}\n\ndata: [DONE]\n\n', "error_in_stream"),
        (CUT + CHUNK + b"event: error\ndata: x\n\n", "error_in_stream"),
        (b'data: {"a": NaN}\n\n', "not_a_number"),
        (b'data: {"custom": 1}\n\n', ""),
    ],
)
def test_streams_with_a_last_event(ending: bytes, reason: str) -> None:
    assert content_of_ending(Body(ending, SSE, Analysis()), ends=True) == reason


@pytest.mark.parametrize(
    ("beginning", "reason"),
    [
        (b'{"predictions":[0.5,0.5', ""),
        (b"\xef\xbb\xbf [0.5", ""),
        (b'{"text":"NaN, \\"Infinity\\" and","a":"cut NaN', ""),
        (b'{"text":"NaN, \\"Infinity\\" and","a":1', ""),
        (b'{"predictions":[NaN,NaN', "not_a_number"),
        (b'{"predictions":[-Infinity', "not_a_number"),
        (b"<!DOCTYPE html>", "unreadable_body"),
        (b"data: x", None),
        (b"\xff\xfb\x90", None),
        (b"", None),
    ],
)
def test_answers_that_are_no_streams(beginning: bytes, reason: str | None) -> None:
    assert content_of_beginning(beginning) == reason


def test_streams_without_one() -> None:
    token = b'data: {"text_output": "a"}\n\n'
    for ending, reason in ((token, ""), (token + token[:9], "unfinished_stream")):
        assert content_of_ending(Body(ending, SSE, Analysis()), ends=False) == reason
