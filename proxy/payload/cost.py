"""What a body costs to read, estimated from its bytes before anything is made of them.

Rules:

1. A body is small on the wire and large once read: 4 MiB of `[],[],…` are 400 bytes of zstd and a hundred megabytes of
   lists. So its structural characters are counted, which takes milliseconds at most and makes nothing.
2. The cost is in values: what a number in an array takes, some 50 ns. An object takes more, since Python looks into it.
3. Characters inside strings build nothing. They count at first, since that is cheaper; where they are too many, the
   strings of a document are cut out as its parser would. A stream is parsed line by line, and one broken string would
   hide all that follows: there they count.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.payload.reading import HEAD_LENGTH, MAX_TENSOR_VALUES, Body, Unreadable, field
from proxy.payload.sse import is_stream

MAX_COST = 2 * MAX_TENSOR_VALUES
"""Cost of one body: some 30 ms, and 25 MB while it is read. The largest tensor of numbers is below."""

SMALL_BYTES = 8 * 1024
"""Bytes of a body that costs little, whatever stands in it: such bodies, which are nearly all, are not weighed."""

ARRAY, OBJECT, STRING, KEY, LINE = 2, 16, 8, 4, 20

BRACKETS: Mapping[bytes, int] = {b",": 1, b"[": ARRAY, b"{": OBJECT, b":": KEY}
STREAM: Mapping[bytes, int] = {b",": 1, b"[": ARRAY, b"{": OBJECT, b"\n": LINE, b"\r": LINE}


def refuse_costly(body: Body) -> None:
    """Raises Unreadable, `too_many_values`, for a body that costs more than `MAX_COST`. What stands behind a head of
    JSON (`oip_binary`) is no JSON: there the head is weighed."""
    if is_stream(body):
        refuse_costly_stream(body.data)
    elif not field(body.fields, HEAD_LENGTH):
        refuse_costly_document(body.data)


def may_be_costly(data: bytes) -> bool:
    """Whether JSON may cost more than `MAX_COST`, at a glance: what stands in strings counts."""
    return len(data) > SMALL_BYTES and _cost(data, BRACKETS) + _strings(data) > MAX_COST


def refuse_costly_document(data: bytes) -> None:
    """Raises Unreadable, `too_many_values`, for JSON that costs more than `MAX_COST`."""
    if may_be_costly(data):
        structure = outside_strings(data)
        if structure is None or _cost(structure, BRACKETS) + _strings(structure) > MAX_COST:
            raise Unreadable("too_many_values")


def outside_strings(data: bytes) -> bytes | None:
    """JSON with all strings empty, as far as it is JSON, the last one cut or not; None: there are too many of them."""
    # Without escapes each quote begins or ends a string.
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if _strings(plain) > MAX_COST:
        return None
    return b'""'.join(plain.split(b'"')[::2])


def refuse_costly_stream(data: bytes) -> None:
    """The same for a stream of events, or lines, of JSON."""
    if len(data) <= SMALL_BYTES or _structural(data) * LINE <= MAX_COST:
        return
    if _cost(data, STREAM) > MAX_COST:
        raise Unreadable("too_many_values")


def _structural(data: bytes) -> int:
    """Characters of `STREAM`, none of which weighs more than `LINE`: one pass in place of one for each."""
    return len(data) - len(data.translate(None, b",[{\n\r"))


def _cost(data: bytes, weights: Mapping[bytes, int]) -> int:
    return sum([data.count(character) * weight for character, weight in weights.items()])


def _strings(data: bytes) -> int:
    return data.count(b'"') // 2 * STRING
