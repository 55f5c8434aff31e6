"""What the chunks of a streamed completion add up to, in the forms of OpenAI and its kin, Anthropic, TGI, Ollama.

Rules:

1. A token is a part of what the model says: text, reasoning, a refusal, a call of a tool, sound. A role, usage, an
   empty delta and the frame around a message are none.
2. A completion that says nothing is an empty body, whatever finish reason stands there, unless the reason explains it
   (`SILENT`).
3. An error in a chunk, or in one of its choices, fails the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.contracts.observation import Text
from proxy.payload.errors import is_error, is_told, says
from proxy.payload.reading import Unreadable, fields_of

FAILED_TYPES = frozenset(("response.failed", "response.error"))

SAID = (
    "content",
    "text",
    "reasoning_content",
    "reasoning",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "images",
)
"""Fields of a message, or of a part of one, in which a model says something."""

SILENT = frozenset(("content_filter", "refusal", "safety", "abort", "cancelled"))
"""Finish reasons for which a completion says nothing, and is an answer all the same."""


def says_something(message: Mapping[str, Any]) -> bool:
    """Whether a message, or a part of one, holds anything that a model says (rule 1)."""
    return any(message.get(name) for name in SAID)


def plain_text(content: Any) -> str:
    """The text of content, which may come in parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))


def refuse_failed(choices: list[Any], reason: Any) -> None:
    """Raises Unreadable with `reason` if one of the choices is an error."""
    for choice in choices:
        if isinstance(choice, dict) and (says(choice.get("error")) or choice.get("finish_reason") == "error"):
            raise Unreadable(reason)


def refuse_silence(said: bool, finish: str) -> None:
    """Raises Unreadable, `empty_body`, for a completion that said nothing (rule 2)."""
    if not said and finish.lower() not in SILENT:
        raise Unreadable("empty_body")


class Spoken:
    """The answer of one stream; `add` each chunk."""

    __slots__ = ("completion", "ended", "finish", "first", "parts", "tools")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.tools: dict[int, list[str]] = {}
        self.finish = ""
        self.completion: int | None = None
        self.first: tuple[int, int] | None = None
        """The number of the first chunk that says something, from 0, and the offset of its end."""
        self.ended = False

    def add(self, document: Any, number: int, end: int) -> None:
        """Chunk `number` of the stream (from 0), which ends at byte `end`. Raises Unreadable."""
        chunk = fields_of(document)
        if is_error(chunk, ("choices", "type")) or is_told(chunk) or chunk.get("type") in FAILED_TYPES:
            raise Unreadable("error_in_stream")
        self._count(chunk.get("usage"))
        if self._takes(chunk) and self.first is None:
            self.first = number, end

    def text(self, first: float | None, gaps: tuple[float, ...]) -> Text:
        """The whole answer, with the time of its first token and the gaps behind it. Raises Unreadable."""
        refuse_silence(self.first is not None, self.finish)
        tools = tuple([(name, arguments) for _, (name, arguments) in sorted(self.tools.items())])
        return Text("".join(self.parts), self.finish, tools, self.completion, first, gaps)

    def _takes(self, chunk: dict[str, Any]) -> bool:
        """Takes in what a chunk says; whether it says a part of the answer."""
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices:
            return self._choose(choices)
        kind = chunk.get("type")
        if isinstance(kind, str):
            return self._typed(kind, chunk)
        if isinstance(choices, list):
            return False
        return self._generated(chunk)

    def _choose(self, choices: list[Any]) -> bool:
        refuse_failed(choices, "error_in_stream")
        choice = fields_of(choices[0])
        delta = choice.get("delta")
        self._finish(choice.get("finish_reason"))
        return self._say(delta if isinstance(delta, dict) else {"content": choice.get("text")})

    def _typed(self, kind: str, chunk: dict[str, Any]) -> bool:
        """OpenAI's Responses and Anthropic's Messages: events with a type."""
        delta, block, response = (chunk.get(name) for name in ("delta", "content_block", "response"))
        if isinstance(block, dict):
            return bool(block.get("text")) or str(block.get("type")).endswith("tool_use")
        if isinstance(response, dict):
            return self.first is None and kind != "response.created" and bool(response.get("output"))
        delta = delta if isinstance(delta, dict) else {"text": delta}
        self._finish(delta.get("stop_reason"))
        return self._say(
            {"content": delta.get("text"), "reasoning": delta.get("thinking") or delta.get("partial_json")}
        )

    def _generated(self, chunk: dict[str, Any]) -> bool:
        """TGI (`token`, `generated_text`), Ollama (`message` or `response`, `done`), Triton (`text_output`)."""
        token, message, whole = (chunk.get(name) for name in ("token", "message", "generated_text"))
        self.ended = self.ended or chunk.get("done") is True or isinstance(whole, str)
        self._finish(chunk.get("done_reason"))
        if isinstance(message, dict):
            return self._say(message)
        said = token.get("text") if isinstance(token, dict) else chunk.get("response") or chunk.get("text_output")
        return self._say({"content": said if said or self.parts else whole})

    def _finish(self, reason: Any) -> None:
        if isinstance(reason, str):
            self.finish = reason

    def _say(self, delta: Mapping[str, Any]) -> bool:
        self.parts.append(plain_text(delta.get("content")))
        calls = delta.get("tool_calls")
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            self._call(place, fields_of(call))
        return says_something(delta)

    def _call(self, place: int, call: dict[str, Any]) -> None:
        index, function = call.get("index"), call.get("function") or call.get("custom")
        tool = self.tools.setdefault(index if type(index) is int else place, ["", ""])
        if isinstance(function, dict):
            tool[0] += str(function.get("name") or "")
            tool[1] += str(function.get("arguments") or function.get("input") or "")

    def _count(self, usage: Any) -> None:
        completion = usage.get("completion_tokens") if isinstance(usage, dict) else None
        self.completion = completion if type(completion) is int else self.completion
