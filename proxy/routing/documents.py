"""What stands in the body of a request, for conditions and sticky keys.

1. A body is JSON, JSON with raw tensors behind it (OIP's binary extension: a field says where the JSON ends), or a form
   (RFC 7578), whose fields that are no files are members.
2. Content codings are taken off, within bounds (`expanded`).
3. JSON that is whole and costs little (`json_cost`) is parsed. Any other is looked through up to the value (`scan`): so
   a key at the beginning of a body is found, however large that is and whether its end has come or not.
4. What cannot be read is None, with the reason: the condition does not hold, the request has no key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from proxy.contracts.json_cost import is_costly
from proxy.contracts.unread_key import ABSENT, COST, ENCODING, NOT_JSON, TOO_LARGE
from proxy.routing.expanded import expanded
from proxy.routing.scan import CostlySearch, Scan

FieldOf = Callable[[bytes], "bytes | None"]
"""Header lookup of a request: lower-case name to value."""

MAX_PARTS: Final = 64
"""Parts of one form: the longest of OpenAI's API have twenty."""
MAX_VALUE: Final = 64 * 1024
"""Bytes of a field of a form."""

_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^;\s]*))', re.IGNORECASE)


def no_field(name: bytes) -> bytes | None:
    """The header lookup of a request without any."""
    return None


def member_of(body: bytes | None, pointer: str, field: FieldOf = no_field, whole: bool = True) -> tuple[object, str]:
    """The value at a JSON pointer (RFC 6901) of a body, and "", or None and why there is none.

    - `whole`: `body` is all of it, and not its beginning
    """
    if not body:
        return None, ABSENT
    opened = expanded(body, field(b"content-encoding"), whole)
    if opened is None:
        return None, ENCODING
    plain, whole = opened
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if (field(b"content-type") or b"").lower().startswith(b"multipart/form-data"):
        return _walked(_form(plain, whole), parts, whole)
    head = field(b"inference-header-content-length")
    if head is not None and head.isdigit() and len(head) < 10:
        whole = whole or len(plain) >= int(head)
        plain = plain[: int(head)]
    return _parsed(plain, parts) if whole and not is_costly(plain) else _scanned(plain, parts, whole)


def _parsed(plain: bytes, parts: list[str]) -> tuple[object, str]:
    try:
        document = json.loads(plain)
    except (ValueError, RecursionError):
        return None, NOT_JSON
    return _walked(document, parts, True)


def _walked(value: object, parts: list[str], whole: bool) -> tuple[object, str]:
    if value is None:
        return None, NOT_JSON
    try:
        for part in parts:
            value = _step(value, part)
    except (ValueError, LookupError, OverflowError):
        return None, ABSENT if whole else TOO_LARGE
    return value, "" if value is not None else ABSENT


def _step(value: object, part: str) -> object:
    if isinstance(value, dict):
        return value[part]
    if isinstance(value, list) and part.isascii() and part.isdigit():
        return value[int(part)]
    raise LookupError(part)


def _scanned(plain: bytes, parts: list[str], whole: bool) -> tuple[object, str]:
    try:
        value = Scan(plain).find(parts)
    except CostlySearch:
        return None, COST
    except LookupError:
        return None, ABSENT if whole else TOO_LARGE
    except (ValueError, RecursionError):
        return None, NOT_JSON
    return value, "" if value is not None else ABSENT


def _form(body: bytes, whole: bool) -> dict[str, str] | None:
    first = body[:512].lstrip(b"\r\n").split(b"\r\n", 1)[0].rstrip(b" \t")
    if not first.startswith(b"--") or len(first) < 3:
        return None
    fields: dict[str, str] = {}
    parts = (b"\r\n" + body.lstrip(b"\r\n")).split(b"\r\n" + first, MAX_PARTS)[1:]
    for part in parts if whole else parts[:-1]:
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if blank and name is not None and b"filename" not in head.lower() and len(value) <= MAX_VALUE:
            fields[(name.group(1) or name.group(2) or b"").decode("utf-8", "replace")] = value.decode(
                "utf-8", "replace"
            )
    return fields
