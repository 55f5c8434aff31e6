"""Fields of a form (RFC 7578), replaced where they stand: every other byte stays, the boundary, too."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from proxy.routing.rewrite.json_text import Edit, edited
from proxy.routing.rewrite.unwritable import NOT_JSON, TOO_LARGE, Unwritable

MAX_PARTS: Final = 64
"""Parts of one form: the longest of OpenAI's API have twenty."""

_BOUNDARY = re.compile(rb';\s*boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"\r\ncontent-disposition:([^\r\n]*)(?=\r\n|\Z)", re.IGNORECASE)
_NAME = re.compile(rb';\s*name=(?:"([^"\\]*)"|([^;\s"]+))\s*(?=;|\Z)', re.IGNORECASE)


def with_fields(body: bytes, content_type: bytes, values: list[tuple[bytes, bytes]], adds: bool = True) -> bytes:
    """The form with each field set: all parts of that name that are no files, or, if it `adds`, a new part before the
    first. Raises Unwritable."""
    mark = _mark(content_type)
    if not mark:
        raise _broken()
    parts = _parts(body, mark)
    edits: list[Edit] = []
    first = parts[0][1]
    for name, value in values:
        places = [(start, stop) for part, _, start, stop in parts if part == name]
        edits += [(start, stop, value) for start, stop in places]
        if adds and not places:
            head = b'%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n' % (mark, name)
            edits.append((first, first, b"%b%b\r\n" % (head, value)))
    return edited(body, sorted(edits))


def value_of(body: bytes, content_type: bytes, name: bytes) -> bytes | None:
    """The value of the first field with this name, or None."""
    mark = _mark(content_type)
    for part, _, start, stop in _parts(body, mark) if mark else []:
        if part == name:
            return body[start:stop]
    return None


def _mark(content_type: bytes) -> bytes:
    """What stands before each part; empty where there is not one boundary."""
    found = _BOUNDARY.findall(content_type)
    return b"--" + (found[0][0] or found[0][1]) if len(found) == 1 else b""


def _parts(body: bytes, mark: bytes) -> list[tuple[bytes, int, int, int]]:
    """The parts: name (empty for a file), where the mark before it begins, and where its value begins and ends."""
    parts: list[tuple[bytes, int, int, int]] = []
    marks = [match.start(1) for match in re.finditer(rb"(?:\A|\r\n)(%b)(?:--|[ \t]*\r\n)" % re.escape(mark), body)]
    if len(marks) > MAX_PARTS + 1:
        raise Unwritable(TOO_LARGE, f"the form has more than {MAX_PARTS} parts")
    if len(marks) < 2 or not body.startswith(b"--", marks[-1] + len(mark)):
        raise _broken()
    for at, end in pairwise(marks):
        stop = end - 2
        head_end = body.find(b"\r\n\r\n", at, stop + 2)
        if head_end < 0 or head_end + 4 > stop + 2:
            raise _broken()
        parts.append((_name(body[at:head_end]), at, min(head_end + 4, stop), stop))
    return parts


def _name(head: bytes) -> bytes:
    """The name of the part with this head, empty for a file. Raises Unwritable where readers could differ on it."""
    said = _DISPOSITION.findall(head)
    names = _NAME.findall(said[0]) if len(said) == 1 else []
    if len(names) != 1 or head.find(b"\r\n ") >= 0 or head.find(b"\r\n\t") >= 0:
        raise _broken()
    return b"" if b"filename" in said[0].lower() else names[0][0] or names[0][1]


def _broken() -> Unwritable:
    return Unwritable(NOT_JSON, "the body is not a form with parts")
