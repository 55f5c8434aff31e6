"""How light a picture is: the mean luminance of a part of it, from 0 to 1, in bounded time and memory.

| format | part |
|---|---|
| PNG | its first rows, 16 KiB of them; where it is interlaced, every eighth pixel |
| JPEG | its first blocks (`jpeg_scan`); all of them where it is progressive, and small |
| BMP, not packed, 24 or 32 bits | rows at equal distances |

Drift compares pictures with pictures: what part of each is looked at matters less than that it is always the same.
No library that decodes is used. Pictures come from strangers, such libraries are where their harm is done, and control
decides about releases: here nothing is unpacked beyond a bound, whatever a head claims. GIF, WebP, TIFF, indexed BMP
and PNG of fewer than 8 bits are not looked at.
"""

from __future__ import annotations

import struct
import zlib
from math import nan

import numpy as np

from proxy.payload.pictures.head import Head
from proxy.payload.pictures.jpeg_scan import mean_of

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

MAX_PIXELS = 16 * 1024
"""Bytes of pixels that are looked at: 4 ms of a PNG whose rows are predicted byte by byte."""
MAX_PACKED = 64 * 1024
"""Bytes of a PNG in which they are looked for."""
MAX_ROWS = 256
"""Rows of a PNG: a narrow one has no more of them than a square one."""
MAX_CHUNKS = 256
"""Chunks of a PNG that are stepped over."""

WEIGHTS = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue (ITU-R BT.601)."""
DEEP = 8
"""Bits of a channel from which on it is looked at."""
PNG_GREY, PNG_PALETTE, PNG_GREY_ALPHA = 0, 3, 4


def brightness_of(data: bytes, head: Head) -> float:
    """The mean luminance of a picture, from its first bytes; NaN where it is not looked at. Never raises."""
    try:
        if head.format == "jpeg":
            return mean_of(data)
        if head.format == "png":
            return _png(data, head)
        return _bmp(data, head) if head.format == "bmp" else nan
    except (zlib.error, struct.error, IndexError, ValueError):
        return nan


def _mean(pixels: Bytes) -> float:
    """Of pixels, shape (n, 1) or (n, 3) and more."""
    if not len(pixels):
        return nan
    means = pixels.mean(axis=0)
    return float(means[0] if len(means) < len(WEIGHTS) else means[:3] @ WEIGHTS) / 255.0


def _bmp(data: bytes, head: Head) -> float:
    begin, bits = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<H", data, 28)[0]
    packed = struct.unpack_from("<I", data, 30)[0]
    if data[14] < 40 or bits not in (24, 32) or packed not in (0, 3) or not head.width:
        return nan
    size = bits // 8
    stride = (int(head.width) * size + 3) & ~3
    rows = max(min((len(data) - begin) // stride, int(head.height)), 1)
    some = range(0, rows, 1 + rows * stride // MAX_PIXELS)
    length = min(int(head.width) * size, MAX_PIXELS)
    raw = b"".join([row[: len(row) // size * size] for at in some if (row := data[begin + at * stride :][:length])])
    return _mean(np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)[:, 2::-1])


def _png(data: bytes, head: Head) -> float:
    kind, interlaced = data[25], data[28]
    if head.depth not in (8, 16) or not head.width or head.channels != head.channels:
        return nan
    channels = 1 if kind == PNG_PALETTE else int(head.channels)
    size = channels * int(head.depth) // 8
    width = (int(head.width) + 7) // 8 if interlaced else int(head.width)
    height = (int(head.height) + 7) // 8 if interlaced else int(head.height)
    packed, palette = _chunks(data)
    raw = zlib.decompressobj().decompress(packed, MAX_PIXELS)
    pixels = _pixels(raw, min(width * size, MAX_PIXELS - 1) // size * size, 1 + width * size, height, size)
    pixels = pixels.reshape(-1, size)[:, :: size // channels]  # of two bytes the first
    if kind == PNG_PALETTE:
        colours = np.frombuffer(palette[: len(palette) // 3 * 3], dtype=np.uint8).reshape(-1, 3)
        return _mean(colours[pixels[:, 0]])
    return _mean(pixels[:, :1] if kind in (PNG_GREY, PNG_GREY_ALPHA) else pixels)


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """The packed pixels, as far as they are looked at, and the palette."""
    packed, palette, at = [], b"", 8
    for _ in range(MAX_CHUNKS):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IDAT":
            packed.append(data[at + 8 : at + 8 + min(size, MAX_PACKED)])
        elif kind == b"PLTE":
            palette = data[at + 8 : at + 8 + min(size, 768)]
        at += 12 + size
        if not kind or sum(map(len, packed)) >= MAX_PACKED:
            break
    return b"".join(packed), palette


def _pixels(raw: bytes, length: int, stride: int, rows: int, size: int) -> Bytes:
    """The pixels of rows of which each byte is told by its neighbours (filters, PNG section 9). `length`: bytes of a
    row that are looked at, `stride` from one row to the next, `size` bytes a pixel."""
    above: Bytes = np.zeros(length, dtype=np.uint8)
    found = []
    for at in range(0, min(len(raw), stride * min(rows, MAX_ROWS)), stride):
        row = np.frombuffer(raw[at + 1 : at + 1 + length], dtype=np.uint8)
        if len(row) < length:
            break
        above = _unfiltered(raw[at], row, above, size)
        found.append(above)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.uint8)


def _unfiltered(
    kind: int,
    row: Bytes,
    above: Bytes,
    size: int,
) -> Bytes:
    if kind == 0:
        return row
    if kind == 1:
        return row.reshape(-1, size).cumsum(axis=0, dtype=np.uint8).ravel()
    if kind == 2:
        return row + above
    told, upper = bytearray(size) + row.tobytes(), bytes(size) + above.tobytes()
    predicted = _average if kind == 3 else _paeth
    for at in range(size, len(told)):
        told[at] = told[at] + predicted(told[at - size], upper[at], upper[at - size]) & 0xFF
    return np.frombuffer(bytes(told[size:]), dtype=np.uint8)


def _average(left: int, up: int, _: int) -> int:
    return left + up >> 1


def _paeth(left: int, up: int, corner: int) -> int:
    """Of three neighbours the one that is nearest to what a plane through them would have here."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner
