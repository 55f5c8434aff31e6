"""One side of a connection of HTTP/2 in memory, which says what it likes, and what it hears: cases of h2spec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tests.support.raw_frames import (
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Blocks,
    Frame,
    came,
    ping,
)

STREAM_CLOSED, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 5, 6, 9
"""Codes (RFC 9113 §7) that nobody but the engine says."""


class Socket(asyncio.Transport):
    """A socket in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes) and not self.ended
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.ended = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0


class Conversation(Blocks):
    """The peer of `protocol`, ours. `socket`: what ours has written."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.socket, self._protocol = Socket(), protocol
        protocol.connection_made(self.socket)

    def send(self, *sent: bytes) -> None:
        self._protocol.data_received(b"".join(sent))

    def frames(self) -> list[Frame]:
        return came(self.socket.written.removeprefix(PREFACE))

    def of(self, kind: int, stream: int | None = None) -> list[Frame]:
        return [each for each in self.frames() if each.kind == kind and stream in (None, each.stream)]


Verdict = tuple[str, tuple[int, ...]]
"""What a client hears: `connection` or `stream` with one of these codes, or nothing bad."""


def connection(*codes: int) -> Verdict:
    return "connection", codes


def stream(*codes: int) -> Verdict:
    return "stream", codes


ANSWERED: Final = "answered", ()
PONG: Final = "pong", ()
ACKNOWLEDGED: Final = "acknowledged", ()
ONE_BYTE: Final = "one byte", ()
CLOSED: Final = "closed", ()
"""The end of the connection, without a GOAWAY."""

IGNORED: Final = "ignored", ()
"""Nothing, and the connection goes on."""


def heard(peer: Conversation) -> Callable[[Verdict], bool]:
    """Whether a client has heard something."""

    def is_so(verdict: Verdict) -> bool:
        kind, codes = verdict
        goaways, resets = peer.of(GOAWAY), peer.of(RST_STREAM)
        if kind == "connection":
            return peer.socket.ended and [each.code for each in goaways] == [codes[0]]
        if kind == "stream":
            return any(each.code in codes for each in (*goaways, *resets))
        if goaways or peer.socket.ended:
            return kind == "closed" and not goaways
        if kind == "ignored":
            peer.send(ping(b"go on...", 0))
            return not resets and peer.of(PING)[-1].payload == b"go on..."
        if kind == "pong":
            return [each.payload for each in peer.of(PING) if each.flags] == [bytes(8)]
        if kind == "acknowledged":
            return len([each for each in peer.of(SETTINGS) if each.flags]) == 2
        if kind == "one byte":
            return [len(each.payload) for each in peer.of(DATA, 1)][:1] == [1]
        return len(peer.of(HEADERS, 1)) == 1 and not resets

    return is_so
