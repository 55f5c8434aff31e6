"""The end of a streamed answer, as the stream itself shows it: such an answer is complete, however its connection ends.

Clients of such streams close at the last event, and servers may close without the end of their framing. Rules:

1. Server-sent events: the last event is `[DONE]`; or of a type that ends a stream (`LAST_TYPES`); or a last chunk, of
   which every choice has its `finish_reason`, a chunk of usage behind it or not; or holds the text as a whole (TGI).
2. JSON Lines: the last line says `"done": true` (Ollama).
3. Comments may follow. An event that is cut off shows nothing, and neither does what is compressed.
4. Clients also close at an event that is an error, whatever the server would have written behind it: such a stream is
   answered, by an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

LAST_TYPES = frozenset(
    (
        *("message_stop", "message-end", "stream-end"),  # Anthropic's Messages, Cohere
        *("response.completed", "response.incomplete", "response.failed"),  # OpenAI's Responses
        *("end", "done"),  # LangServe, OpenAI's Assistants
    )
)
"""Types of events that are the last of their stream."""

EVENTS: Final = b"text/event-stream"
LINES = frozenset((b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines"))

MAX_TAIL: Final = 64 * 1024
"""Bytes of the end of an answer that are looked at; the last event of OpenAI's Responses repeats the whole answer."""

MAX_EVENTS: Final = 64
"""Events that are looked at for last chunks: more choices than that are not told apart."""

_MEDIA = re.compile(rb"(?:^|\n)content-type:[ \t]*([^;\r\n \t]*)")
_VALUE = re.compile(rb"[ \t]*([^;\r\n \t]*)")
NEW_LINE: Final = ord("\n")
_BREAK = re.compile(rb"\r\n|\r")


def media_of(fields: bytes) -> bytes:
    """The media type in a block of header fields, in lower case; empty without one."""
    lower = fields.lower()
    at = lower.find(b"content-type:")
    if at < 0:
        return b""
    if at == 0 or lower[at - 1] == NEW_LINE:  # as nearly always: a tenth of the search below
        value = _VALUE.match(lower, at + len(b"content-type:"))
    else:
        value = _MEDIA.search(lower)
    return value[1] if value else b""


def can_show_its_end(media: bytes) -> bool:
    """Whether answers of this media type are streams whose end can be seen."""
    return media == EVENTS or media in LINES


def shows_its_end(media: bytes, tail: bytes) -> bool:
    """Whether `tail`, the last bytes of an answer, ends with what is the end of such a stream."""
    text = _BREAK.sub(b"\n", tail[-MAX_TAIL:])
    if media in LINES:
        last = _object(text.rstrip().rpartition(b"\n")[2])
        return last is not None and last.get("done") is True
    return media == EVENTS and _is_last(list(_events(text)))


def shows_an_error(media: bytes, tail: bytes) -> bool:
    """Whether one of the last events of `tail` is an error, at which a client may have closed."""
    text = _BREAK.sub(b"\n", tail[-MAX_TAIL:])
    if media in LINES:
        return any(_is_error("", line) for line in text.split(b"\n")[-MAX_EVENTS:])
    return media == EVENTS and any(_is_error(kind, data) for kind, data in _events(text))


def _is_error(kind: str, data: bytes) -> bool:
    if kind == "error":
        return True
    if b"error" not in data:
        return False
    event = _object(data)
    if event is None:
        return False
    error = event.get("error")
    return (isinstance(error, str | dict) and bool(error)) or "error" in (event.get("type"), event.get("object"))


def _events(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The last events, the latest first, as (type, data)."""
    for block in reversed(text.split(b"\n\n")[-MAX_EVENTS:]):
        kind, data = "", []
        for line in block.split(b"\n"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                kind = value.decode("utf-8", "replace").strip()
            elif name == b"data":
                data.append(value)
        if kind or data:
            yield kind, b"\n".join(data).strip()


def _is_last(events: list[tuple[str, bytes]]) -> bool:
    if not events:
        return False
    kind, data = events[0]
    if data == b"[DONE]" or (kind in LAST_TYPES and not data):
        return True
    last = _object(data)
    if last is None:
        return False
    if kind in LAST_TYPES or str(last.get("type")) in LAST_TYPES or isinstance(last.get("generated_text"), str):
        return True
    return _all_choices_finished(events)


def _all_choices_finished(events: list[tuple[str, bytes]]) -> bool:
    finished: dict[object, bool] = {}
    for place, (_, data) in enumerate(events):
        chunk = _object(data)
        choices = chunk.get("choices", chunk.get("candidates")) if chunk else None
        if not isinstance(choices, list):
            if not place:
                return False
            continue
        for choice in choices:
            if isinstance(choice, dict):
                finished.setdefault(
                    str(choice.get("index", 0)), bool(choice.get("finish_reason") or choice.get("finishReason"))
                )
    return bool(finished) and all(finished.values())


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
