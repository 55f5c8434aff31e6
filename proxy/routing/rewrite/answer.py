"""Names in answers, mapped back: a client that asked for one model hears of that one.

1. A value is replaced where it stands, in JSON, and only where it is the name that the version was asked by.
2. A whole answer is held until it is there, up to `MAX_ANSWER`; of a stream one line, up to `MAX_LINE`.
3. What cannot be read, or costs too much to be, is passed on as it is, and counted.
"""

from __future__ import annotations

import json
from typing import Final

from proxy.contracts.json_cost import is_costly
from proxy.contracts.message import ResponseHead
from proxy.contracts.stream_end import EVENTS, LINES, media_of
from proxy.routing.rewrite.json_text import Edit, edited, places_of
from proxy.routing.rewrite.plan import Names
from proxy.routing.rewrite.unwritable import CODING, TOO_LARGE, Unwritable

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of a whole answer in which names are mapped back."""

MAX_LINE: Final = 64 * 1024
"""Bytes of a line of a stream, likewise."""

_DATA: Final = b"data:"


class AnswerNames:
    """The names of one answer. `stream`: it comes in lines, and goes on line by line. `reason`: why a part of it could
    not be mapped, or empty."""

    __slots__ = ("_events", "_names", "_passing", "_waiting", "reason", "size", "stream")

    def __init__(self, names: Names, media: bytes) -> None:
        self._names = names
        self._events = media == EVENTS
        self.stream = self._events or media in LINES
        self._waiting: list[bytes] = []
        self._passing = False
        self.size = 0
        self.reason = ""

    def add(self, data: bytes) -> bytes:
        """A piece of the answer in, what may go on out."""
        if not self.stream:
            self._waiting.append(data)
            self.size += len(data)
            return b""
        cut = data.rfind(b"\n") + 1
        if not cut:
            return self._without_end(data)
        lines = b"".join([*self._waiting, data[:cut]])
        self._waiting, self.size = [], 0
        made: list[bytes] = []
        for line in _lines(lines):
            made.append(line if self._passing else self._line(line))
            self._passing = False
        return b"".join(made) + (self._without_end(data[cut:]) if cut < len(data) else b"")

    def _without_end(self, data: bytes) -> bytes:
        """The beginning of a line."""
        if self._passing:
            return data
        self._waiting.append(data)
        self.size += len(data)
        if self.size <= MAX_LINE:
            return b""
        self.reason, self._passing = TOO_LARGE, True
        return self.given_up()

    def rest(self) -> bytes:
        """What has not gone on by the end."""
        text = self.given_up()
        if not text:
            return text
        return self._line(text) if self.stream else self._mapped(text)

    def given_up(self) -> bytes:
        """What has not gone on, as it came."""
        text = b"".join(self._waiting)
        self._waiting, self.size = [], 0
        return text

    def _line(self, line: bytes) -> bytes:
        if not self._events:
            return self._mapped(line)
        if not line.startswith(_DATA):
            return line
        return _DATA + self._mapped(line[len(_DATA) :])

    def _mapped(self, text: bytes) -> bytes:
        if text.lstrip()[:1] != b"{":
            return text
        if is_costly(text):
            self.reason = TOO_LARGE
            return text
        edits: dict[int, Edit] = {}
        try:
            for parts, own, asked in self._names:
                if not _mentions(text, parts):
                    continue
                for start, stop in places_of(text, parts):
                    if not own or _same(text[start:stop], own):
                        edits[start] = (start, stop, asked)
        except Unwritable as unwritable:
            self.reason = unwritable.reason
            return text
        return edited(text, sorted(edits.values())) if edits else text


def _mentions(text: bytes, parts: list[str]) -> bool:
    # A key that is written with escapes is not looked for in answers: that is none that a server writes.
    return text.find(b'"%b"' % parts[0].encode()) >= 0


def _same(one: bytes, other: bytes) -> bool:
    if one == other:
        return True
    if one.find(b"\\") < 0 and other.find(b"\\") < 0:
        return False
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def _lines(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def mapped_in(text: bytes, names: Names) -> bytes:
    """A whole text of JSON with its names mapped back."""
    if not names:
        return text
    made = AnswerNames(names, b"application/json")
    made.add(text)
    return made.rest()


def names_in(head: ResponseHead, names: Names) -> AnswerNames | None:
    """The names of an answer with this head; None where it holds none that could be mapped. One with a
    `reason` goes on as it is."""
    if not names or head.bodiless or head.tunnel or head.status == 206:
        return None
    media = media_of(head.fields)
    readable = media == EVENTS or media in LINES or media == b"application/json" or media.endswith(b"+json")
    coding = head.field(b"content-encoding")
    if not readable:
        return None
    made = AnswerNames(names, media)
    made.reason = "" if coding is None or coding == b"identity" else CODING
    return made
