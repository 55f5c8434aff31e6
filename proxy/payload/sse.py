"""Streams of events: server-sent events (WHATWG HTML, §9.2) or JSON Lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from proxy.contracts.stream_end import EVENTS, LINES, media_of
from proxy.payload.errors import is_error
from proxy.payload.reading import BOM, Body, Unreadable

BLANK = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""The end of a line, and an empty one behind it."""

DONE = b"[DONE]"
"""The data of the last event of OpenAI's streams."""

BEGINNINGS = re.compile(rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?:[\x20-\x7e]*\r?\n")
"""The first line of server-sent events, whatever the media type says that they are."""


class Event(NamedTuple):
    """One event."""

    name: bytes
    data: bytes
    end: int
    """Bytes of the stream up to its end."""
    begin: int = 0
    """Bytes of the stream before it."""


def is_stream(body: Body) -> bool:
    """Whether an answer is a stream of events, by its media type or, where that is another, by its first line."""
    media = media_of(body.fields)
    return media == EVENTS or media in LINES or BEGINNINGS.match(body.data) is not None


def chunk_of(body: Body, event: Event) -> Any:
    """The data of an event as JSON. Raises Unreadable where its name says that it is an error."""
    if event.name == b"error":
        raise Unreadable("error_in_stream")
    return body.parsed(event.data)


def refuse_error_events(body: Body, data: bytes) -> None:
    """Raises Unreadable, `error_in_stream`, if an event in a part of a stream of any kind is an error."""
    for event in iter(EventReader(data, media_of(body.fields) in LINES).next, None):
        try:
            chunk = chunk_of(body, event)
        except orjson.JSONDecodeError:
            continue
        if isinstance(chunk, dict) and is_error(chunk):
            raise Unreadable("error_in_stream")


class EventReader:
    """The events of a stream, one after the other; `at` is where the next one begins."""

    __slots__ = ("_lines", "_stream", "at")

    def __init__(self, stream: bytes, lines: bool = False) -> None:
        self._stream, self._lines = stream, lines
        self.at = len(BOM) if stream.startswith(BOM) else 0

    def next(self) -> Event | None:
        """The next event that has data or is an error; None: there is none."""
        while self.at < len(self._stream):
            event = self._line() if self._lines else self._event()
            self.at = event.end
            if event.data or event.name == b"error":
                return event
        return None

    def _line(self) -> Event:
        end = self._stream.find(b"\n", self.at) + 1 or len(self._stream)
        return Event(b"", self._stream[self.at : end].strip(), end, self.at)

    def _event(self) -> Event:
        begin, blank = self.at, BLANK.search(self._stream, self.at)
        end = blank.end() if blank else len(self._stream)
        name, data = _fields(self._stream[begin:end])
        if blank is None and data != DONE and not _is_whole(data):
            return Event(b"", b"", end, begin)  # cut
        return Event(name, data, end, begin)


def end_of_events(data: bytes, lines: bool = False) -> int:
    """Bytes of `data` up to the end of its last whole event, or line. A CR at the end may be half an end of line."""
    if lines:
        return data.rfind(b"\n") + 1
    known = len(data) - data.endswith(b"\r")
    at = data.rfind(b"\n\n")
    if b"\r" in data:
        at = max(at, data.rfind(b"\n\r", 0, known), data.rfind(b"\r\r", 0, known))
    return at + 2 + data.startswith(b"\r\n", at + 1) if at >= 0 else 0


def _fields(block: bytes) -> tuple[bytes, bytes]:
    """The name and the data of an event (WHATWG HTML, 9.2.6); comments, ids and delays of reconnection are left out."""
    name, data = b"", []
    for line in block.splitlines():
        key, _, value = line.partition(b":")
        if key == b"data":
            data.append(value.removeprefix(b" "))
        elif key == b"event":
            name = value.removeprefix(b" ")
    return name, b"\n".join(data)


def events_from(body: Body) -> EventReader:
    """The events of a streamed answer, JSON Lines included."""
    return EventReader(body.data, media_of(body.fields) in LINES)


def events_of(body: Body) -> Iterator[Event]:
    """The same, one by one."""
    return iter(events_from(body).next, None)


def events(stream: bytes) -> Iterator[Event]:
    """Server-sent events; comments and an unfinished last event are left out. One that only lacks its empty line is
    none."""
    return iter(EventReader(stream).next, None)


def _is_whole(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def is_cut(stream: bytes) -> bool:
    """Whether server-sent events end in the middle of one."""
    rest = stream[max(stream.rfind(blank) + len(blank) for blank in (b"\n\n", b"\r\n\r\n", b"\r\r")) :]
    return any(line.startswith(b"data:") for line in rest.splitlines()) and not any(events(rest))
