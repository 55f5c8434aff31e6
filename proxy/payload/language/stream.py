"""Streamed answers of language models as a whole, and when their pieces came.

A worker notes when each piece of the answer arrived and how many bytes had come by then. The time of an event is that
of the piece in which its last byte arrived, whatever pieces the server makes: several events in one, one in several,
the head before all of them. Where the bytes are not those of the wire (a compressed stream), pieces and events are
matched by their numbers.

Nearly all events of a stream are like the one before but for the text that they add. Such a run is read in one go: what
stands before and behind the text, byte for byte, is what its events are parted by.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from itertools import pairwise
from typing import Any

import orjson

from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.observation import Text, Usage
from proxy.contracts.stream_end import EVENTS, shows_its_end
from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import Body, Unreadable
from proxy.payload.sse import DONE, MAX_EVENTS, Event, chunk_of, events_from

MIN_RUN = 8
"""Events of a run below which looking for it costs more than it saves."""
MAX_MISSES = 8
"""Looks for a run without one after which a stream is read event by event."""
RUN_BYTES = 64 * 1024
"""Bytes that are looked at for one run, so that looks for short ones cost no more than their events."""
STRING = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
"""What stands between the quotes of a string of JSON."""


def read(body: Body) -> tuple[Text, Usage | None]:
    """The text that a whole stream spelled out, with its times, and its tokens. Raises Unreadable."""
    spoken = spelled(body)
    if not (spoken.ended or spoken.finish or shows_its_end(EVENTS, body.data)):
        raise Unreadable("unfinished_stream")
    first, gaps = times(body, spoken.first)
    return spoken.text(first, gaps), spoken.usage


def spelled(body: Body) -> Spoken:
    """What the events of a stream add up to, as far as it goes. Raises Unreadable."""
    spoken, events, number, misses = Spoken(), events_from(body), 0, 0
    while (event := events.next()) is not None and event.data != DONE:
        if number >= MAX_EVENTS:
            raise Unreadable("too_many_values")
        chunk = chunk_of(body, event)
        spoken.add(chunk, number, event.end)
        number += 1
        if not body.identity and isinstance(chunk, dict):
            _identify(body, chunk)
        if misses < MAX_MISSES and len(spoken.put) == 1:
            texts, events.at = run_behind(body.data, event, spoken.put[0][-1])
            spoken.put[0].extend(texts)
            number += len(texts)
            misses += len(texts) < MIN_RUN
    spoken.ended = spoken.ended or event is not None
    return spoken


def run_behind(stream: bytes, event: Event, said: str) -> tuple[list[str], int]:
    """The texts of the events behind one that said `said`, as far as these differ from it in that text alone; and where
    they end."""
    found = _around(stream[event.begin : event.end], said)
    if found is None or not stream.startswith(found[0], event.end):
        return [], event.end
    before, behind = found
    begin = event.end + len(before)
    *pieces, _ = stream[begin : begin + RUN_BYTES].split(behind + before)
    if b"\\" in (joined := b"".join(pieces)) or b'"' in joined:
        pieces = _strings(pieces)
    try:
        texts: list[str] = orjson.loads(b'["' + b'","'.join(pieces) + b'"]') if pieces else []
    except orjson.JSONDecodeError:
        return [], event.end
    return texts, event.end + sum(map(len, pieces)) + len(pieces) * (len(before) + len(behind))


def _around(event: bytes, said: str) -> tuple[bytes, bytes] | None:
    """What stands before and behind the one text of an event, as servers write JSON; None: it stands there twice."""
    for quoted in (orjson.dumps(said), json.dumps(said).encode()):
        if event.count(quoted) == 1:
            before, _, behind = event.partition(quoted)
            return before + b'"', b'"' + behind
    return None


def _strings(pieces: list[bytes]) -> list[bytes]:
    """The pieces up to the first one that is not the inside of a string."""
    bad = (place for place, piece in enumerate(pieces) if not STRING.fullmatch(piece))
    return pieces[: next(bad, len(pieces))]


def _identify(body: Body, chunk: dict[str, Any]) -> None:
    """Who answers stands in the first chunk: itself, or in what it begins."""
    for part in (chunk, chunk.get("message"), chunk.get("response")):
        body.identify(part, IDENTITY_FIELDS["openai"])


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
