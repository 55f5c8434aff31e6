"""Values in a text of JSON, replaced where they stand: every other byte stays, white space, order, long numbers, too.

1. A key that is there twice has all its values replaced: readers differ on which one counts.
2. A member that is not there is added, at the end of its object; an element of an array has to be there.
3. A text is scanned and not parsed. Whoever needs to know that it is JSON has it parsed before.
"""

from __future__ import annotations

import json
import re
from typing import Final

from proxy.routing.rewrite.unwritable import NO_PLACE, NOT_JSON, Unwritable

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]+")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"

Edit = tuple[int, int, bytes]
"""Where a piece of the text begins and ends, and what stands there instead."""


def with_values(text: bytes, values: list[tuple[list[str], bytes]]) -> bytes:
    """The text with each value (as JSON) at its place, the parts of a pointer. Raises Unwritable."""
    for parts, value in values:
        edits: list[Edit] = []
        if not _set(text, _start(text), parts, value, edits):
            raise Unwritable(NO_PLACE, "the JSON of the body has no place for a value that is to be set")
        text = edited(text, edits)
    return text


def places_of(text: bytes, parts: list[str]) -> list[tuple[int, int]]:
    """Where the values at a place begin and end. Raises Unwritable where the text is no JSON, as far as it is seen."""
    edits: list[Edit] = []
    _visit(text, _start(text), parts, edits)
    return [(start, stop) for start, stop, _ in edits]


def edited(text: bytes, edits: list[Edit]) -> bytes:
    """The text with its edits, which are in order and do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for start, stop, value in edits:
        pieces += [text[at:start], value]
        at = stop
    pieces.append(text[at:])
    return b"".join(pieces)


def parts_of(pointer: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _start(text: bytes) -> int:
    return _after_space(text, len(_BOM) if text.startswith(_BOM) else 0)


def _set(text: bytes, at: int, parts: list[str], value: bytes, edits: list[Edit]) -> bool:
    """Adds the edits that set the value below the one at `at`; False: there is no place for it."""
    if not parts:
        edits.append((at, _end(text, at), value))
        return True
    kind = text[at : at + 1]
    if kind == b"{":
        return _set_member(text, at, parts, value, edits)
    if kind != b"[":
        return False
    places = _elements(text, at)
    index = int(parts[0]) if parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 9 else len(places)
    return index < len(places) and _set(text, places[index], parts[1:], value, edits)


def _set_member(text: bytes, at: int, parts: list[str], value: bytes, edits: list[Edit]) -> bool:
    found = False
    last = at + 1
    for key, start, stop in _members(text, at):
        last = stop
        if key == parts[0]:
            found = True
            if not _set(text, start, parts[1:], value, edits):
                return False
    if not found and len(parts) == 1:
        comma = b", " if last > at + 1 else b""
        edits.append((last, last, b"%b%b: %b" % (comma, json.dumps(parts[0]).encode(), value)))
        found = True
    return found


def _visit(text: bytes, at: int, parts: list[str], edits: list[Edit]) -> None:
    if not parts:
        edits.append((at, _end(text, at), b""))
        return
    kind = text[at : at + 1]
    if kind == b"{":
        for key, start, _ in _members(text, at):
            if key == parts[0]:
                _visit(text, start, parts[1:], edits)
    elif kind == b"[" and parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 9:
        places = _elements(text, at)
        if int(parts[0]) < len(places):
            _visit(text, places[int(parts[0])], parts[1:], edits)


def _members(text: bytes, at: int) -> list[tuple[str, int, int]]:
    """The members of the object at `at`: key, and where the value begins and ends."""
    members: list[tuple[str, int, int]] = []
    at = _after_space(text, at + 1)
    if text[at : at + 1] == b"}":
        return members
    while True:
        match = _STRING.match(text, at)
        if match is None:
            raise _broken()
        colon = _after_space(text, match.end())
        if text[colon : colon + 1] != b":":
            raise _broken()
        start = _after_space(text, colon + 1)
        stop = _end(text, start)
        members.append((_key(match.group()), start, stop))
        at = _after_space(text, stop)
        if text[at : at + 1] == b"}":
            return members
        if text[at : at + 1] != b",":
            raise _broken()
        at = _after_space(text, at + 1)


def _elements(text: bytes, at: int) -> list[int]:
    """Where the elements of the array at `at` begin."""
    elements: list[int] = []
    at = _after_space(text, at + 1)
    if text[at : at + 1] == b"]":
        return elements
    while True:
        elements.append(at)
        at = _after_space(text, _end(text, at))
        if text[at : at + 1] == b"]":
            return elements
        if text[at : at + 1] != b",":
            raise _broken()
        at = _after_space(text, at + 1)


def _end(text: bytes, at: int) -> int:
    """Where the value at `at` ends."""
    kind = text[at : at + 1]
    if kind == b'"':
        match = _STRING.match(text, at)
    elif kind == b"{" or kind == b"[":
        return _end_of_nested(text, at)
    else:
        match = _SCALAR.match(text, at)
    if match is None:
        raise _broken()
    return match.end()


def _end_of_nested(text: bytes, at: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(text, at):
        token = match.group()
        if token == b"{" or token == b"[":
            depth += 1
        elif token == b"}" or token == b"]":
            depth -= 1
            if not depth:
                return match.end()
    raise _broken()


def _key(raw: bytes) -> str:
    if raw.find(b"\\") < 0:
        return raw[1:-1].decode("utf-8", "replace")
    try:
        return str(json.loads(raw))
    except ValueError as error:
        raise _broken() from error


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _broken() -> Unwritable:
    return Unwritable(NOT_JSON, "the body is not JSON")
