"""The value at a JSON pointer, without reading what stands beside it: of bodies that cost too much to be parsed whole,
and of those of which only the beginning is at hand.

1. What stands before the value is skipped by its brackets and strings; numbers in between cost nothing.
2. After `MAX_STEPS` of them the search ends: more would hold up the others of this worker (some 30 ms).
3. Nothing is made of what is skipped, and it is not checked whether it is JSON. Of equal keys the first counts.
"""

from __future__ import annotations

import json
import re
from typing import Final

MAX_STEPS: Final = 16_384
"""Brackets, strings and members that are looked at."""

MAX_VALUE: Final = 64 * 1024
"""Bytes of a value: it is the name of a user or of a model."""

_SPACES = re.compile(rb"[ \t\r\n]*")
_BACKSLASH: Final = 92
_END: Final = -1


class CostlySearch(Exception):
    """The value is beyond `MAX_STEPS`."""


class Scan:
    """One search in `data`, the beginning of a document."""

    __slots__ = ("_data", "_next", "_steps")

    def __init__(self, data: bytes) -> None:
        self._data, self._steps = data, 0
        self._next: dict[bytes, int] = {}

    def find(self, parts: list[str]) -> object:
        """The text or number at a pointer's parts. Raises CostlySearch, LookupError where there is none, or none yet,
        ValueError where it is no JSON."""
        at = self._solid(3 if self._data.startswith(b"\xef\xbb\xbf") else 0)
        for part in parts:
            opening = self._data[at : at + 1]
            if opening == b"{":
                at = self._member(at + 1, part)
            elif opening == b"[" and part.isascii() and part.isdigit() and len(part) < 10:
                at = self._item(at + 1, int(part))
            else:
                raise LookupError(part)
        return self._value(at)

    def _value(self, at: int) -> object:
        if self._data[at : at + 1] in (b"{", b"["):
            raise LookupError("a container")
        end = self._skip(at)
        if end > len(self._data) or end - at > MAX_VALUE:
            raise LookupError("a value that is cut, or too long")
        found: object = json.loads(self._data[at:end])
        return found

    def _member(self, at: int, name: str) -> int:
        """Where the value of a member begins."""
        data = self._data
        while True:
            at = self._solid(at)
            if data[at : at + 1] != b'"':
                raise LookupError(name)
            end = self._string(at)
            is_it = self._is(data[at:end], name)
            at = self._solid(end)
            if data[at : at + 1] != b":":
                raise ValueError("no member")
            at = self._solid(at + 1)
            if is_it:
                return at
            at = self._behind(self._skip(at))

    def _item(self, at: int, index: int) -> int:
        """Where an item of an array begins."""
        at = self._solid(at)
        while index:
            at = self._solid(self._behind(self._skip(at)))
            index -= 1
        if self._data[at : at + 1] == b"]":
            raise LookupError("an index that is not there")
        return at

    def _behind(self, at: int) -> int:
        """Where the next member or item begins."""
        at = self._solid(at)
        if self._data[at : at + 1] != b",":
            raise LookupError("no further one")
        return at + 1

    def _is(self, written: bytes, name: str) -> bool:
        plain = written[1:-1]
        if b"\\" not in plain:
            return plain == name.encode("utf-8", "surrogatepass")
        return len(plain) <= MAX_VALUE and bool(json.loads(written) == name)

    def _solid(self, at: int) -> int:
        """The first place that is no space."""
        spaces = _SPACES.match(self._data, at, at + MAX_STEPS)
        begun, at = at, spaces.end() if spaces is not None else at
        self._steps += at - begun
        self._step()
        if at >= len(self._data):
            raise LookupError("the end")
        return at

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise CostlySearch

    def _skip(self, at: int) -> int:
        """Where a value ends; beyond the data for one that is cut."""
        opening = self._data[at : at + 1]
        if opening == b'"':
            return self._string(at)
        if opening in (b"{", b"["):
            return self._container(at)
        end = min(self._next_of(b",", at), self._next_of(b"}", at), self._next_of(b"]", at))
        return end if end < len(self._data) else len(self._data) + 1

    def _container(self, at: int) -> int:
        depth = 0
        while True:
            self._step()
            opens = min(self._next_of(b"{", at), self._next_of(b"[", at))
            closes = min(self._next_of(b"}", at), self._next_of(b"]", at))
            quote = self._next_of(b'"', at)
            if quote < opens and quote < closes:
                at = self._string(quote)
                continue
            at = min(opens, closes) + 1
            if at > len(self._data):
                raise LookupError("a container that is cut")
            depth += 1 if opens < closes else -1
            if not depth:
                return at

    def _string(self, at: int) -> int:
        """Where a string ends, its quote included."""
        data = self._data
        while True:
            self._step()
            at = data.find(b'"', at + 1)
            if at < 0:
                raise LookupError("a text that is cut")
            before = at - 1
            while data[before] == _BACKSLASH:
                before -= 1
                self._step()
            if (at - before) % 2:
                return at + 1

    def _next_of(self, character: bytes, at: int) -> int:
        """The next place of a character; the end where there is none. Each is looked for once, so that all together
        cost no more than some passes over the data."""
        known = self._next.get(character, _END)
        if known < at:
            known = self._data.find(character, at)
            known = len(self._data) if known < 0 else known
            self._next[character] = known
        return known
