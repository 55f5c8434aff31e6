"""Frames of HTTP/2 as bytes (RFC 9113 §4.1 and §6)."""

from __future__ import annotations

from typing import Final

from proxy.http2.codes import FRAME_SIZE_ERROR, PROTOCOL_ERROR, WRONG_SIZE, Http2Error

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9
"""Types of frames."""

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20
"""Flags of frames."""

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
"""Numbers of settings (RFC 9113 §6.5.2)."""

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client says first (RFC 9113 §3.4)."""

FRAME_HEAD: Final = 9
"""Bytes before the payload of a frame."""

FRAME_SIZE: Final = 16_384
"""Bytes of a payload at most, here and where a peer allows more: streams take turns by frames."""

MOST_WINDOW: Final = 2**31 - 1
"""Bytes of a window at most."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame.

    >>> frame(PING, ACK, 0, bytes(8)).hex()
    '0000080601000000000000000000000000'
    """
    return begun(len(payload), kind, flags) + stream.to_bytes(4, "big") + payload


MAX_REMEMBERED: Final = 2_048
"""Beginnings of frames that are remembered: most frames are as long as one before."""

_begun: dict[int, bytes] = {}


def begun(length: int, kind: int, flags: int) -> bytes:
    """The first bytes of a frame; the number of its stream stands behind them."""
    said = length << 16 | kind << 8 | flags
    known = _begun.get(said)
    if known is None:
        if len(_begun) >= MAX_REMEMBERED:
            _begun.clear()
        known = _begun[said] = said.to_bytes(5, "big")
    return known


def settings_frame(settings: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    entries = [number.to_bytes(2, "big") + value.to_bytes(4, "big") for number, value in settings.items()]
    return frame(SETTINGS, 0, 0, b"".join(entries))


def headers_frames(block: bytes, flags: int, stream: bytes) -> bytes:
    """A block of fields as a HEADERS frame, and CONTINUATION frames where it is large; `stream`: its number."""
    if len(block) <= FRAME_SIZE:
        return begun(len(block), HEADERS, flags | END_HEADERS) + stream + block
    parts: list[bytes] = []
    kind = HEADERS
    for at in range(0, len(block), FRAME_SIZE):
        piece = block[at : at + FRAME_SIZE]
        last = END_HEADERS if at + FRAME_SIZE >= len(block) else 0
        parts.append(begun(len(piece), kind, (flags if kind == HEADERS else 0) | last) + stream + piece)
        kind = CONTINUATION
    return b"".join(parts)


def unpadded(flags: int, payload: bytes, skipped: int) -> tuple[int, int]:
    """Where the content begins and ends, behind so many skipped bytes. Raises Http2Error."""
    padded = bool(flags & PADDED)
    begin = skipped + padded
    end = len(payload)
    if padded:
        if not end:
            raise Http2Error(FRAME_SIZE_ERROR, WRONG_SIZE)
        end -= payload[0]
    if begin > end:
        raise Http2Error(PROTOCOL_ERROR, "a frame is padded by more than it has")
    return begin, end
