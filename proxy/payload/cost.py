"""What a body costs to read, estimated from its bytes before anything is made of them.

JSON is weighed as `contracts.json_cost` says. A stream of events is parsed line by line, and one broken string would
hide all that follows: there the characters inside strings count.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.contracts.json_cost import ARRAY, MAX_COST, OBJECT, SMALL_BYTES, is_costly, weight
from proxy.payload.reading import HEAD_LENGTH, Body, Unreadable, field
from proxy.payload.sse import is_stream

LINE = 20

STREAM: Mapping[bytes, int] = {b",": 1, b"[": ARRAY, b"{": OBJECT, b"\n": LINE, b"\r": LINE}


def refuse_costly(body: Body) -> None:
    """Raises Unreadable, `too_many_values`, for a body that costs more than `MAX_COST`. What stands behind a head of
    JSON (`oip_binary`) is no JSON: there the head is weighed. Neither is a form, which has few parts."""
    if len(body.data) * LINE <= MAX_COST:
        return  # were each byte the dearest
    if body.data.startswith(b"--") and field(body.fields, b"content-type").startswith(b"multipart/form-data"):
        return
    if is_stream(body):
        refuse_costly_stream(body.data)
    elif not field(body.fields, HEAD_LENGTH):
        refuse_costly_document(body.data)


def refuse_costly_document(data: bytes) -> None:
    """Raises Unreadable, `too_many_values`, for JSON that costs more than `MAX_COST`."""
    if is_costly(data):
        raise Unreadable("too_many_values")


def refuse_costly_stream(data: bytes) -> None:
    """The same for a stream of events, or lines, of JSON."""
    if len(data) <= SMALL_BYTES or _structural(data) * LINE <= MAX_COST:
        return
    if weight(data, STREAM) > MAX_COST:
        raise Unreadable("too_many_values")


def _structural(data: bytes) -> int:
    """Characters of `STREAM`, none of which weighs more than `LINE`: one pass in place of one for each."""
    return len(data) - len(data.translate(None, b",[{\n\r"))
