"""What chunks of streams add up to: what is a token, what is none, what is an error."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import Unreadable


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


TOKENS: list[dict[str, Any]] = [
    delta(content="a"),
    delta(content=[{"type": "text", "text": "a"}]),
    delta(reasoning_content="hm"),
    delta(reasoning="hm"),
    delta(refusal="no"),
    delta(audio={"transcript": "a"}),
    delta(function_call={"name": "f"}),
    delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]),
    delta(tool_calls=[{"index": None, "custom": {"name": "f", "input": "x"}}]),
    delta(tool_calls=[{"id": "x"}]),
    {"choices": [{"text": "a"}]},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "a"}},
    {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}},
    {"type": "response.output_text.delta", "delta": "a"},
    {"type": "response.completed", "response": {"output": [{"type": "message", "content": [{"text": "a"}]}]}},
    {"token": {"text": "a"}, "generated_text": None},
    {"message": {"content": "a"}, "done": False},
    {"response": "a", "done": False},
    {"text_output": "a"},
]


@pytest.mark.parametrize("chunk", TOKENS)
def test_tokens(chunk: dict[str, Any]) -> None:
    spoken = Spoken()
    assert spoken.add(chunk) and spoken.said


FRAMES: list[dict[str, Any]] = [
    delta(role="assistant"),
    delta(role="assistant", content=""),
    delta(content=None, tool_calls=[]),
    delta("stop"),
    {"choices": [{"delta": None, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"completion_tokens": 2}},
    {"choices": [], "prompt_filter_results": []},
    {"type": "ping"},
    {"type": "message_start", "message": {"content": []}},
    {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "response.created", "response": {"output": [{"type": "message"}]}},
    {"type": "response.completed", "response": {"output": []}},
    {"response": "", "done": True},
    {"type": "status", "message": "searching"},
]


@pytest.mark.parametrize("chunk", FRAMES)
def test_what_is_no_token(chunk: dict[str, Any]) -> None:
    spoken = Spoken()
    assert not spoken.add(chunk) and not spoken.said


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": {"message": "EngineDeadError"}},
        {"error": "x", "error_type": "generation"},
        {"choices": [], "error": {"message": "x"}},
        {"choices": [{"delta": {"content": "a"}, "error": {"code": 502}}]},
        {"choices": [{"delta": {}}, {"delta": {}, "finish_reason": "error"}]},
        {"type": "error", "error": {"type": "overloaded_error"}},
        {"type": "response.failed"},
        {"type": "InternalServerError", "message": "x", "code": 500},
        {"object": "error", "message": "x"},
        {"detail": "x"},
        {"error_code": "x", "message": "x"},
    ],
)
def test_errors(chunk: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="error_in_stream"):
        Spoken().add(chunk)


def test_tools_are_put_together_by_index_or_place() -> None:
    spoken = Spoken()
    for index, name, arguments in ((0, "f", ""), (None, "", "{}"), (1, "g", None)):
        spoken.add(delta(tool_calls=[{"index": index, "function": {"name": name, "arguments": arguments}}]))
    assert spoken.text(None, ()).tools == (("f", "{}"), ("g", "{}"))
