"""Streamed answers of language models, read as they come.

A stream is of any length, and its reader is bounded: what it keeps is what was said, not the events, and of an event
under way its beginning. Cut anywhere, a stream reads the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.observation import Text, Usage
from proxy.contracts.stream_end import EVENTS, LINES, MAX_TAIL, media_of, shows_its_end
from proxy.payload.cost import refuse_costly_stream
from proxy.payload.language.arrivals import Arrivals
from proxy.payload.language.runs import run_behind
from proxy.payload.language.spoken import Spoken
from proxy.payload.reading import Body, Content, Unreadable
from proxy.payload.sse import DONE, Event, EventReader, chunk_of, end_of_events

MIN_RUN = 8
"""Events of a run below which looking for it costs more than it saves."""
MAX_MISSES = 8
"""Looks for a run without one after which a stream is read event by event."""
MAX_EVENTS = 1_048_576
"""Events of one answer that are read: eight times as many as the longest completions have tokens."""
MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event: a picture comes in one."""
MAX_SAID = 1_048_576
"""Characters of each text of an answer that a reader keeps: a quarter of a million tokens."""


class StreamReader:
    """A streamed answer: `feed` it each part, tell it the `end`, and `read` the whole.

    - `body`: the fields of the answer, what is configured, and what was found out so far
    """

    __slots__ = (
        "_arrivals",
        "_at",
        "_lines",
        "_misses",
        "_number",
        "_over",
        "_rest",
        "_tail",
        "body",
        "spoken",
        "steps",
    )

    def __init__(self, body: Body) -> None:
        self.body, self.spoken, self._arrivals = body, Spoken(), Arrivals()
        self._lines = media_of(body.fields) in LINES
        self._rest = self._tail = b""
        self._at = self._number = self._misses = 0
        self._over = False
        self.steps = 0
        """Events that were read one by one, some 10 us each: those of a run cost a tenth."""

    @classmethod
    def whole(cls, body: Body) -> Self:
        """The reader of a stream that is whole. Raises Unreadable, orjson.JSONDecodeError."""
        reader = cls(body)
        reader.feed(body.data, body.chunks, body.ends)
        reader.end()
        return reader

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return len(self._rest) + len(self._tail) + self.spoken.size + self._arrivals.size

    def admit(self, data: bytes) -> None:
        """Raises Unreadable where reading a part would cost too much."""
        refuse_costly_stream(data)

    def feed(self, data: bytes, chunks: Sequence[float] = (), ends: Sequence[int] = ()) -> None:
        """Takes in a part of the stream. `chunks`, `ends`: when its pieces came, in seconds, and the bytes of the
        stream that had come by then. Raises Unreadable, orjson.JSONDecodeError."""
        data = self._rest + data
        cut = end_of_events(data, self._lines)
        self._rest = data[cut:]
        if len(self._rest) > MAX_EVENT:
            raise Unreadable("too_many_values")
        self.take(data[:cut])
        self._arrivals.came(chunks, ends)

    def end(self) -> None:
        """The stream has ended, perhaps in the middle of an event. Raises Unreadable, orjson.JSONDecodeError."""
        rest, self._rest = self._rest, b""
        self.take(rest)
        self._arrivals.came((), ())

    def take(self, data: bytes) -> None:
        """Reads events that are whole. Raises Unreadable, orjson.JSONDecodeError."""
        events = EventReader(data, self._lines)
        while not self._over and (event := events.next()) is not None:
            self._over = event.data == DONE
            if not self._over:
                events.at = self._add(data, event)
        self.spoken.ended = self.spoken.ended or self._over
        self.spoken.compact(MAX_SAID)
        self._at += len(data)
        self._tail = (self._tail + data)[-MAX_TAIL:]

    def forget_times(self) -> None:
        """When the pieces came says nothing."""
        self._arrivals = Arrivals()

    def read(self) -> tuple[Text, Usage | None]:
        """The text that the whole stream spelled out, with its times, and its tokens. Raises Unreadable."""
        spoken = self.spoken
        if not (spoken.ended or spoken.finish or shows_its_end(EVENTS, self._tail)):
            raise Unreadable("unfinished_stream")
        return spoken.text(self._arrivals.first, tuple(self._arrivals.gaps)), spoken.usage

    def content(self) -> Content:
        """The same as content. Raises Unreadable."""
        text, usage = self.read()
        return Content((), text, usage)

    def times(self) -> Text | None:
        """The times alone, of a stream that is not whole."""
        first = self._arrivals.first
        return None if first is None else Text("", first_token=first, gaps=tuple(self._arrivals.gaps))

    def chunk(self, event: Event) -> Any:
        """The data of an event as JSON; events behind it that are like it but for a text are not asked for. Raises
        Unreadable, orjson.JSONDecodeError."""
        return chunk_of(self.body, event)

    def _add(self, data: bytes, event: Event) -> int:
        """Takes in an event, and the run behind it; returns where that ends."""
        if self._number >= MAX_EVENTS:
            raise Unreadable("too_many_values")
        self.steps += 1
        chunk, spoken = self.chunk(event), self.spoken
        if spoken.add(chunk):
            self._arrivals.said(self._number, [self._at + event.end])
        self._number += 1
        if not self.body.identity and isinstance(chunk, dict):
            _identify(self.body, chunk)
        if self._misses >= MAX_MISSES or len(spoken.put) != 1:
            return event.end
        texts, ends = run_behind(data, event, spoken.put[0][-1])
        if len(texts) < MIN_RUN and len(data) - event.end > MIN_RUN * (event.end - event.begin):  # not a part's end
            self._misses += 1
        if not texts:
            return event.end
        spoken.put[0].extend(texts)
        self._arrivals.said(self._number, [self._at + end for end in ends])
        self._number += len(texts)
        return ends[-1]


def _identify(body: Body, chunk: dict[str, Any]) -> None:
    """Who answers stands in the first chunk: itself, or in what it begins."""
    for part in (chunk, chunk.get("message"), chunk.get("response")):
        body.identify(part, IDENTITY_FIELDS["openai"])
