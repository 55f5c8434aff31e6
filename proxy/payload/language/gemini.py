"""Answers of Gemini's `generateContent` and `streamGenerateContent`, whole or chunk by chunk (Google AI, Vertex AI).

A chunk has `candidates` with `content.parts`: texts, thoughts (`thought: true`), calls of functions, which come whole,
data of pictures and sound. A prompt that is not answered has `promptFeedback.blockReason` and no candidate. Its stream
is server-sent events (`alt=sse`), or one JSON array whose members are the chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.payload.language.said import ChoiceReader
from proxy.payload.reading import fields_of

CANDIDATES, FEEDBACK = "candidates", "promptFeedback"
MARKS = frozenset((CANDIDATES, FEEDBACK))
"""Fields by which a chunk of Gemini's is known."""

MAX_TIMED: Final = 256 * 1024
"""Bytes of an array whose chunks have times: it is read a second time for them, some 3 ms."""

_member = json.JSONDecoder().raw_decode
_BETWEEN = re.compile(r"[\s,]*")


def ends_of_members(data: bytes) -> list[int]:
    """Bytes of a JSON array up to the end of each member; of what is no array, or too large, none.

    >>> ends_of_members(b'[{"a": 1},\\n "\\xc3\\xa9"]')
    [9, 15]
    """
    if len(data) > MAX_TIMED:
        return []
    ends, text = [], data.decode(errors="replace")
    at, size, begin = text.find("[") + 1, 0, 0
    try:
        while True:
            between = _BETWEEN.match(text, at)
            _, at = _member(text, between.end() if between else at)
            size, begin = size + len(text[begin:at].encode()), at
            ends.append(size)
    except (ValueError, RecursionError):  # no further member
        return ends


def take_candidates(chunk: Mapping[str, Any], choice: Callable[[Any], ChoiceReader]) -> bool:
    """Takes in a chunk; whether it says something. `choice`: that of an index. Raises Unreadable."""
    said, candidates = False, chunk.get(CANDIDATES)
    for place, each in enumerate(candidates if isinstance(candidates, list) else ()):
        candidate = fields_of(each)
        mine = choice(candidate.get("index", place))
        mine.stop(candidate.get("finishReason"))
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            said = _take_part(mine, fields_of(part)) or said
    return _take_feedback(chunk.get(FEEDBACK), choice) or said


def _take_part(mine: ChoiceReader, part: Mapping[str, Any]) -> bool:
    if "text" in part:
        return mine.say(mine.reasoning if part.get("thought") is True else mine.text, part["text"])
    if isinstance(call := part.get("functionCall"), dict):
        return mine.add({"tool_calls": [{"function": {"name": call.get("name"), "arguments": call.get("args")}}]})
    return mine.show(any(part.values()))


def _take_feedback(feedback: Any, choice: Callable[[Any], ChoiceReader]) -> bool:
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not reason:
        return False
    mine = choice(0)
    mine.stop("SAFETY")
    return mine.say(mine.refusal, reason)
