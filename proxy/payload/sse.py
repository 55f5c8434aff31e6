"""Streamed completions: server-sent events (WHATWG HTML, §9.2) whose data are JSON chunks.

A worker notes when each piece of the answer arrived and how many bytes had come by then. The time of an event is that
of the piece in which its last byte arrived, whatever pieces the server makes: several events in one, one in several,
the head before all of them. Where the bytes are not those of the wire (a compressed stream), pieces and events are
matched by their numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from proxy.contracts.observation import Text
from proxy.contracts.stream_end import EVENTS, shows_its_end
from proxy.payload.errors import is_error
from proxy.payload.reading import Body, Unreadable, fields_of

MAX_EVENTS = 65_536
"""Events of one answer that are read: far above the longest completions."""

DONE = b"[DONE]"
"""The data of the last event of OpenAI's streams."""

FAILED_TYPES = frozenset(("response.failed", "response.error"))


class Event(NamedTuple):
    """One event."""

    name: bytes
    data: bytes
    end: int
    """Bytes of the stream up to its end."""


class Answer:
    """The answer that the chunks of one stream add up to."""

    __slots__ = ("completion", "ended", "finish", "first", "parts", "tools")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.tools: dict[int, list[str]] = {}
        self.finish = ""
        self.completion: int | None = None
        self.first: tuple[int, int] | None = None
        """The number of the first chunk with content, from 0, and the offset of its end."""
        self.ended = False

    def add(self, chunk: dict[str, Any], number: int, end: int) -> None:
        """Chunk `number` of the stream (from 0), which ends at byte `end`. Raises Unreadable."""
        kind = chunk.get("type")
        if is_error(chunk, ("choices", "type")) or kind in FAILED_TYPES:
            raise Unreadable("error_in_stream")
        self._count(chunk.get("usage"))
        if self._choice(chunk) and self.first is None:
            self.first = number, end

    def _choice(self, chunk: dict[str, Any]) -> bool:
        """Takes in what a chunk says; whether it says a part of the answer."""
        choices, delta = chunk.get("choices"), chunk.get("delta")
        if not isinstance(choices, list) or not choices:
            return self._typed(delta) if isinstance(chunk.get("type"), str) else False
        choice = fields_of(choices[0])
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {"content": choice.get("text")}
        self._finish(choice.get("finish_reason"))
        return self._say(delta)

    def _typed(self, delta: Any) -> bool:
        delta = delta if isinstance(delta, dict) else {"text": delta}
        self._finish(delta.get("stop_reason"))
        return self._say(
            {"content": delta.get("text"), "reasoning": delta.get("thinking") or delta.get("partial_json")}
        )

    def _finish(self, reason: Any) -> None:
        if reason == "error":
            raise Unreadable("error_in_stream")
        if isinstance(reason, str):
            self.finish = reason

    def _say(self, delta: dict[str, Any]) -> bool:
        content, calls = delta.get("content"), delta.get("tool_calls")
        if isinstance(content, str) and content:
            self.parts.append(content)
            return True
        if not isinstance(calls, list) or not calls:
            return bool(delta.get("reasoning_content") or delta.get("reasoning"))
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

    def check(self, stream: bytes) -> None:
        """Raises Unreadable if `stream` has no proper end, or says nothing."""
        if not (self.ended or self.finish or shows_its_end(EVENTS, stream)):
            raise Unreadable("unfinished_stream")
        if self.first is None and not self.finish:
            raise Unreadable("empty_body")


def read(body: Body) -> Text:
    """The text that a whole stream spelled out, with its times. Raises Unreadable."""
    answer = spelled(body)
    answer.check(body.data)
    tools = tuple([(name, arguments) for _, (name, arguments) in sorted(answer.tools.items())])
    first, gaps = times(body, answer.first)
    return Text("".join(answer.parts), answer.finish, tools, answer.completion, first, gaps)


def spelled(body: Body) -> Answer:
    """What the events of a stream add up to, as far as it goes. Raises Unreadable."""
    answer = Answer()
    for number, event in enumerate(events(body.data)):
        if event.data == DONE:
            answer.ended = True
            break
        if number >= MAX_EVENTS:
            raise Unreadable("too_many_values")
        if event.name == b"error":
            raise Unreadable("error_in_stream")
        answer.add(fields_of(body.parsed(event.data)), number, event.end)
    return answer


def read_generated(body: Body) -> Text:
    """The text of a stream of Triton's generate extension, which has no last event. Raises Unreadable."""
    parts: list[str] = []
    first: tuple[int, int] | None = None
    for number, event in enumerate(events(body.data)):
        chunk = fields_of(body.parsed(event.data))
        if event.name == b"error" or is_error(chunk, ("text_output",)):
            raise Unreadable("error_in_stream")
        if not isinstance(chunk.get("text_output"), str):
            raise Unreadable("schema")
        parts.append(chunk["text_output"])
        first = first or (number, event.end)
    if first is None:
        raise Unreadable("empty_body")
    began, gaps = times(body, first)
    return Text("".join(parts), first_token=began, gaps=gaps)


def events(stream: bytes) -> Iterator[Event]:
    """The events; comments and an unfinished last event are left out, unless that is the end of the stream."""
    name, data, at = b"", [], 0
    for line in stream.splitlines(keepends=True):
        at += len(line)
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif text.startswith(b"event:"):
            name = text[6:].removeprefix(b" ")
        elif not text:
            if data:
                yield Event(name, b"\n".join(data), at)
            name, data = b"", []
    if data == [DONE]:
        yield Event(name, DONE, at)


def times(body: Body, first: tuple[int, int] | None) -> tuple[float | None, tuple[float, ...]]:
    """When the first content came, and the gaps between pieces from then on. `first`: its number and its last byte."""
    chunks, ends = body.chunks, body.ends
    if first is None or not chunks:
        return None, ()
    number, end = first
    at = bisect_left(ends, end) if ends else min(number, len(chunks) - 1)
    said = chunks[at:]
    if not said:  # further than times are noted
        return None, ()
    return said[0], tuple([later - earlier for earlier, later in pairwise(said)])
