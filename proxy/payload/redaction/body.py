"""A body, redacted; or held back, because it cannot be said for certain that it is.

Rules:

1. A content coding is taken off, within the bounds that analysis has (`payload.encoding`); what is kept has none.
2. What is kept is written anew from what was read, whether a rule found anything or not: a body may say a thing twice,
   and hide the second in a member that readers do not see.
3. What is no JSON (streams of events, gRPC, forms, pictures, text) is held back whole, and so is JSON that is too
   costly to read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from proxy.contracts.settings import DEFAULT_ANALYSIS
from proxy.payload.cost import refuse_costly_document
from proxy.payload.encoding import coding_of, decompress
from proxy.payload.grpc.frames import is_call
from proxy.payload.reading import HEAD_LENGTH, Body, Unreadable, field
from proxy.payload.redaction import binary
from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.document import Uncertain, redact
from proxy.payload.redaction.places import with_field, without_field
from proxy.payload.redaction.rules import RedactionRule
from proxy.payload.sse import is_stream

REASONS: dict[str, str] = {
    "dropped": "a rule drops it whole",
    "coding": "its content coding cannot be taken off, or not within bounds",
    "grpc": "it is of gRPC",
    "stream": "it is a stream of events",
    "json": "it is no JSON",
    "costly": "its JSON is too large to be read",
    "binary": "its raw tensors are not what their head says",
    "form": "it names what is to be redacted in a form that is not known",
    "unlocated": "what is to be redacted is read in it, and not found in its bytes",
    "no_rules": "its route is not configured any more, and so are its rules",
    "error": "it is an error, and may quote the request",
    "cut": "only its ends were kept",
}
"""Why a body is held back; label values of a metric."""


class RedactedBody:
    """What is kept of a body: `data`, `fields` (header lines), and the pointers of the rules that found something."""

    __slots__ = ("data", "fields", "found")

    def __init__(self, data: bytes, fields: bytes, found: tuple[str, ...]) -> None:
        self.data, self.fields, self.found = data, fields, found


def redacted(data: bytes, fields: bytes, rules: Sequence[RedactionRule], digest: Digest) -> RedactedBody:
    """A body by rules that are all of its side. Raises Uncertain."""
    if not rules or not data:
        return RedactedBody(data, fields, ())
    if any(not rule.parts for rule in rules):
        raise Uncertain("dropped")
    body = _plain(data, fields)
    fields = without_field(fields, b"content-encoding")
    length = field(body.fields, HEAD_LENGTH)
    document, behind = _read(body, length)
    if length:
        binary.taken_in(document, behind)
    try:
        found = tuple([rule.pointer for rule in rules if redact(document, rule, digest)])
    except (ValueError, KeyError, OverflowError, RecursionError) as error:
        raise Uncertain("binary" if length else "form") from error
    if not length:
        return RedactedBody(_written(document, body.no_numbers), fields, found)
    behind = binary.put_out(document)
    head = _written(document, body.no_numbers)
    return RedactedBody(head + behind, with_field(fields, HEAD_LENGTH, b"%d" % len(head)), found)


def _plain(data: bytes, fields: bytes) -> Body:
    body = Body(data, fields.lower(), DEFAULT_ANALYSIS)
    if is_call(body):
        raise Uncertain("grpc")
    if is_stream(body):
        raise Uncertain("stream")
    if coding := coding_of(body.fields):
        try:
            body.data = decompress(data, coding)
        except Unreadable as error:
            raise Uncertain("coding") from error
    return body


def _read(body: Body, length: bytes) -> tuple[Any, bytes]:
    """The document of a body, and the bytes behind it."""
    end = len(body.data)
    if length:
        if not length.isdigit() or len(length) > 12 or int(length) > end:
            raise Uncertain("binary")
        end = int(length)
    head = body.data[:end]
    try:
        refuse_costly_document(head)
        return body.parsed(head), body.data[end:]
    except Unreadable as error:
        raise Uncertain("costly") from error
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Uncertain("json") from error


def _written(document: Any, no_numbers: bool) -> bytes:
    if no_numbers:  # as Python writes what is no number
        return json.dumps(document).encode()
    try:
        return orjson.dumps(document)
    except TypeError as error:  # a raw tensor where none can stand, or a text that is no Unicode
        raise Uncertain("form") from error
