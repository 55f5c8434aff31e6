"""The messages of a gRPC body ("Length-Prefixed-Message" of gRPC over HTTP/2): a flag, four bytes of length, then one.

A message crosses the borders of DATA frames, so what is read here is the whole body. A compressed message is unpacked
by the coding that `grpc-encoding` names, within the bound of all content codings.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.contracts.grpc_status import is_grpc
from proxy.payload.encoding import decompress
from proxy.payload.reading import Body, Unreadable, field

PREFIX = 5
"""Bytes before a message: 0 or 1 (compressed), and the length, high byte first."""

MAX_MESSAGES = 65_536
"""Messages of one body that are read: an empty one is five bytes."""

ENCODING = b"grpc-encoding"
CODINGS = frozenset((b"gzip", b"deflate"))
"""Codings that gRPC names; `identity` needs no reader."""


def is_call(body: Body) -> bool:
    """Whether a body is of gRPC, by its content type."""
    return is_grpc(field(body.fields, b"content-type"))


def messages_of(data: bytes, fields: bytes) -> Iterator[tuple[bytes, int]]:
    """The messages in `data`, unpacked, each with the offset of its end. `fields`: header lines in lower case. Raises
    Unreadable: `binary` for a length that leads beyond the end, `coding`, `encoding`, `expansion`."""
    at, end, count = 0, len(data), 0
    while at < end:
        if at + PREFIX > end:
            raise Unreadable("binary")
        begin = at + PREFIX
        at = begin + int.from_bytes(data[at + 1 : begin], "big")
        if at > end:
            raise Unreadable("binary")
        if count == MAX_MESSAGES:
            raise Unreadable("too_many_values")
        count += 1
        flag = data[begin - PREFIX]
        if flag > 1:
            raise Unreadable("binary")
        yield (_unpacked(data[begin:at], fields) if flag else data[begin:at]), at


def only_message(data: bytes, fields: bytes) -> bytes:
    """The message of a unary call, whose body has exactly one. Raises Unreadable; `empty_body` for none."""
    found = None
    for message, _ in messages_of(data, fields):
        if found is not None:
            raise Unreadable("schema")
        found = message
    if found is None:
        raise Unreadable("empty_body")
    return found


def _unpacked(message: bytes, fields: bytes) -> bytes:
    coding = field(fields, ENCODING)
    if coding not in CODINGS:
        raise Unreadable("coding")
    return decompress(message, coding)
