"""The head of a picture: format, size, channels, bits. Nothing is decoded, and nothing is believed: numbers of a head
are features, and no memory is taken by them.

After the specifications: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), GIF89a, WebP (RFC 9649), BMP (as Windows writes it),
and TIFF 6.0. HEIC and AVIF are not read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from math import nan
from typing import NamedTuple

MAX_SEGMENTS = 256
"""Segments of a JPEG, or entries of a TIFF's directory, that are stepped over: cameras write some twenty."""

PALETTE, RGB, ALPHA = 3, 3, 4
PNG_CHANNELS = {0: 1, 2: RGB, 3: PALETTE, 4: 2, 6: ALPHA}
BMP_HEADERS = frozenset((12, 40, 52, 56, 64, 108, 124))
"""Bytes of the header behind that of the file: `BM` by itself begins texts as well."""
NO_FRAMES = frozenset((0xC4, 0xC8, 0xCC))
"""Markers among those of frames that are none: tables of codes, a reserved one, arithmetic conditioning."""


class Head(NamedTuple):
    """What a head says; NaN where it does not."""

    format: str
    width: float
    height: float
    channels: float = nan
    depth: float = nan
    """Bits of a channel, or of an index into a palette."""


def head_of(data: bytes) -> Head | None:
    """The head of a picture, from its first bytes; None: it is none. Never raises."""
    if not data.startswith(MAGICS):
        return None  # nearly all
    reader = next(reader for magic, reader in READERS.items() if data.startswith(magic))
    try:
        return reader(data)
    except (struct.error, IndexError):
        return None


def _png(data: bytes) -> Head:
    width, height = struct.unpack_from(">II", data, 16)
    depth, kind = (data[24], data[25]) if len(data) > 25 else (nan, -1)
    return Head("png", width, height, PNG_CHANNELS.get(kind, nan), depth)


def _gif(data: bytes) -> Head:
    width, height = struct.unpack_from("<HH", data, 6)
    return Head("gif", width, height, PALETTE, (data[10] & 7) + 1 if len(data) > 10 else nan)


def _webp(data: bytes) -> Head | None:
    kind = data[12:16]
    if data[8:12] != b"WEBP":
        return None
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Head("webp", width, height, ALPHA if data[20] & 0x10 else RGB, 8) if data[29:] else None
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Head("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), ALPHA if bits >> 28 & 1 else RGB, 8)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Head("webp", width & 0x3FFF, height & 0x3FFF, RGB, 8)
    return None


def _bmp(data: bytes) -> Head | None:
    (size,) = struct.unpack_from("<I", data, 14)
    if size not in BMP_HEADERS:
        return None
    width, height, planes, bits = struct.unpack_from("<HHHH" if size == min(BMP_HEADERS) else "<iiHH", data, 18)
    if planes != 1 or bits not in (1, 4, 8, 16, 24, 32):
        return None
    return Head("bmp", abs(width), abs(height), ALPHA if bits == 32 else RGB, min(bits, 8))


def _jpeg(data: bytes) -> Head:
    for marker, at in segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in NO_FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at)
            return Head("jpeg", width, height, channels, depth)
    return Head("jpeg", nan, nan)


def segments(data: bytes) -> list[tuple[int, int]]:
    """The markers of a JPEG up to its first scan, and where what they hold begins, behind its length. What cannot be
    stepped over is the end."""
    found: list[tuple[int, int]] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and len(found) < MAX_SEGMENTS:
        marker = data[at + 1]
        if marker == 0xFF:  # bytes may fill the space before a marker: past all of them at once
            at = _FILL.match(data, at).end() - 1  # type: ignore[union-attr] # it is there
            if at + 4 > len(data):
                break
            marker = data[at + 1]
        found.append((marker, at + 4))
        if marker == SCAN:
            break
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    return found


SCAN = 0xDA
"""The marker before coded values."""
_FILL = re.compile(rb"\xff+")


def _tiff(data: bytes) -> Head:
    order = "<" if data[:1] == b"I" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return Head("tiff", nan, nan)  # its directory stands behind its pixels, out of reach
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: dict[int, float] = {}
    for entry in range(at + 2, at + 2 + 12 * min(count, MAX_SEGMENTS), 12):
        if entry + 12 > len(data):
            break
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        where = entry + 8
        if kind == 3 and values > 2:
            (where,) = struct.unpack_from(order + "I", data, where)
        if kind in (3, 4) and where + 4 <= len(data):
            tags[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, where)[0]
    return Head("tiff", tags.get(256, nan), tags.get(257, nan), tags.get(277, 1), tags.get(258, 1))


READERS: dict[bytes, Callable[[bytes], Head | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _webp,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
"""The first bytes of a format, and the reader of its head."""
MAGICS = tuple(READERS)
