"""Streamed completions: server-sent events (WHATWG HTML, §9.2) or JSON Lines whose data are JSON chunks.

A worker notes when each piece of the answer arrived and how many bytes had come by then. The time of an event is that
of the piece in which its last byte arrived, whatever pieces the server makes: several events in one, one in several,
the head before all of them. Where the bytes are not those of the wire (a compressed stream), pieces and events are
matched by their numbers.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.observation import Text
from proxy.contracts.stream_end import EVENTS, LINES, media_of, shows_its_end
from proxy.payload.errors import is_error
from proxy.payload.reading import Body, Unreadable
from proxy.payload.spoken import Spoken

MAX_EVENTS = 65_536
"""Events of one answer that are read: far above the longest completions."""

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


def is_stream(body: Body) -> bool:
    """Whether an answer is a stream of events, by its media type or, where that is another, by its first line."""
    media = media_of(body.fields)
    return media == EVENTS or media in LINES or BEGINNINGS.match(body.data) is not None


def read(body: Body) -> Text:
    """The text that a whole stream spelled out, with its times. Raises Unreadable."""
    spoken = spelled(body)
    if not (spoken.ended or spoken.finish or shows_its_end(EVENTS, body.data)):
        raise Unreadable("unfinished_stream")
    first, gaps = times(body, spoken.first)
    return spoken.text(first, gaps)


def spelled(body: Body) -> Spoken:
    """What the events of a stream add up to, as far as it goes. Raises Unreadable."""
    spoken = Spoken()
    for number, event in enumerate(events_of(body)):
        if event.data == DONE:
            spoken.ended = True
            break
        if number >= MAX_EVENTS:
            raise Unreadable("too_many_values")
        chunk = chunk_of(body, event)
        spoken.add(chunk, number, event.end)
        if not body.identity and isinstance(chunk, dict):
            _identify(body, chunk)
    return spoken


def _identify(body: Body, chunk: dict[str, Any]) -> None:
    """Who answers stands in the first chunk: itself, or in what it begins."""
    for part in (chunk, chunk.get("message"), chunk.get("response")):
        body.identify(part, IDENTITY_FIELDS["openai"])


def chunk_of(body: Body, event: Event) -> Any:
    """The data of an event as JSON. Raises Unreadable where its name says that it is an error."""
    if event.name == b"error":
        raise Unreadable("error_in_stream")
    return body.parsed(event.data)


def refuse_error_events(body: Body) -> None:
    """Raises Unreadable, `error_in_stream`, if an event of a stream of any kind is an error."""
    for event in events_of(body):
        try:
            chunk = chunk_of(body, event)
        except orjson.JSONDecodeError:
            continue
        if isinstance(chunk, dict) and is_error(chunk):
            raise Unreadable("error_in_stream")


def events_of(body: Body) -> Iterator[Event]:
    """The events of a stream, JSON Lines included; such without data are left out."""
    found = _lines(body.data) if media_of(body.fields) in LINES else events(body.data)
    return (event for event in found if event.data or event.name == b"error")


def _lines(stream: bytes) -> Iterator[Event]:
    at = 0
    for line in stream.splitlines(keepends=True):
        at += len(line)
        yield Event(b"", line.strip(), at)


def events(stream: bytes) -> Iterator[Event]:
    """The events; comments and an unfinished last event are left out. One that only lacks its empty line is none."""
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
    last = b"\n".join(data)
    if data and (last == DONE or _is_whole(last)):
        yield Event(name, last, at)


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
