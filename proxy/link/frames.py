"""The messages between a worker and control, and how they are framed on the Unix socket.

A frame is a length (4 bytes, big endian) and a MessagePack body with a `type` tag. Worker to control: `Hello` once,
then `Ticks` and `Records`. Control to worker: `Apply` after each `Hello` and with each new table, `Ack` for each tick
(which also renews the lease).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from proxy.contracts.record import Record, Tick
from proxy.contracts.table import Table

MAX_FRAME = 16 * 1024 * 1024
"""A larger length is a broken peer: the link is closed. Tables and ticks of a thousand routes are below, and a batch of
records is far below (`link.outbox`), so that decoding one takes control some milliseconds."""


class Hello(Struct, frozen=True, tag="hello"):
    """The introduction of a worker."""

    worker: int
    """Number of the worker, from 0."""
    incarnation: str
    """Start of the worker: unique."""
    pid: int
    """Process id."""


class Ticks(Struct, frozen=True, tag="tick"):
    """One tick. It is sent again after a reconnect until it is acknowledged; control counts it once."""

    tick: Tick


class Records(Struct, frozen=True, tag="records"):
    """A batch of records, oldest first, as a worker sends it."""

    worker: int
    incarnation: str
    records: list[Record]


class Apply(Struct, frozen=True, tag="apply"):
    """The table to follow from now on."""

    table: Table


class Ack(Struct, frozen=True, tag="ack"):
    """The receipt for a tick."""

    seq: int
    """Number of the tick that is counted."""
    sample: float = 1.0
    """Share (0 to 1) of the exchanges whose bodies control can take now."""


Message = Hello | Ticks | Records | Apply | Ack

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class BrokenLinkError(Exception):
    """The peer sent something that is not a frame; the connection cannot be used any more."""


def encode(message: Message) -> bytes:
    """One frame, ready to be written."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


encode_record = _encoder.encode_into
"""Appends one record, as it stands in a batch, to a bytearray: `encode_record(record, buffer, -1)`."""


class BatchWriter:
    """Puts encoded records into frames of `Records`, so that a worker need not keep what they were made of."""

    __slots__ = ("_start",)

    def __init__(self, worker: int, incarnation: str) -> None:
        empty = _encoder.encode(Records(worker, incarnation, []))
        assert empty.endswith(b"\x90")  # an array without members, as the last field
        self._start = empty[:-1]

    def frame(self, count: int, records: bytes | bytearray) -> bytes:
        """The frame of `count` records, encoded one after the other."""
        size = len(self._start) + 5 + len(records)
        return b"".join((size.to_bytes(4, "big"), self._start, b"\xdd", count.to_bytes(4, "big"), records))


class FrameReader:
    """Cuts a byte stream into messages: `feed` bytes as they arrive, get the messages that are complete."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages completed by `data`, in order. Raises BrokenLinkError on a frame that cannot be."""
        return [message for message, _ in self.feed_sized(data)]

    def feed_sized(self, data: bytes) -> list[tuple[Message, int]]:
        """The same, each with the bytes of its frame."""
        self._buffer += data
        messages: list[tuple[Message, int]] = []
        at = 0
        with memoryview(self._buffer) as buffer:
            while len(buffer) - at >= 4:
                size = int.from_bytes(buffer[at : at + 4], "big")
                if size > MAX_FRAME:
                    raise BrokenLinkError(f"a frame of {size} bytes is over the limit of {MAX_FRAME}")
                if len(buffer) - at - 4 < size:
                    break
                with buffer[at + 4 : at + 4 + size] as body:
                    messages.append((_decode(body), size))
                at += 4 + size
        del self._buffer[:at]
        return messages


def _decode(body: memoryview) -> Message:
    try:
        message: Message = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise BrokenLinkError(f"a frame cannot be read: {error}") from error
    return message
