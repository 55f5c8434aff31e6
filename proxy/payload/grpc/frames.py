"""The messages of a gRPC body ("Length-Prefixed-Message" of gRPC over HTTP/2): a flag, four bytes of length, then one.

A message crosses the borders of DATA frames, so what is read here is the whole body. A compressed message is unpacked
by the coding that `grpc-encoding` names; all that are read at once are bounded as one content coding is.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.contracts.grpc_status import PREFIX, is_grpc
from proxy.payload.encoding import MAX_EXPANDED, decompress
from proxy.payload.reading import Body, Unreadable, field

MAX_MESSAGES = 65_536
"""Messages of one body that are read: an empty one is five bytes."""

ENCODING, ACCEPTED = b"grpc-encoding", b"grpc-accept-encoding"
CODINGS = frozenset((b"gzip", b"deflate"))
"""Codings that gRPC names; `identity` needs no reader."""
NO_CODING = frozenset((b"", b"identity"))
"""With which a message that says it is compressed is broken: every client fails such a call (`compression.md`)."""


def is_call(body: Body) -> bool:
    """Whether a body is of gRPC, by its content type."""
    return is_grpc(field(body.fields, b"content-type"))


def messages_of(data: bytes, fields: bytes) -> Iterator[tuple[bytes, int]]:
    """The messages in `data`, unpacked, each with the offset of its end. `fields`: header lines in lower case. Raises
    Unreadable: `binary` for a length that leads beyond the end, and for a compressed message of a call that has no
    coding; `coding`, `encoding`, `expansion`."""
    end = 0
    for message, end in whole_messages(data, fields):
        yield message, end
    if end != len(data):
        raise Unreadable("binary")


def whole_messages(data: bytes, fields: bytes) -> Iterator[tuple[bytes, int]]:
    """The same of a part of a body: those whose end is in it. Raises Unreadable, but not for what is cut."""
    at, end, count, room = 0, len(data), 0, MAX_EXPANDED
    while (begin := at + PREFIX) <= end:
        flag = data[at]
        if flag > 1:
            raise Unreadable("binary")
        at = begin + int.from_bytes(data[at + 1 : begin], "big")
        if at > end:
            return
        if count == MAX_MESSAGES:
            raise Unreadable("too_many_values")
        count += 1
        message = data[begin:at]
        if flag:
            message = _unpacked(message, fields)
            room -= len(message)
            if room < 0:
                raise Unreadable("expansion")
        yield message, at


def only_message(data: bytes) -> bytes | None:
    """The message of a body that has one, which is not compressed, as nearly all have; None of any other."""
    if len(data) < PREFIX or data[0] or int.from_bytes(data[1:PREFIX], "big") != len(data) - PREFIX:
        return None
    return data[PREFIX:]


def _unpacked(message: bytes, fields: bytes) -> bytes:
    coding = field(fields, ENCODING)
    if coding in NO_CODING:
        raise Unreadable("binary")
    if coding not in CODINGS:
        raise Unreadable("coding")
    return decompress(message, coding)


def is_taken(fields: bytes, asked: bytes) -> bool:
    """Whether the client takes the coding of an answer's messages; True where it does not say what it takes. `fields`,
    `asked`: header lines of the answer and of the request, in lower case."""
    taken = field(asked, ACCEPTED)
    return not taken or field(fields, ENCODING) in [each.strip() for each in taken.split(b",")]
