"""Values in a text of JSON, replaced where they stand: every other byte stays, white space, order, long numbers, too.

1. A key that is there twice has all its values replaced: readers differ on which one counts.
2. A member that is not there is added, at the end of its object; an element of an array has to be there.
3. A text is scanned and not parsed. Whoever needs to know that it is JSON has it parsed before.
4. Members that are not looked for are passed over many at a time, elements behind the one that is looked for not read
   at all: a text that is made to be slow must not hold up the others of this worker.
"""

from __future__ import annotations

import json
import re
from typing import Final

from proxy.routing.rewrite.unwritable import NO_PLACE, NOT_JSON, TOO_LARGE, Unwritable

MAX_EQUAL_KEYS: Final = 64
"""Members of one name in an object, each of which is a step of its own: one is usual."""

MAX_NAMES: Final = 256
"""Names that are looked for and whose patterns are remembered: those of a configuration."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_TEXT: Final = rb'"(?:[^"\\]|\\.)*+"'


def _shallow(depth: int) -> bytes:
    """A pattern of containers with at most so many others in each other."""
    within = rb'[^"\[\]{}]++|%b' % _TEXT + (b"|" + _shallow(depth - 1) if depth else b"")
    return rb"[\[{](?:%b)*+[\]}]" % within


_SHALLOW: Final = _shallow(8)
_STRING = re.compile(_TEXT, re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]+")
_LEVEL = re.compile(rb'(?:[^"\[\]{}]++|%b|%b)*+' % (_TEXT, _SHALLOW), re.DOTALL)
"""What opens nothing, or closes it as well."""
_SHORT: Final = {
    '"': rb"\\\"",
    "\\": rb"\\\\",
    "/": rb"\\/",
    "\b": rb"\\b",
    "\f": rb"\\f",
    "\n": rb"\\n",
    "\r": rb"\\r",
    "\t": rb"\\t",
}
_BOM: Final = b"\xef\xbb\xbf"

Edit = tuple[int, int, bytes]
"""Where a piece of the text begins and ends, and what stands there instead."""


def with_values(text: bytes, values: list[tuple[list[str], bytes]], adds: bool = True) -> bytes:
    """The text with each value (as JSON) at its place, the parts of a pointer. `adds`: also where nothing stands.

    Raises Unwritable.
    """
    for parts, value in values:
        edits: list[Edit] = []
        if not adds:
            edits = [(start, stop, value) for start, stop in places_of(text, parts)]
        elif not _set(text, _start(text), parts, value, edits):
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
    start = _element(text, at, parts[0])
    return start > 0 and _set(text, start, parts[1:], value, edits)


def _set_member(text: bytes, at: int, parts: list[str], value: bytes, edits: list[Edit]) -> bool:
    starts, last = _named(text, at, parts[0])
    for start in starts:
        if not _set(text, start, parts[1:], value, edits):
            return False
    if starts or len(parts) > 1:
        return bool(starts)
    comma = b", " if last > at + 1 else b""
    edits.append((last, last, b"%b%b: %b" % (comma, json.dumps(parts[0]).encode(), value)))
    return True


def _visit(text: bytes, at: int, parts: list[str], edits: list[Edit]) -> None:
    if not parts:
        edits.append((at, _end(text, at), b""))
        return
    kind = text[at : at + 1]
    if kind == b"{":
        for start in _named(text, at, parts[0])[0]:
            _visit(text, start, parts[1:], edits)
    elif kind == b"[":
        start = _element(text, at, parts[0])
        if start:
            _visit(text, start, parts[1:], edits)


def _named(text: bytes, at: int, name: str) -> tuple[list[int], int]:
    """Where the values of the members with this name begin in the object at `at`, and where the last member ends."""
    own, others = _patterns(name)
    starts: list[int] = []
    last = at + 1
    at = _after_space(text, last)
    if text[at : at + 1] == b"}":
        return starts, last
    while True:
        passed = others.match(text, at)
        assert passed is not None
        at = _after_space(text, passed.end())
        match = _STRING.match(text, at)
        if match is None:
            raise _broken()
        colon = _after_space(text, match.end())
        if text[colon : colon + 1] != b":":
            raise _broken()
        start = _after_space(text, colon + 1)
        last = _end(text, start)
        if own.match(text, match.start()):
            starts.append(start)
            if len(starts) > MAX_EQUAL_KEYS:
                raise Unwritable(TOO_LARGE, f"the JSON has more than {MAX_EQUAL_KEYS} members of one name")
        at = _after_space(text, last)
        if text[at : at + 1] == b"}":
            return starts, last
        if text[at : at + 1] != b",":
            raise _broken()
        at = _after_space(text, at + 1)


def _element(text: bytes, at: int, part: str) -> int:
    """Where the element with this index begins in the array at `at`; 0: there is none."""
    index = int(part) if part.isascii() and part.isdigit() and len(part) < 9 else -1
    at = _after_space(text, at + 1)
    if index < 0 or text[at : at + 1] == b"]":
        return 0
    while index:
        at = _after_space(text, _end(text, at))
        if text[at : at + 1] == b"]":
            return 0
        if text[at : at + 1] != b",":
            raise _broken()
        at = _after_space(text, at + 1)
        index -= 1
    return at


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
    while True:
        token = text[at : at + 1]
        at += 1
        if token == b"{" or token == b"[":
            depth += 1
        elif token == b"}" or token == b"]":
            depth -= 1
            if not depth:
                return at
        else:  # the end, or a text that has none
            raise _broken()
        level = _LEVEL.match(text, at)
        assert level is not None
        at = level.end()


def _patterns(name: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Patterns of a member's name, written in any way, and of members with other names that have a value without
    others in it, as many as there are."""
    known = _known.get(name)
    if known is None:
        own = b'"%b"' % b"".join([_written(character) for character in name])
        space = _SPACE.pattern
        value = rb"(?:%b|%b|[^\s\[\]{},:\"]++)" % (_TEXT, _SHALLOW)
        others = rb"(?:(?!%b)%b%b:%b%b%b,%b)*+" % (own, _TEXT, space, space, value, space, space)
        known = re.compile(own), re.compile(others, re.DOTALL)
        if len(_known) >= MAX_NAMES:
            _known.clear()
        _known[name] = known
    return known


_known: Final[dict[str, tuple[re.Pattern[bytes], re.Pattern[bytes]]]] = {}


def _written(character: str) -> bytes:
    """A pattern of the ways in which JSON writes a character."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    ways = [b"".join([rb"\\u" + _digits(units[at : at + 4]) for at in range(0, len(units), 4)])]
    if character not in '"\\' and character >= " ":
        ways.append(re.escape(character.encode("utf-8", "surrogatepass")))
    if character in _SHORT:
        ways.append(_SHORT[character])
    return b"(?:%b)" % b"|".join(ways)


def _digits(digits: str) -> bytes:
    return b"".join([f"[{digit}{digit.upper()}]".encode() for digit in digits])


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _broken() -> Unwritable:
    return Unwritable(NOT_JSON, "the body is not JSON")
