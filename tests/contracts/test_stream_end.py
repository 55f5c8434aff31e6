"""Which streams have shown their end."""

from __future__ import annotations

import pytest

from proxy.contracts.stream_end import EVENTS, can_show_its_end, media_of, shows_an_error, shows_its_end

LINES = b"application/x-ndjson"


def event(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n\n"


def chunk(index: int, finish: str | None) -> bytes:
    reason = f'"{finish}"' if finish else "null"
    return event(f'data: {{"choices": [{{"index": {index}, "delta": {{}}, "finish_reason": {reason}}}]}}')


USAGE = event('data: {"choices": [], "usage": {"total_tokens": 5}}')
DONE = event("data: [DONE]")
STOP = event("event: message_stop", 'data: {"type": "message_stop"}')

SHOWN = {
    "[DONE]": chunk(0, "stop") + DONE,
    "[DONE] without a space": b"data:[DONE]\n\n",
    "[DONE] without a blank line": b"data: {}\n\ndata: [DONE]",
    "[DONE] by CRLF": b"data: {}\r\n\r\ndata: [DONE]\r\n\r\n",
    "[DONE] by CR": b"data: {}\r\rdata: [DONE]\r\r",
    "[DONE] and a comment": DONE + b": bye\n\n",
    "an event done": event("event: done", "data: [DONE]"),
    "message_stop": event("event: ping", 'data: {"type": "ping"}') + STOP,
    "the type in its data alone": event('data: {"type": "message_stop"}'),
    "response.completed": event("event: response.completed", 'data: {"type": "response.completed", "response": {}}'),
    "response.failed": event('data: {"type": "response.failed"}'),
    "no data": event("event: end"),
    "a last chunk": chunk(0, None) + chunk(0, "stop"),
    "a last chunk and its usage": chunk(0, None) + chunk(0, "length") + USAGE,
    "two choices": chunk(1, None) + chunk(0, "stop") + chunk(1, "stop"),
    "the whole text": event('data: {"token": {}, "generated_text": "hello"}'),
}
NOT_SHOWN = {
    "nothing": b"",
    "no event": b": ping\n\n",
    "a token": chunk(0, None),
    "no finish reason in it": event('data: {"choices": [{"index": 0, "delta": {}}]}'),
    "usage alone": USAGE,
    "one of two choices": chunk(1, None) + chunk(0, "stop"),
    "an event after the end": DONE + event('data: {"more": 1}'),
    "[DONE] as a text": event('data: {"text": "data: [DONE]"}'),
    "cut off": b'event: response.completed\ndata: {"type": "response.completed", "respon',
    "an end of a part": event("event: content_block_stop", 'data: {"type": "content_block_stop"}'),
    "not JSON": event("data: hello"),
    "no text yet": event('data: {"token": {}, "generated_text": null}'),
    "a list": event("data: [1]"),
    "very deep": event("data: " + "[" * 10_000),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_end_is_shown(name: str) -> None:
    assert shows_its_end(EVENTS, SHOWN[name])
    assert shows_its_end(EVENTS, b"data: " + b"x" * 200_000 + b"\n\n" + SHOWN[name])
    assert not shows_its_end(b"application/json", SHOWN[name])


@pytest.mark.parametrize("name", NOT_SHOWN)
def test_the_end_is_not_shown(name: str) -> None:
    assert not shows_its_end(EVENTS, NOT_SHOWN[name])


def test_json_lines() -> None:
    assert shows_its_end(LINES, b'{"response": "a", "done": false}\n{"response": "", "done": true}\n')
    assert not shows_its_end(LINES, b'{"response": "a", "done": false}\n')
    assert not shows_its_end(LINES, b'{"response": "", "done": tr')
    assert not shows_its_end(LINES, b"")


OOM = 'data: {"error": {"message": "out of memory"}}'
ERRORS = {
    "OpenAI's": chunk(0, None) + event(OOM),
    "a text": event('data: {"error": "out of memory"}'),
    "Anthropic's": event("event: error", 'data: {"type": "error", "error": {"type": "overloaded_error"}}'),
    "by its name": event("event: error", "data: sorry"),
    "vLLM's": event('data: {"object": "error", "message": "no"}'),
    "without a blank line": chunk(0, None) + OOM.encode(),
    "more behind it": event(OOM) + chunk(0, None),
}
NO_ERRORS = {
    "nothing": b"",
    "a token": chunk(0, None),
    "a word": event('data: {"choices": [{"index": 0, "delta": {"content": "error"}}]}'),
    "null": event('data: {"error": null}'),
    "cut off": b'data: {"error": {"mess',
    "a number": event('data: {"error": 0.5}'),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_shown(name: str) -> None:
    assert shows_an_error(EVENTS, ERRORS[name]) and not shows_an_error(b"application/json", ERRORS[name])


@pytest.mark.parametrize("name", NO_ERRORS)
def test_no_error_is_shown(name: str) -> None:
    assert not shows_an_error(EVENTS, NO_ERRORS[name])


def test_an_error_in_json_lines() -> None:
    assert shows_an_error(LINES, b'{"response": "a", "done": false}\n{"error": "no memory"}\n')
    assert not shows_an_error(LINES, b'{"response": "error", "done": false}\n')


@pytest.mark.parametrize(
    ("fields", "media"),
    [
        (b"Content-Type: text/event-stream; charset=utf-8\r\n", EVENTS),
        (b"server: x\r\ncontent-type:Text/Event-Stream\r\nx: y\r\n", EVENTS),
        (b"x-content-type: text/event-stream\r\n", b""),
        (b"", b""),
    ],
)
def test_the_media_type_of_a_block_of_fields(fields: bytes, media: bytes) -> None:
    assert media_of(fields) == media
    assert can_show_its_end(media) == (media == EVENTS)
