"""Streamed completions: server-sent events (WHATWG HTML, §9.2) whose data are JSON chunks, ended by `[DONE]`.

A worker notes when each piece arrived, not where events begin in it. A server that flushes after each event, as they
all do, makes one piece an event; otherwise the time of the first content is that of the piece with the same number, or
the last.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson

from proxy.contracts.observation import Text
from proxy.payload.reading import Body, Unreadable, fields_of

MAX_EVENTS = 65_536
"""Events of one answer that are read: far above the longest completions."""


class Answer:
    """The answer that the chunks of one stream add up to."""

    __slots__ = ("completion", "finish", "first", "parts", "tools")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.tools: dict[int, list[str]] = {}
        self.finish = ""
        self.completion: int | None = None
        self.first: int | None = None

    def add(self, chunk: dict[str, Any], number: int) -> None:
        """Chunk `number` of the stream (from 0)."""
        self._count(chunk.get("usage"))
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return
        choice = fields_of(choices[0])
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {"content": choice.get("text")}
        if isinstance(choice.get("finish_reason"), str):
            self.finish = choice["finish_reason"]
        if self._say(delta) and self.first is None:
            self.first = number

    def _say(self, delta: dict[str, Any]) -> bool:
        content, calls = delta.get("content"), delta.get("tool_calls")
        if isinstance(content, str) and content:
            self.parts.append(content)
            return True
        if not isinstance(calls, list) or not calls:
            return False
        for call in calls:
            self._call(fields_of(call))
        return True

    def _call(self, call: dict[str, Any]) -> None:
        index, function = call.get("index", 0), call.get("function")
        if type(index) is not int or not isinstance(function, dict):
            raise Unreadable("schema")
        tool = self.tools.setdefault(index, ["", ""])
        tool[0] += str(function.get("name") or "")
        tool[1] += str(function.get("arguments") or "")

    def _count(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        completion = usage.get("completion_tokens")
        self.completion = completion if type(completion) is int else self.completion


def read(body: Body) -> Text:
    """The text that a stream spelled out, with its times. Raises Unreadable."""
    answer = Answer()
    for number, data in enumerate(events(body.data)):
        if data == b"[DONE]":
            break
        if number >= MAX_EVENTS:
            raise Unreadable("too_many_values")
        answer.add(fields_of(orjson.loads(data)), number)
    tools = tuple([(name, arguments) for _, (name, arguments) in sorted(answer.tools.items())])
    first, gaps = times(body.chunks, answer.first)
    return Text("".join(answer.parts), answer.finish, tools, answer.completion, first, gaps)


def events(stream: bytes) -> list[bytes]:
    """The data of each event; comments, names and an unfinished last event are left out."""
    pieces: list[bytes] = []
    data: list[bytes] = []
    for line in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if not line:
            if data:
                pieces.append(b"\n".join(data))
            data = []
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    return pieces


def times(chunks: list[float], first: int | None) -> tuple[float | None, tuple[float, ...]]:
    """Time of the first content (seconds), and the gaps between pieces from then on."""
    if first is None or not chunks:
        return None, ()
    timed = chunks[min(first, len(chunks) - 1) :]
    return timed[0], tuple([later - earlier for earlier, later in pairwise(timed)])
