"""Frames of HTTP/2 as bytes, legal or not, and those that came (RFC 9113 §4.1, §6)."""

from __future__ import annotations

from typing import NamedTuple

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 1
END_HEADERS = 4
PADDED = 8
PRIORITIZED = 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_SIZE = 16_384
"""Bytes of payload that a frame may have until something else is said."""

Fields = list[tuple[bytes, bytes]]


class Frame(NamedTuple):
    """One that came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of a RST_STREAM or a GOAWAY."""
        return int.from_bytes(self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8], "big")


def frame(kind: int, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def came(data: bytes) -> list[Frame]:
    """The frames in what was written."""
    found: list[Frame] = []
    while data:
        end = 9 + int.from_bytes(data[:3], "big")
        found.append(Frame(data[3], data[4], int.from_bytes(data[5:9], "big"), data[9:end]))
        data = data[end:]
    return found


def data(stream: int = 1, payload: bytes = b"test", ended: bool = True) -> bytes:
    return frame(DATA, stream, payload, ended)


def priority(stream: int = 1, depends_on: int = 0, weight: int = 255) -> bytes:
    return frame(PRIORITY, stream, depends_on.to_bytes(4, "big") + bytes((weight,)))


def rst(stream: int = 1, code: int = 8) -> bytes:
    return frame(RST_STREAM, stream, code.to_bytes(4, "big"))


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs))


def ping(payload: bytes = bytes(8), flags: int = 0) -> bytes:
    return frame(PING, 0, payload, flags)


def window(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, stream, increment.to_bytes(4, "big"))


class Blocks:
    """Heads of one connection, whose table of fields they share."""

    def __init__(self) -> None:
        self.encoder = hpack.Encoder()

    def block(self, fields: Fields) -> bytes:
        encoded: bytes = self.encoder.encode(fields, huffman=False)
        return encoded

    def head(self, fields: Fields, stream: int = 1, flags: int = END_HEADERS | END_STREAM, more: bytes = b"") -> bytes:
        """`more`: behind the block."""
        return frame(HEADERS, stream, self.block(fields) + more, flags)

    def continuation(self, stream: int = 1, last: bool = True, fields: Fields | None = None) -> bytes:
        block = self.block([(b"x-dummy", b"x" * 100)] if fields is None else fields)
        return frame(CONTINUATION, stream, block, END_HEADERS * last)
