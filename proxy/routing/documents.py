"""What stands in the body of a request, for conditions and sticky keys.

1. A body is JSON, JSON with raw tensors behind it (OIP's binary extension: a field says where the JSON ends), or a form
   (RFC 7578), whose fields that are no files are members.
2. gzip and deflate are taken off, within `MAX_EXPANDED`; a worker has no library for other content codings.
3. JSON that costs too much (`json_cost`) is not read: it would hold up all others, and fill the worker's memory.
4. What cannot be read is None: the condition does not hold, the request has no key.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from typing import Final

from proxy.contracts.json_cost import is_costly

FieldOf = Callable[[bytes], "bytes | None"]
"""Header lookup of a request: lower-case name to value."""

MAX_EXPANDED: Final = 1024 * 1024
"""Bytes of a decompressed body: reading more would hold up the others of this worker."""
MAX_CODINGS: Final = 4
"""Content codings within each other."""
MAX_PARTS: Final = 64
"""Parts of one form: the longest of OpenAI's API have twenty."""
MAX_VALUE: Final = 64 * 1024
"""Bytes of a field of a form."""

_BITS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}
_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^;\s]*))', re.IGNORECASE)


def no_field(name: bytes) -> bytes | None:
    """The header lookup of a request without any."""
    return None


def document_of(body: bytes | None, field: FieldOf = no_field) -> object:
    """The JSON of a body, or the fields of a form; None: there is none that can be read."""
    if not body:
        return None
    text = plain(body, field(b"content-encoding"))
    if text is None:
        return None
    if (field(b"content-type") or b"").lower().startswith(b"multipart/form-data"):
        return _form(text)
    head = field(b"inference-header-content-length")
    if head is not None and head.isdigit() and len(head) < 10:
        text = text[: int(head)]
    if is_costly(text):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def plain(body: bytes, codings: bytes | None) -> bytes | None:
    """A body without its content codings; None: one of them is unknown, broken, or hides more than `MAX_EXPANDED`."""
    if not codings:
        return body
    names = [name for each in codings.lower().split(b",") if (name := each.strip()) not in (b"", b"identity")]
    if len(names) > MAX_CODINGS:
        return None
    for name in reversed(names):
        expanded = _expanded(body, _BITS.get(name, ()))
        if expanded is None:
            return None
        body = expanded
    return body


def _expanded(body: bytes, bits: tuple[int, ...]) -> bytes | None:
    for each in bits:
        stream = zlib.decompressobj(each)
        try:
            plain = stream.decompress(body, MAX_EXPANDED)
        except zlib.error:
            continue
        return plain if stream.eof else None
    return None


def _form(body: bytes) -> dict[str, str] | None:
    first = body[:512].lstrip(b"\r\n").split(b"\r\n", 1)[0].rstrip(b" \t")
    if not first.startswith(b"--") or len(first) < 3:
        return None
    fields: dict[str, str] = {}
    for part in (b"\r\n" + body.lstrip(b"\r\n")).split(b"\r\n" + first, MAX_PARTS)[1:]:
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if blank and name is not None and b"filename" not in head.lower() and len(value) <= MAX_VALUE:
            fields[(name.group(1) or name.group(2) or b"").decode("utf-8", "replace")] = value.decode(
                "utf-8", "replace"
            )
    return fields
